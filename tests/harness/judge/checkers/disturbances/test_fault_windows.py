from __future__ import annotations

import pytest
from made_cases import PLAN, at, made, opened, windows

from harness.judge.checkers.disturbances.fault_windows import (
    Hits,
    WindowFold,
    changes_rules,
    spans_of,
    windows_of,
)
from harness.load.faults.kinds import Fault
from harness.load.faults.kinds.windows import ClockJump, Reload
from harness.words.operation import THE_RUN_ENDED, operation_id

PRIMARY = "route a, tier 0"


class TestWindows:
    def test_what_overlaps_between_workers_is_one_window(self):
        found = windows_of({0: opened("down", 1.0, 2.0), 1: opened("down", 1.01, 2.02)}, PLAN.fault)
        assert [(window.start_ns, window.end_ns, window.lasted) for window in found] == [(at(1.0), at(2.02), False)]

    def test_a_fault_that_opens_twice_has_two_windows(self):
        found = windows(*opened("down", 1, 2), *opened("down", 5, 6), *opened("forced", 3, 4))
        assert [(window.fault.name, window.start_ns) for window in found] == [
            ("down", at(1)),
            ("forced", at(3)),
            ("down", at(5)),
        ]

    def test_what_was_still_open_at_the_end_has_no_end_of_its_own(self):
        (found,) = windows(*opened("down", 1, 2, THE_RUN_ENDED))
        assert (found.end_ns, found.ends_ns) == (at(2), None)

    def test_what_nobody_saw_close_has_no_end(self):
        (found,) = windows(opened("down", 1, 2)[0])
        assert (found.end_ns, found.ends_ns, found.lasted) == (None, None, True)

    def test_edges_of_faults_that_the_plan_does_not_have_are_left_out(self):
        assert windows(*opened("other", 1, 2)) == []


class TestFold:
    def fold(self, found, cases):
        fold = WindowFold(found, {})
        for case in cases:
            fold.add(case)
        return fold.as_json()

    def test_a_row_counts_hits_fates_and_the_first_fallback(self):
        hit = (("down", "error", PRIMARY, 1, 2),)
        cases = [
            made("a0 failed, b1 ok", at_ms=900),  # before the window, for reasons of its own
            made("a0 failed, a0 ok", ordinal=1, at_ms=1010, injections=hit),
            made("a0 failed, b1 ok", ordinal=2, at_ms=1030, injections=hit),
            made("a0 failed, b1 ok", ordinal=3, at_ms=1020, injections=hit),
            made("a0 rejected open, b1 ok", ordinal=4, at_ms=1500),
        ]
        (row,) = self.fold(windows(*opened("down", 1, 2)), cases)
        assert (row["name"], row["kind"], row["where"]) == ("down", "error", PRIMARY)
        assert (row["start_unix_s"], row["end_unix_s"]) == (at(1) / 1e9, at(2) / 1e9)
        assert (row["operations_hit"], row["injected"], row["retried"], row["fell_back"]) == (3, 3, 1, 2)
        assert row["activation_delay_ms"] == 30.0  # the attempt at b of the operation begun at 1,020 ms
        assert (row["recovery_s"], row["false_fallbacks"], row["missed_fallbacks"], row["out_of_order"]) == (
            None,
            0,
            0,
            0,
        )

    def test_a_window_without_a_fallback_has_no_delay(self):
        (row,) = self.fold(windows(*opened("down", 1, 2)), [made("a0 ok", at_ms=1500)])
        assert (row["activation_delay_ms"], row["operations_hit"]) == (None, 0)

    def test_wrong_uses_are_counted_in_the_windows_they_concern(self):
        hit = (("down", "error", PRIMARY, 1, 2),)
        cases = [
            made("a0 ok, b1 ok", ordinal=1, at_ms=1100),
            made("a0 failed, c2 ok", ordinal=2, at_ms=1200),
            made("a0 failed", ordinal=3, at_ms=1300, injections=hit),
            made("b0 failed", ordinal=4, at_ms=1400),  # not there
            made("a0 ok, b1 ok", ordinal=5, at_ms=2500),  # not then
        ]
        (row,) = self.fold(windows(*opened("down", 1, 2)), cases)
        assert (row["false_fallbacks"], row["missed_fallbacks"], row["out_of_order"]) == (1, 1, 1)

    def test_where_no_operation_shows_a_next_route_none_is_missed(self):
        case = made("a0 failed", at_ms=1300, injections=(("down", "error", PRIMARY, 1, 2),))
        (row,) = self.fold(windows(*opened("down", 1, 2)), [case])
        assert row["missed_fallbacks"] == 0

    def test_what_is_on_for_a_window_as_a_whole_concerns_every_operation_in_it(self):
        (row,) = self.fold(windows(*opened("forced", 1, 2)), [made("a0 rejected open, b1 ok", at_ms=1250)])
        assert (row["activation_delay_ms"], row["injected"]) == (250.0, 0)

    def test_a_fault_of_a_stand_in_counts_from_the_attempt_it_struck_and_not_from_the_one_before(self):
        hit = (("gone", "hang", "backend b", 12, 19),)
        case = made("a0 failed, b1 timeout, c2 ok", at_ms=1000, injections=hit)
        (row,) = self.fold(windows(*opened("gone", 1, 2)), [case])
        assert row["activation_delay_ms"] == 20.0  # c's begin; b's was after 10

    def test_a_fault_whose_attempts_were_retried_with_success_led_to_no_fallback(self):
        hit = (("down", "error", PRIMARY, 1, 2),)
        case = made("a0 failed, a0 ok, b0 failed, c1 ok", at_ms=1000, injections=hit)  # two chains
        (row,) = self.fold(windows(*opened("down", 1, 2)), [case])
        assert row["activation_delay_ms"] is None

    def test_an_attempt_rejected_at_the_route_of_the_fault_counts_as_struck(self):
        (row,) = self.fold(windows(*opened("down", 1, 2)), [made("a0 rejected open, b1 ok", at_ms=1300)])
        assert row["activation_delay_ms"] == 300.0

    def test_a_target_that_tells_a_tier_only_has_its_delay_by_the_end_of_the_operation(self):
        hit = (("down", "error", "stage router", 1, 2),)
        (row,) = self.fold(windows(*opened("down", 1, 2)), [made(at_ms=1000, injections=hit, tier=1)])
        assert row["activation_delay_ms"] == 100.0

    def test_a_window_of_operations_begins_and_ends_with_those_it_hit(self):
        late = [("first hundred", "latency", "stage router", 0, 5)]
        cases = [made(at_ms=2000 + n * 100, ordinal=n, injections=tuple(late)) for n in range(3)]
        (row,) = self.fold(windows(*opened("first hundred", 0, 9, THE_RUN_ENDED)), cases)
        assert (row["start_unix_s"], row["end_unix_s"]) == (at(2) / 1e9, at(2.2) / 1e9)
        assert row["served_late"] == 3

    def test_hits_of_a_fault_that_opens_twice_are_counted_in_their_own_window(self):
        hit = (("down", "error", PRIMARY, 1, 2),)
        cases = [
            made("a0 failed, a0 ok", ordinal=n, at_ms=at_ms, injections=hit)
            for n, at_ms in enumerate((1100, 1200, 5100))
        ]
        rows = self.fold(windows(*opened("down", 1, 2), *opened("down", 5, 6)), cases)
        assert [row["operations_hit"] for row in rows] == [2, 1]

    def test_hits_that_name_their_window_are_counted_there_whatever_the_clocks_say(self):
        first, second = ordered("down", 0, 1, 2), ordered("down", 1, 5, 6)
        cases = [
            made("a0 failed, a0 ok", ordinal=n, at_ms=at_ms, injections=(("down", "error", PRIMARY, 1, 2, window),))
            for n, (at_ms, window) in enumerate([(1100, 0), (4900, 1), (1200, 1)])
        ]
        rows = self.fold(windows(*first, *second), cases)
        assert [row["operations_hit"] for row in rows] == [1, 2]


