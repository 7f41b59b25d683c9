from __future__ import annotations

import pytest
from made_cases import CLOSED, HALF_OPEN, OPEN, decided, edge, made

from harness.judge.checkers.fallbacks.breakers import EDGES_KEPT, NOT_JUDGED, BreakerLegality, breakers_as_json
from harness.judge.entry import Status

ROUND = [
    edge(1, "a", CLOSED, OPEN),
    edge(2, "a", OPEN, HALF_OPEN, "open time over"),
    edge(3, "a", HALF_OPEN, OPEN, "probe failed: 1 failed"),
    edge(4, "a", OPEN, HALF_OPEN, "open time over"),
    edge(5, "a", HALF_OPEN, CLOSED, "probes succeeded: 1 succeeded"),
]


class TestLegality:
    def test_a_round_of_legal_edges_and_calls_under_closed_and_half_open_breakers_is_valid(self):
        cases = [made("a0 ok closed"), made("a0 ok half_open"), made("a0 rejected open, b1 ok")]
        entry = decided(BreakerLegality(ROUND), cases)
        assert entry.status is Status.VALID
        assert "0 of 7 " in entry.detail

    @pytest.mark.parametrize(
        ("before", "after"), [(CLOSED, HALF_OPEN), (OPEN, CLOSED), (OPEN, OPEN), (HALF_OPEN, HALF_OPEN)]
    )
    def test_an_illegal_edge_is_found_and_quoted(self, before, after):
        entry = decided(BreakerLegality([*ROUND, edge(6, "gpu", before, after)]), [])
        assert (entry.status, entry.actual) == (Status.INVALID, "1")
        assert f"gpu: {before} to {after} (failures in a row: 5)" in entry.detail

    def test_it_says_first_what_it_does_not_judge(self):
        nineteen_probes = [made("a0 ok half_open", ordinal=n) for n in range(19)]
        entry = decided(BreakerLegality(ROUND), nineteen_probes)
        assert entry.status is Status.VALID
        assert entry.detail.startswith(NOT_JUDGED)

    @pytest.mark.parametrize("cause", ["forced open: until reset", "reset"])
    def test_forced_edges_may_be_any(self, cause):
        assert decided(BreakerLegality([edge(1, "a", OPEN, CLOSED, cause)]), []).status is Status.VALID

    def test_a_call_let_through_an_open_breaker_is_found_and_quoted(self):
        entry = decided(BreakerLegality(ROUND), [made("a0 ok closed"), made("a0 ok open", ordinal=4)])
        assert (entry.status, entry.examples) == (Status.INVALID, (4,))
        assert "a@0 ok, breaker open" in entry.detail

    def test_a_call_let_through_because_all_breakers_were_open_is_legal(self):
        case = made("a0 failed open, default1 ok")
        reason = "all breakers open; ConnectionError: 503"
        forced = case._replace(attempts=[case.attempts[0]._replace(reason=reason), case.attempts[1]])
        assert decided(BreakerLegality([]), [forced]).status is Status.VALID

    def test_where_nothing_tells_of_a_breaker_it_is_unknown_and_not_required(self):
        entry = decided(BreakerLegality([]), [made("a0 ok")])
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)


def test_edges_of_all_workers_are_counted_and_the_first_ones_shown_in_order_of_time():
    later = [edge(10_000_000_000 + n, "b", CLOSED, OPEN) for n in range(300)]
    shown = breakers_as_json({0: later, 1: ROUND})
    assert shown["count"] == 305
    assert shown["by_breaker"]["a"] == {
        "closed to open": 1,
        "half_open to closed": 1,
        "half_open to open": 1,
        "open to half_open": 2,
    }
    assert len(shown["edges"]) == EDGES_KEPT
    assert [found["worker"] for found in shown["edges"][:6]] == [1, 1, 1, 1, 1, 0]
    assert shown["edges"][5]["at_unix_s"] == 10.0
    assert shown["edges"][0]["cause"] == "failures in a row: 5"
