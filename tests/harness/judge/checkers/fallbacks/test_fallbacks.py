from __future__ import annotations

import pytest
from made_cases import decided, made, stopped

from harness.judge.checkers.fallbacks.fallback_loop import FallbackLoop
from harness.judge.checkers.fallbacks.fallbacks import FallbackCorrectness
from harness.judge.checkers.fallbacks.silent_fallback import SilentFallback
from harness.judge.entry import EXAMPLES, Status
from harness.words.operation import Flag, Outcome

A_FAILED_B_SERVED = (("gpu-a", 10, 20, "failed"), ("gpu-b", 20, 30, "served"))

CLEAN = [
    made("a0 ok"),
    made("a0 failed, a0 ok"),
    made("a0 failed, a0 timeout, b1 ok"),
    made("a0 rejected open, b1 ok"),
    made("a0 rejected half_open, b1 ok"),
    made("a0 timeout, b1 skipped, default2 ok"),
    made("a0 failed, b1 rejected open, default2 ok"),
    made("a0 failed, b1 failed, default2 failed"),
    made("a0 ok, c0 failed, d1 ok", tier=1, route="a/d", asked_route="a/c"),  # two chains, one after the other
    made("a0 failed, b1 cancelled", **stopped()),
    made("a0 failed, b1 cancelled", outcome=Outcome.CANCELLED, route=None, tier=0),
    made(),
]


class TestSilentFallback:
    def test_another_backend_that_served_after_the_first_failed_and_nobody_told_is_found_and_quoted(self):
        entry = decided(SilentFallback(), [made(), made(ordinal=7, calls=A_FAILED_B_SERVED)])
        assert entry.status is Status.INVALID
        assert (entry.actual, entry.examples) == ("1", (7,))
        assert "0-7 ok, route 'fast', tier 0 | calls gpu-a failed, gpu-b served" in entry.detail

    @pytest.mark.parametrize("outcome", ["refused", "failed", "cancelled"])
    def test_whatever_kept_the_first_backend_from_serving(self, outcome):
        calls = (("gpu-a", 10, 20, outcome), ("gpu-b", 20, 30, "served"))
        assert decided(SilentFallback(), [made(calls=calls)]).status is Status.INVALID

    @pytest.mark.parametrize(
        "told",
        [
            made("a0 failed, b1 ok", calls=A_FAILED_B_SERVED),
            made(calls=A_FAILED_B_SERVED, tier=1),
            made(calls=A_FAILED_B_SERVED, attempts=2),
            made(calls=A_FAILED_B_SERVED, outcome=Outcome.FAILED, route=None),
            made(calls=(*A_FAILED_B_SERVED, ("gpu-a", 30, 40, "served"))),
            made(calls=(("gpu-a", 10, 20, "failed"), ("gpu-a", 20, 30, "served"))),
            made(calls=(("gpu-a", 10, 20, "failed"), ("gpu-b", 12, 30, "served"))),  # asked at the same time
            made(calls=(("embedder", 10, 20, "failed"), ("gpu-b", 60, 70, "served")),
                 spans=(("enrich", "enrich", 0, 50), ("router", "route", 50, 100))),
        ],
    )  # fmt: skip
    def test_what_is_told_or_is_no_fallback_is_none(self, told):
        assert decided(SilentFallback(calls=2), [made(), told]).status is Status.VALID

    def test_a_fallback_that_is_told_and_did_not_happen_is_found(self):
        entry = decided(SilentFallback(), [made("a0 ok", tier=1)])
        assert entry.status is Status.INVALID
        assert "told and not happened 1" in entry.detail

    @pytest.mark.parametrize("case", CLEAN)
    def test_clean_cases_are_clean(self, case):
        assert decided(SilentFallback(), [case]).status is not Status.INVALID

    def test_it_says_how_many_it_looked_at(self):
        assert "0 of 300 (rate below 0.01" in decided(SilentFallback(calls=2), [made()] * 300).detail

    def test_nothing_that_ended_ok_is_unknown_and_not_required(self):
        entry = decided(SilentFallback(), [made("a0 failed, default1 failed")])
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)

    def test_it_does_not_vouch_for_operations_that_no_logged_call_can_be_tied_to(self):
        entry = decided(SilentFallback(calls=96, untied=96), [made()] * 96)
        assert (entry.status, entry.actual, entry.required) == (Status.UNKNOWN, None, False)
        assert "96 of 96 calls in the backends' logs carry no operation" in entry.detail

    def test_without_logs_and_attempts_there_is_nothing_to_look_at(self):
        entry = decided(SilentFallback(), [made()] * 3)
        assert entry.status is Status.UNKNOWN
        assert "3 of 3 operations not looked at" in entry.detail

    @pytest.mark.parametrize(
        ("telling", "silent", "status"),
        [(3, 2, Status.VALID), (2, 2, Status.VALID), (2, 3, Status.UNKNOWN)],
    )
    def test_it_is_unknown_where_most_could_not_be_looked_at_and_says_so_where_some(self, telling, silent, status):
        entry = decided(SilentFallback(calls=5, untied=5), [made("a0 ok")] * telling + [made()] * silent)
        assert entry.status is status
        assert f"{silent} of {telling + silent} operations not looked at" in entry.detail
        assert f"0 of {telling} " in entry.detail

    def test_a_few_calls_that_carry_no_operation_are_said(self):
        entry = decided(SilentFallback(calls=10, untied=5), [made()] * 10)
        assert entry.status is Status.VALID
        assert entry.detail.startswith("5 of 10 calls in the backends' logs carry no operation, ")

    def test_a_violation_stands_whatever_could_not_be_looked_at(self):
        cases = [made(ordinal=7, calls=A_FAILED_B_SERVED), *[made()] * 9]
        assert decided(SilentFallback(calls=10, untied=8), cases).examples == (7,)


