from __future__ import annotations

import pytest
from made_cases import MS, START_NS, at, edge, opened, operation, windows

from harness.judge.checkers.disturbances.recovery import Recovery
from harness.judge.entry import Status
from harness.words.operation import THE_RUN_ENDED, Outcome


def steady(second, number):
    """Return an operation as good as any."""
    return operation(end_ns=at(second + number / 50), intended_ns=at(second + number / 50) - (4 + number % 3) * MS)


def fallback(second, number):
    return steady(second, number)._replace(tier=1)


def failed(second, number):
    return steady(second, number)._replace(outcome=Outcome.FAILED) if number % 10 == 0 else steady(second, number)


def slow(second, number):
    return steady(second, number)._replace(intended_ns=at(second + number / 50) - 8 * MS)


def run(seconds, disturbed, how=fallback):
    """Return 50 operations a second, other ones in the disturbed stretches."""
    return [
        (how if any(low <= second + n / 50 < high for low, high in disturbed) else steady)(second, n)
        for second in range(seconds)
        for n in range(50)
    ]


def judged(found, operations, users=None, breakers=None):
    recovery = Recovery(found, users or {}, breakers or {})
    for each in operations:
        recovery.add(each)
    return recovery.close()


class TestRecovery:
    @pytest.mark.parametrize("how", [fallback, failed, slow])
    def test_it_is_measured_from_the_end_of_the_window_to_the_first_three_seconds_as_before(self, how):
        (window,) = found = windows(*opened("down", 10, 15))
        entry = judged(found, run(40, [(10, 17)], how))
        assert entry.status is Status.VALID
        assert window.recovery_s == pytest.approx(2.0, abs=0.5)
        assert "1 of 1 windows" in entry.actual

    def test_what_is_as_before_at_once_took_no_time(self):
        (window,) = found = windows(*opened("down", 10, 15))
        assert judged(found, run(40, [(10, 15)])).status is Status.VALID
        assert 0 <= window.recovery_s <= 0.25

    @pytest.mark.parametrize("how", [fallback, failed, slow])
    def test_what_never_becomes_as_before_is_a_violation_with_both_levels(self, how):
        (window,) = found = windows(*opened("down", 10, 15))
        entry = judged(found, run(40, [(10, 99)], how))
        assert entry.status is Status.INVALID
        assert window.recovery_s is None
        assert entry.detail.startswith("down: not recovered 24.")
        assert "before: 100.0 % by the primary, 0.0 % not ok" in entry.detail

    def test_three_seconds_must_hold_together(self):
        (window,) = found = windows(*opened("down", 10, 15))
        judged(found, run(40, [(10, 17), (19, 21)]))
        assert window.recovery_s == pytest.approx(6.0, abs=0.5)

    @pytest.mark.parametrize("how", [fallback, slow])
    def test_a_recovery_begins_after_the_last_bad_half_second_however_good_the_average_is(self, how):
        (window,) = found = windows(*opened("down", 10, 15))
        operations = run(40, [(10, 15), (16, 16.14)], how)  # 7 of the 150 operations of three seconds: under 5 %
        assert judged(found, operations).status is Status.VALID
        assert window.recovery_s == pytest.approx(1.0, abs=0.25)

    @pytest.mark.parametrize("how", [fallback, failed, slow])
    def test_single_operations_here_and_there_are_chance_and_put_off_nothing(self, how):
        (window,) = found = windows(*opened("down", 10, 15))
        operations = run(40, [(10, 15), *((second, second + 0.02) for second in range(15, 40, 3))], how)
        assert judged(found, operations).status is Status.VALID
        assert window.recovery_s <= 0.25

    def test_a_slow_run_of_few_operations_recovers_as_well(self):
        (window,) = found = windows(*opened("down", 10, 15))
        operations = [each for n, each in enumerate(run(60, [(10, 17)])) if n % 10 == 0]  # 5 a second
        assert judged(found, operations).status is Status.VALID
        assert window.recovery_s == pytest.approx(2.0, abs=0.5)

    def test_windows_that_end_together_are_all_judged_and_share_the_moment(self):
        first, second = found = windows(*opened("down", 10, 15), *opened("forced", 12, 15.000_01))
        entry = judged(found, run(40, [(10, 17)]))
        assert "2 of 2 windows" in entry.actual
        assert first.recovered_ns == second.recovered_ns
        assert first.recovery_s - second.recovery_s == pytest.approx(0.000_01)

    def test_windows_that_end_together_without_a_recovery_are_one_violation(self):
        entry = judged(windows(*opened("down", 10, 15), *opened("forced", 10, 15.000_01)), run(40, [(10, 99)]))
        assert entry.status is Status.INVALID
        assert entry.detail.startswith("down and forced: not recovered")
        assert "0 of 2 windows" in entry.actual

    def test_a_run_that_ended_too_soon_is_unknown_and_not_required(self):
        entry = judged(windows(*opened("down", 10, 15)), run(22, [(10, 99)]))
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)
        assert "only 6." in entry.detail

    def test_a_fault_that_lasted_to_the_end_is_unknown(self):
        entry = judged(windows(*opened("down", 10, 15, THE_RUN_ENDED)), run(40, [(10, 99)]))
        assert entry.status is Status.UNKNOWN
        assert "lasted to the end" in entry.detail

    def test_without_clean_time_before_it_there_is_nothing_to_compare_with(self):
        entry = judged(windows(*opened("down", 0, 15)), run(40, [(0, 99)]))
        assert entry.status is Status.UNKNOWN
        assert "in clean time before it" in entry.detail

    def test_a_load_that_has_grown_is_nothing_to_compare_with(self):
        users = {START_NS // 10**9 + second: 10 if second < 20 else 20 for second in range(40)}
        entry = judged(windows(*opened("down", 10, 15)), run(40, [(10, 99)], slow), users)
        assert entry.status is Status.UNKNOWN
        assert "grown from 10 to 20 users" in entry.detail

    def test_a_breaker_whose_open_time_is_not_over_yet_has_not_failed_to_recover(self):
        waiting = {0: [edge(at(11), "a", "closed", "open")]}
        entry = judged(windows(*opened("down", 10, 15)), run(40, [(10, 99)]), breakers=waiting)
        assert entry.status is Status.UNKNOWN
        assert "breaker 'a'" in entry.detail

    def test_a_breaker_that_probes_and_opens_again_has(self):
        trying = {0: [edge(at(second), "a", "half_open", "open", "probe failed") for second in range(12, 40, 5)]}
        entry = judged(windows(*opened("down", 10, 15)), run(40, [(10, 99)]), breakers=trying)
        assert entry.status is Status.INVALID

    def test_of_windows_that_overlap_the_last_to_end_is_judged(self):
        first, last = found = windows(*opened("down", 10, 15), *opened("forced", 12, 18))
        entry = judged(found, run(40, [(10, 20)]))
        assert entry.status is Status.VALID
        assert "1 of 1 windows" in entry.actual
        assert first.recovery_s is None
        assert last.recovery_s == pytest.approx(2.0, abs=0.5)

    def test_where_a_next_fault_comes_before_the_recovery_the_recovery_from_that_one_stands_for_both(self):
        first, second = found = windows(*opened("down", 10, 15), *opened("forced", 20, 22))
        assert judged(found, run(50, [(10, 24)])).status is Status.VALID
        assert first.recovery_s is None
        assert second.recovery_s == pytest.approx(2.0, abs=0.5)

    def test_where_neither_shows_a_recovery_in_the_time_there_was_both_are_unknown(self):
        entry = judged(windows(*opened("down", 10, 15), *opened("forced", 20, 22)), run(26, [(10, 99)]))
        assert entry.status is Status.UNKNOWN
        assert "down: only 5.0 s were left undisturbed" in entry.detail
        assert "forced: only" in entry.detail

    def test_clean_time_comes_back_with_a_recovery(self):
        _, second = found = windows(*opened("down", 10, 15), *opened("forced", 30, 32))
        doubled = [each._replace(intended_ns=2 * each.intended_ns - each.end_ns) if each.end_ns > at(33) else each
                   for each in run(60, [(10, 17)])]  # fmt: skip
        assert judged(found, doubled).status is Status.INVALID
        assert second.recovery_s is None

    def test_no_window_is_unknown(self):
        assert judged([], run(5, [])).status is Status.UNKNOWN