def ordered(name, window, start_s, end_s, cause="2.00 s"):
    """Return the edges of one window of a fault, with its ordinal."""
    return [edge._replace(window=window) for edge in opened(name, start_s, end_s, cause)]


def of(worker):
    """Return the id of an operation of a worker."""
    return operation_id(worker, 7)


TWO = {0: [*ordered("down", 0, 1, 2), *ordered("down", 1, 5, 6)], 1: ordered("down", 0, 5.01, 6.01)}


class TestHits:
    def test_the_ordinals_of_workers_are_their_own(self):
        hits = Hits(spans_of(TWO))
        assert [hits.place(of(0), "down", window, at(9)) for window in (0, 1)] == [0, 1]
        assert hits.place(of(1), "down", 0, at(1.5)) == 1  # it joined after the first one

    def test_one_that_nobody_wrote_down_is_found_by_its_time(self):
        hits = Hits(spans_of(TWO))
        assert hits.place(of(2), "down", 0, at(5.5)) == 1
        assert hits.place(of(2), "down", 0, at(99)) is None

    @pytest.mark.parametrize(
        ("at_s", "place"), [(-0.1, None), (0.1, 0), (1.0, 0), (2.9, 0), (3.1, None), (4.5, 1), (5.5, 1), (7.1, None)]
    )
    def test_without_ordinals_it_is_the_last_that_had_begun_within_a_second(self, at_s, place):
        hits = Hits(spans_of({0: [*opened("down", 1, 2), *opened("down", 5, 6)]}))
        assert hits.place(of(0), "down", None, at(at_s)) == place

    def test_a_window_of_another_fault_is_none(self):
        hits = Hits(spans_of(TWO))
        assert hits.place(of(0), "gone", 0, at(1.5)) is None
        assert hits.place(of(0), "gone", None, at(1.5)) is None


def test_edges_with_ordinals_make_the_windows_that_edges_without_make():
    plain = {
        0: [*opened("down", 1, 2), *opened("down", 5, 6)],
        1: [*opened("down", 1.01, 2.02), opened("down", 5, 6)[0]],
    }
    told = {
        0: [*ordered("down", 0, 1, 2), *ordered("down", 1, 5, 6)],
        1: [*ordered("down", 0, 1.01, 2.02), ordered("down", 1, 5, 6)[0]],
    }
    assert [span[:4] for span in spans_of(told)] == [span[:4] for span in spans_of(plain)]
    assert [span.ordinals for span in spans_of(told)] == [((0, 0), (1, 0)), ((0, 1), (1, 1))]
    assert not any(span.ordinals for span in spans_of(plain))


def test_a_reload_changes_the_rules_from_its_begin_on_and_a_clock_while_it_jumps():
    rules = windows_of({0: opened("x", 1, 2)}, [Fault(name="x", what=Reload(call="m:f"))])[0]
    clock = windows_of({0: opened("x", 1, 2)}, [Fault(name="x", what=ClockJump(by_s=3))])[0]
    down = windows(*opened("down", 1, 2))[0]
    seen = [made("a0 ok", at_ms=at_ms).operation for at_ms in (500, 1500, 2500)]
    assert [changes_rules(rules, operation) for operation in seen] == [False, True, True]
    assert [changes_rules(clock, operation) for operation in seen] == [False, True, False]
    assert not any(changes_rules(down, operation) for operation in seen)