class TestFallbackCorrectness:
    @pytest.mark.parametrize(
        "tried",
        [
            "b1 ok",  # nobody says why not the primary
            "a0 rejected closed, b1 ok",
            "a0 ok, b1 ok",
            "a0 cancelled, b1 ok",
            "a0 failed, b1 rejected closed, c2 ok",
        ],
    )
    def test_a_fallback_whose_primary_had_not_given_way_is_false(self, tried):
        entry = decided(FallbackCorrectness(), [made("a0 ok"), made(tried, ordinal=3)])
        assert entry.status is Status.INVALID
        assert entry.examples == (3,)
        assert "false 1" in entry.detail
        assert "attempts " in entry.detail

    @pytest.mark.parametrize("tried", ["a0 failed, c2 ok", "a0 failed, c2 failed, b1 ok"])
    def test_tiers_left_out_or_turned_round_are_out_of_order(self, tried):
        entry = decided(FallbackCorrectness(), [made(tried)])
        assert "order 1" in entry.detail

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.TIMEOUT])
    def test_a_next_route_that_others_tried_and_this_one_did_not_is_missed(self, outcome):
        given_up = [made("a0 failed", ordinal=n, outcome=outcome) for n in range(1, 30)]
        entry = decided(FallbackCorrectness(), [*given_up, made("a0 failed, b1 ok")])
        assert (entry.status, entry.actual) == (Status.INVALID, "29")
        assert len(entry.examples) == EXAMPLES

    def test_where_no_operation_shows_a_next_route_nothing_is_missed(self):
        assert decided(FallbackCorrectness(), [made("a0 failed"), made("c0 failed, d1 ok")]).status is Status.VALID

    @pytest.mark.parametrize(
        "fields",
        [stopped(), {"outcome": Outcome.CANCELLED}, {"outcome": Outcome.SHED}, {"outcome": Outcome.OK, "route": "a"}],
    )
    def test_an_operation_that_was_cancelled_or_ended_ok_missed_nothing(self, fields):
        cases = [made("a0 failed, b1 ok"), made("a0 failed", **fields)]
        assert decided(FallbackCorrectness(), cases).status is Status.VALID

    def test_clean_cases_are_clean_together(self):
        entry = decided(FallbackCorrectness(), CLEAN)
        assert entry.status is Status.VALID
        assert "0 of 10 " in entry.detail

    def test_a_target_that_tells_no_attempts_is_unknown_and_not_required(self):
        entry = decided(FallbackCorrectness(), [made(tier=1)])
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)
        assert "no attempts" in entry.detail


@pytest.mark.parametrize("checker", [FallbackCorrectness, FallbackLoop])
class TestUntold:
    @pytest.mark.parametrize(
        ("telling", "untold", "status"),
        [(3, 2, Status.VALID), (2, 3, Status.UNKNOWN)],
    )
    def test_operations_that_tell_no_attempts_are_said_and_make_it_unknown_where_they_are_most(
        self, checker, telling, untold, status
    ):
        entry = decided(checker(), [made("a0 failed, b1 ok")] * telling + [made()] * untold)
        assert (entry.status, entry.required) == (status, status is Status.VALID)
        assert f"{untold} of {telling + untold} operations not looked at" in entry.detail

    def test_one_that_the_harness_stopped_is_none_of_them(self, checker):
        entry = decided(checker(), [made("a0 ok"), *[made(**stopped())] * 3])
        assert entry.status is Status.VALID
        assert "not looked at" not in entry.detail


class TestFallbackLoop:
    @pytest.mark.parametrize(
        ("tried", "kinds"),
        [
            ("a0 failed, b1 failed, a0 failed, b1 ok", "route recurs 1, tier decreases 1"),
            ("a0 failed, b1 failed, a2 ok", "route recurs 1"),
            ("a0 failed, a1 ok", "route recurs 1"),
            ("a0 failed, b1 failed, c0 ok", "tier decreases 1"),
        ],
    )
    def test_circles_are_found(self, tried, kinds):
        entry = decided(FallbackLoop(), [made("a0 ok"), made(tried, ordinal=2)])
        assert (entry.status, entry.examples) == (Status.INVALID, (2,))
        assert kinds in entry.detail

    def test_clean_cases_are_clean_together(self):
        assert decided(FallbackLoop(), CLEAN).status is Status.VALID


def test_a_flagged_operation_is_left_to_silent_failure():
    case = made(flag=Flag.NO_ROUTE, route=None, calls=A_FAILED_B_SERVED)
    assert decided(SilentFallback(calls=2), [case, made()]).status is Status.VALID
