from __future__ import annotations

import pytest

from harness.judge.checkers.outcomes.vocabulary import UnknownRoutes
from harness.judge.entry import EXAMPLES, Status
from harness.load.corpus.corpus import Scenario
from harness.load.corpus.vocabulary import Vocabulary
from harness.words.operation import LABELS_KEPT, Flag, Outcome


def scenarios(*routes):
    return [Scenario(str(number), "text", 5, expected_route=route) for number, route in enumerate(routes)]


def folded(vocabulary, operations):
    fold = UnknownRoutes(vocabulary)
    for operation in operations:
        fold.add(operation)
    return fold


MOST = Vocabulary.of(scenarios("fast", "premium", None))
FEW = Vocabulary.of(scenarios("fast", None, None, None))


def test_a_route_that_no_scenario_expects_is_counted_and_named(operation):
    odd = [operation(n, route="moon" if n % 2 else "mars", expected_route=None) for n in range(30)]
    fold = folded(MOST, [operation(100, route="premium"), *odd])
    row = fold.close()
    assert row is not None
    assert (row.status, row.actual, row.examples) == (Status.VALID, "30 unknown", tuple(op.id for op in odd[:EXAMPLES]))
    assert "mars 15, moon 15, in 30 of 31 operations" in row.detail
    assert row.concern == "30 operations went to routes that the corpus names nowhere"
    assert fold.count == 30


def test_a_corpus_with_few_expected_routes_does_not_claim_to_name_all(operation):
    row = folded(FEW, [operation(1, route="moon", expected_route=None)]).close()
    assert row is not None
    assert (row.status, row.concern) == (Status.VALID, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"route": "fast"},
        {"route": "standby", "asked_route": "fast", "tier": 1},  # a fallback answered; the decision is who was asked
        {"route": "standby", "asked_route": None, "tier": 1},
        {"route": "moon", "outcome": Outcome.FAILED},
        {"route": None, "flag": Flag.NO_ROUTE},
        {"route": "mo…", "flag": Flag.OVERSIZED},
    ],
)
def test_known_routes_and_what_is_for_other_checks_are_not_counted(operation, fields):
    fold = folded(MOST, [operation(1, **fields)])
    assert (fold.close(), fold.count) == (None, 0)


def test_a_corpus_without_routes_has_no_vocabulary(operation):
    assert Vocabulary.of(scenarios(None, None)) is None
    fold = folded(None, [operation(1, route="moon")])
    assert (fold.close(), fold.count) == (None, None)


def test_ever_new_routes_take_bounded_room(operation):
    row = folded(MOST, [operation(n, route=f"r{n}") for n in range(3 * LABELS_KEPT)]).close()
    assert row is not None
    assert row.actual == "600 unknown"
    assert len(row.detail) < 200
