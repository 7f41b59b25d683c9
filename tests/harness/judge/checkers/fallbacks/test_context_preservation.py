from __future__ import annotations

import pytest
from made_cases import MS, decided, made

from harness.judge.checkers.fallbacks.context_preservation import RouteHistory, StatePreservation
from harness.judge.entry import Status


def told(tried, *sums):
    """Return a case whose attempts tell the given (given, left)."""
    case = made(tried, ordinal=5)
    pairs = zip(case.attempts, sums, strict=True)
    return case._replace(attempts=[attempt._replace(given=given, left=left) for attempt, (given, left) in pairs])


class TestStatePreservation:
    @pytest.mark.parametrize(
        "case",
        [
            told("a0 failed, b1 ok", (7, 7), (7, 7)),
            told("a0 failed, b1 ok", (7, 8), (8, 8)),  # a declared write
            told("a0 rejected open, b1 ok", (None, 7), (7, 7)),
        ],
    )
    def test_context_as_the_attempt_before_left_it_is_valid(self, case):
        entry = decided(StatePreservation(), [case, made("a0 ok")])
        assert entry.status is Status.VALID
        assert "0 of 1 " in entry.detail

    @pytest.mark.parametrize(
        "case",
        [
            told("a0 failed, b1 ok", (7, 7), (8, 8)),
            told("a0 failed, b1 ok", (7, 8), (7, 7)),  # a declared write that got lost
            told("a0 rejected open, b1 ok", (None, 7), (8, 8)),
        ],
    )
    def test_context_that_changed_on_the_way_is_found(self, case):
        entry = decided(StatePreservation(), [told("a0 failed, b1 ok", (7, 7), (7, 7)), case])
        assert (entry.status, entry.examples) == (Status.INVALID, (5,))

    def test_what_tells_no_context_is_unknown_and_not_required(self):
        entry = decided(StatePreservation(), [made("a0 failed, b1 ok"), told("a0 ok", (7, 7))])
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)
        assert "protected=" in entry.detail


class TestRouteHistory:
    def test_whole_histories_are_valid_and_counted(self):
        cases = [made("a0 failed, a0 failed, b1 ok"), made("a0 rejected open, b1 ok"), made("a0 ok"), made()]
        entry = decided(RouteHistory(), cases)
        assert entry.status is Status.VALID
        assert "0 of 2 " in entry.detail

    @pytest.mark.parametrize(
        ("case", "gap"),
        [
            (made(tier=1), "no attempts"),
            (made("a0 failed, b1 ok", attempts=3), "attempts missing"),
            (made("b1 ok"), "no primary"),
            (made("a0 failed, b1 ok", tier=2), "no attempt that answered"),
        ],
    )
    def test_a_gap_is_found_and_named(self, case, gap):
        entry = decided(RouteHistory(), [made("a0 failed, b1 ok"), case])
        assert entry.status is Status.INVALID
        assert f"{gap} 1" in entry.detail

    def test_an_attempt_outside_the_time_of_its_operation_is_a_gap(self):
        case = made("a0 failed, b1 ok")
        late = case.attempts[1]._replace(end_ns=case.operation.end_ns + MS)
        entry = decided(RouteHistory(), [case._replace(attempts=[case.attempts[0], late])])
        assert "outside the operation's time 1" in entry.detail

    def test_a_run_without_fallbacks_is_unknown(self):
        assert decided(RouteHistory(), [made("a0 ok")]).status is Status.UNKNOWN
