"""Steps: exactly the operations whose outcome was known in the step, after its warm-up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.criteria.steps import BIN_NS, MOST_BINS, Step, Steps
from harness.words.operation import Flag, Operation, Outcome

MakeOperation = Callable[..., Operation]
S = 1_000_000_000
START = 1_740_000_000 * S
EDGES = [(START, START + 20 * S), (START + 21 * S, START + 40 * S), (START + 40 * S, START + 45 * S)]
STEPS = [Step(users, begin, end) for users, (begin, end) in zip((1, 5, 10), EDGES, strict=True)]


def ending(make: MakeOperation, end_ns: int, response_ms: float, **fields: object) -> Operation:
    return make(intended_ns=end_ns - round(response_ms * 1e6), end_ns=end_ns, **fields)


def folded(steps: Sequence[Step], operations: Sequence[Operation]) -> list[dict[str, object]]:
    fold = Steps(steps)
    for each in operations:
        fold.add(each)
    return fold.as_json()


def steady(make: MakeOperation, begin: int, end: int, every_ns: int = 20_000_000) -> list[Operation]:
    """Responses of 9 to 11 ms whose mean is the same in every bin of 0.1 s."""
    return [ending(make, at, 9 + number % 5 / 2) for number, at in enumerate(range(begin, end, every_ns))]


def test_operations_count_in_the_step_in_which_their_outcome_was_known(operation: MakeOperation) -> None:
    at = [START - 1, START, START + 20 * S - 1, START + 20 * S, START + 21 * S, START + 40 * S, START + 45 * S]
    rows = folded(STEPS, [ending(operation, end_ns, 5) for end_ns in at])
    assert [row["operations"] for row in rows] == [2, 1, 1]
    assert [row["users"] for row in rows] == [1, 5, 10]
    assert [(row["from_ns"], row["to_ns"]) for row in rows] == EDGES


@given(st.permutations(range(30)))
def test_the_order_of_operations_does_not_matter(operation: MakeOperation, order: list[int]) -> None:
    operations = [ending(operation, START + number * 3 * S // 2, 1 + number) for number in range(30)]
    assert folded(STEPS, [operations[number] for number in order]) == folded(STEPS, operations)


def test_a_warm_up_is_left_out_and_nothing_else(operation: MakeOperation) -> None:
    begin, end = EDGES[0]
    cold = [ending(operation, at, 500) for at in range(begin, begin + 2 * S, 20_000_000)]
    warm = steady(operation, begin + 2 * S, end)
    row = folded(STEPS[:1], cold + warm)[0]
    assert row["warm_up_s"] == 2.0
    assert row["seconds"] == 18.0
    assert row["operations"] == len(warm)
    assert row["throughput_rps"] == pytest.approx(50)
    assert row["p99_ms"] == pytest.approx(11, rel=1e-3)
    assert row["p50_ms"] == pytest.approx(10, rel=1e-3)


def test_a_steady_step_has_no_warm_up(operation: MakeOperation) -> None:
    row = folded(STEPS[:1], steady(operation, *EDGES[0]))[0]
    assert (row["warm_up_s"], row["seconds"]) == (0.0, 20.0)


def test_where_no_steady_state_is_found_nothing_is_left_out(operation: MakeOperation) -> None:
    begin, end = EDGES[0]
    growing = [ending(operation, at, (at - begin) / S + 1) for at in range(begin, end, 20_000_000)]
    few = steady(operation, *EDGES[2], every_ns=S // 2)[:9]
    rows = folded(STEPS, growing + few)
    assert (rows[0]["warm_up_s"], rows[0]["operations"]) == (None, len(growing))
    assert (rows[2]["warm_up_s"], rows[2]["operations"]) == (None, 9)
    assert rows[0]["warm_up_unknown"] == "no steady state"
    assert rows[2]["warm_up_unknown"] == "fewer than 10 operations ended ok"


@pytest.mark.parametrize("every_ns", [S // 4, S // 3, S])
def test_the_few_operations_of_one_user_who_thinks_are_enough_to_find_its_warm_up(
    operation: MakeOperation, every_ns: int
) -> None:
    begin, end = EDGES[0]
    cold = [ending(operation, at, 500) for at in range(begin + every_ns // 2, begin + 4 * S, every_ns)]
    warm = steady(operation, begin + 4 * S + every_ns // 2, end, every_ns)
    row = folded(STEPS[:1], cold + warm)[0]
    assert 4.0 <= row["warm_up_s"] <= 6.5
    assert row["warm_up_unknown"] is None
    assert row["p99_ms"] == pytest.approx(11, rel=1e-2)


def test_a_short_step_with_many_operations_is_trimmed_as_well(operation: MakeOperation) -> None:
    begin, _ = EDGES[2]
    cold = [ending(operation, at, 500) for at in range(begin, begin + S, 20_000_000)]
    row = folded([Step(1, begin, begin + 4 * S)], cold + steady(operation, begin + S, begin + 4 * S))[0]
    assert (row["warm_up_s"], row["operations"]) == (1.0, 150)


def test_a_step_that_was_never_reached_has_no_numbers(operation: MakeOperation) -> None:
    steps = [Step(7, None, START + S), Step(8, START, None), Step(9), Step(10, START, START + BIN_NS - 1)]
    rows = folded(steps, [ending(operation, START + 10, 5)])
    assert [row["users"] for row in rows] == [7, 8, 9, 10]
    assert all(set(row) == {"users", "from_ns", "to_ns", "held"} for row in rows)


def test_outcomes_are_counted_and_only_what_ended_ok_has_latency(
    operation: MakeOperation, undecided: MakeOperation
) -> None:
    ok = [ending(operation, START + number, 10) for number in range(5)]
    failed = [ending(undecided, START + 100 + number, 900, outcome=Outcome.FAILED) for number in range(3)]
    stopped = ending(undecided, START + 200, 900, outcome=Outcome.CANCELLED, flag=Flag.STOPPED)
    row = folded(STEPS, [*ok, *(each._replace(outcome=Outcome.FAILED) for each in failed), stopped])[0]
    assert (row["operations"], row["ok"], row["failed"], row["cancelled"]) == (8, 5, 3, 0)
    assert row["p99_ms"] == pytest.approx(10, rel=1e-2)


def test_latency_of_a_minority_stands_for_nothing(operation: MakeOperation) -> None:
    failed = [ending(operation, START + number, 900)._replace(outcome=Outcome.FAILED) for number in range(3)]
    row = folded(STEPS, [ending(operation, START, 10), *failed])[0]
    assert (row["p50_ms"], row["p95_ms"], row["p99_ms"]) == (None, None, None)
    assert folded(STEPS, [])[0]["p50_ms"] is None
    assert folded(STEPS, [])[0]["operations"] == 0


def test_the_memory_of_a_long_step_is_bounded(operation: MakeOperation) -> None:
    hour = Step(1, START, START + 3600 * S)
    fold = Steps([hour])
    for at in range(START, START + 3600 * S, S // 2):
        fold.add(ending(operation, at, 10))
    assert 3600 * S // BIN_NS > MOST_BINS
    measured = fold._measured[0]
    assert len(measured._sums) <= MOST_BINS
    assert fold.as_json()[0]["operations"] == 7200
