from __future__ import annotations

import random
import tracemalloc

import pytest

from harness.judge.checkers.disturbances.silent_failure import SilentFailure
from harness.judge.checkers.outcomes.accuracy import Accuracy
from harness.judge.checkers.outcomes.conservation import Conservation
from harness.judge.checkers.outcomes.consistency import Consistency
from harness.judge.entry import EXAMPLES, Status
from harness.words.operation import Flag, Outcome

UNDECIDED = [Outcome.FAILED, Outcome.CANCELLED, Outcome.TIMEOUT, Outcome.SHED]


def decided(checker, operations):
    for operation in operations:
        checker.add(operation)
    return checker.close()


class TestAccuracy:
    @pytest.fixture
    def accuracy(self):
        return Accuracy(golden=True)

    def test_a_single_wrong_route_is_found_and_named(self, accuracy, operation):
        wrong = operation(7, scenario="s7", route="premium", expected_route="fast")
        entry = decided(accuracy, [operation(n) for n in range(5)] + [wrong])
        assert entry.status is Status.INVALID
        assert entry.examples == (wrong.id,)
        assert "1 of 6 wrong" in entry.detail
        assert "s7: 'premium' instead of 'fast'" in entry.detail
        assert accuracy.percent == pytest.approx(500 / 6)

    def test_right_routes_are_valid_and_say_how_many_were_compared(self, accuracy, operation):
        entry = decided(accuracy, [operation(n) for n in range(300)])
        assert (entry.status, entry.actual, entry.examples) == (Status.VALID, "100 %", ())
        assert "0 of 300 (rate below 0.01 at 95 % confidence)" in entry.detail
        assert accuracy.percent == 100.0

    def test_an_ok_operation_without_a_route_is_wrong_where_one_was_expected(self, accuracy, operation):
        entry = decided(accuracy, [operation(route=None, flag=Flag.NO_ROUTE)])
        assert entry.status is Status.INVALID
        assert "None instead of 'fast'" in entry.detail

    @pytest.mark.parametrize("outcome", UNDECIDED)
    def test_an_operation_that_did_not_end_ok_decided_nothing(self, accuracy, operation, undecided, outcome):
        entry = decided(accuracy, [operation(), undecided(outcome, 1)])
        assert entry.status is Status.VALID
        assert "0 of 1 " in entry.detail

    def test_a_scenario_without_an_expected_route_is_not_compared(self, accuracy, operation):
        entry = decided(accuracy, [operation(), operation(1, expected_route=None, route="anything")])
        assert entry.status is Status.VALID
        assert accuracy.percent == 100.0

    def test_where_a_fallback_served_it_the_route_first_asked_is_compared(self, accuracy, operation):
        right = operation(1, route="premium", asked_route="fast", tier=1)
        wrong = operation(2, route="fast", asked_route="premium", tier=1)
        entry = decided(accuracy, [right, wrong])
        assert (entry.status, entry.examples) == (Status.INVALID, (wrong.id,))
        assert "'premium' instead of 'fast'" in entry.detail

    def test_a_fallback_that_does_not_tell_what_was_asked_is_not_compared(self, accuracy, operation):
        untold = [operation(n, route="backup", asked_route=asked, tier=1) for n, asked in ((1, "backup"), (2, None))]
        entry = decided(accuracy, [operation(), operation(3), *untold])
        assert entry.status is Status.VALID
        assert "0 of 2 " in entry.detail
        assert "2 of 4 operations not looked at" in entry.detail

    def test_where_less_than_half_could_be_compared_it_is_unknown(self, accuracy, operation, undecided):
        untold = operation(1, route="backup", asked_route=None, tier=1)
        failed = [undecided(Outcome.FAILED, n) for n in (2, 3)]
        entry = decided(accuracy, [operation(), operation(4), untold, *failed])
        assert (entry.status, entry.required) == (Status.UNKNOWN, True)
        assert "3 of 5 operations not looked at" in entry.detail
        assert "2 did not end ok, 1 fell back" in entry.detail

    def test_operations_without_expected_route_and_stopped_ones_are_not_missed(self, accuracy, operation, undecided):
        stopped = [undecided(Outcome.CANCELLED, n, flag=Flag.STOPPED) for n in (1, 2)]
        others = [operation(n, expected_route=None) for n in (3, 4)]
        entry = decided(accuracy, [operation(), *stopped, *others])
        assert entry.status is Status.VALID
        assert "not looked at" not in entry.detail

    def test_a_wrong_route_stands_whatever_could_not_be_compared(self, accuracy, operation, undecided):
        failed = [undecided(Outcome.FAILED, n) for n in range(1, 10)]
        assert decided(accuracy, [operation(route="other"), *failed]).status is Status.INVALID

    @pytest.mark.parametrize("outcome", UNDECIDED)
    def test_nothing_to_compare_is_unknown(self, accuracy, undecided, outcome):
        entry = decided(accuracy, [undecided(outcome)])
        assert (entry.status, entry.actual, entry.required) == (Status.UNKNOWN, None, True)
        assert accuracy.percent is None

    def test_without_golden_routes_it_is_unknown_and_not_required(self, operation):
        entry = decided(Accuracy(golden=False), [operation(expected_route=None)])
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)
        assert "python -m harness golden" in entry.detail

    def test_a_thousand_wrong_routes_are_all_counted_and_a_few_named(self, accuracy, operation):
        entry = decided(accuracy, [operation(n, route="x") for n in range(1000)])
        assert len(entry.examples) == EXAMPLES
        assert "1,000 of 1,000 wrong" in entry.detail
        assert entry.actual == "0 %"

    def test_one_wrong_route_in_a_hundred_thousand_is_not_shown_as_all_right(self, accuracy, operation):
        entry = decided(accuracy, [operation(1, route="x"), *[operation()] * 100_000])
        assert (entry.status, entry.actual) == (Status.INVALID, "99.999 %")


class TestConsistency:
    def test_a_route_other_than_in_the_baseline_is_found_and_named(self, operation):
        before = operation(route="fast")
        now = operation(9, route="premium")
        entry = decided(Consistency([before]), [operation(8), now])
        assert entry.status is Status.INVALID
        assert entry.examples == (now.id,)
        assert "1 of 2 differ" in entry.detail
        assert "s1: 'premium', but 'fast' in the baseline" in entry.detail

    def test_where_a_fallback_answered_the_route_first_asked_is_compared(self, operation):
        fell_back = operation(2, route="backup", asked_route="fast", tier=1)
        assert decided(Consistency([operation()]), [operation(1), fell_back]).status is Status.VALID
        assert decided(Consistency([fell_back]), [operation(1)]).status is Status.VALID
        other = operation(3, route="fast", asked_route="premium", tier=1)
        entry = decided(Consistency([operation()]), [other])
        assert entry.status is Status.INVALID
        assert "s1: 'premium', but 'fast' in the baseline" in entry.detail

    def test_a_fallback_that_does_not_tell_what_was_asked_is_not_compared(self, operation):
        untold = operation(2, route="backup", asked_route="backup", tier=1)
        assert "0 of 1 " in decided(Consistency([operation()]), [operation(1), untold]).detail
        assert decided(Consistency([untold]), [operation(1)]).status is Status.UNKNOWN

    def test_equal_routes_are_valid_and_say_what_they_were_compared_with(self, operation):
        checker = Consistency([operation(scenario="a"), operation(1, scenario="b")])
        entry = decided(checker, [operation(n, scenario="ab"[n % 2]) for n in range(10)])
        assert (entry.status, entry.actual) == (Status.VALID, "100 %")
        assert "10 compared with a baseline of 2 scenarios, 0 with an earlier operation" in entry.detail
        assert checker.percent == 100.0

    def test_a_fallback_decides_as_the_route_it_stands_in_for(self, operation):
        stood_in = operation(1, route="standard", asked_route="fast", tier=1)
        assert decided(Consistency([operation(route="fast")]), [stood_in]).status is Status.VALID
        assert decided(Consistency([stood_in]), [operation(2, route="fast")]).status is Status.VALID
        entry = decided(Consistency([operation(route="standard")]), [stood_in])
        assert entry.status is Status.INVALID
        assert "'fast', but 'standard' in the baseline" in entry.detail

    def test_scenarios_outside_the_baseline_are_compared_with_their_first_operation(self, operation):
        first = operation(1, scenario="b", route="fast")
        other = operation(2, scenario="b", route="premium", worker=3)
        entry = decided(Consistency([operation(scenario="a")]), [operation(0, scenario="a"), first, other])
        assert entry.status is Status.INVALID
        assert entry.examples == (other.id,)
        assert "b: 'premium', but 'fast' in operation " in entry.detail

    def test_an_operation_is_named_as_people_read_ids(self, operation):
        first = operation(1, scenario="b", worker=3)
        entry = decided(Consistency([]), [first, operation(2, scenario="b", route="x", worker=3)])
        assert "in operation 3-1" in entry.detail

    def test_the_same_scenario_many_times_with_one_route_is_consistent(self, operation):
        entry = decided(Consistency([operation()]), [operation(n, confidence=n / 100) for n in range(100)])
        assert entry.status is Status.VALID

    def test_different_scenarios_may_have_different_routes(self, operation):
        baseline = [operation(scenario="a", route="x"), operation(scenario="b", route="y")]
        entry = decided(
            Consistency(baseline), [operation(1, scenario="a", route="x"), operation(2, scenario="b", route="y")]
        )
        assert entry.status is Status.VALID

    @pytest.mark.parametrize("outcome", UNDECIDED)
    def test_an_operation_that_did_not_end_ok_has_no_route_to_compare(self, operation, undecided, outcome):
        entry = decided(Consistency([operation()]), [operation(1), undecided(outcome, 2)])
        assert entry.status is Status.VALID
        assert entry.detail.startswith("differing routes: 0 of 1 ")

    @pytest.mark.parametrize("outcome", UNDECIDED)
    def test_a_scenario_that_failed_in_the_baseline_is_no_reference(self, operation, undecided, outcome):
        entry = decided(Consistency([undecided(outcome)]), [operation(1)])
        assert entry.status is Status.UNKNOWN

    def test_no_route_twice_is_consistent_and_once_is_not(self, operation):
        silent = operation(route=None, flag=Flag.NO_ROUTE)
        assert decided(Consistency([silent]), [silent._replace(id=5)]).status is Status.VALID
        assert decided(Consistency([operation()]), [silent]).status is Status.INVALID

    def test_the_order_of_operations_does_not_matter(self, operation):
        baseline = [operation(scenario=str(n), route=str(n % 3)) for n in range(20)]
        operations = [operation(n, scenario=str(n % 20), route=str(n % 20 % 3)) for n in range(100)]
        random.Random(4).shuffle(operations)
        entry = decided(Consistency(baseline), operations)
        assert entry.status is Status.VALID
        assert "100 compared" in entry.detail

    def test_without_a_baseline_it_is_unknown_however_often_a_scenario_recurred(self, operation):
        entry = decided(Consistency([]), [operation(n) for n in range(5)])
        assert entry.status is Status.UNKNOWN
        assert "there was none" in entry.detail

    def test_without_a_baseline_two_routes_of_one_scenario_are_still_a_violation(self, operation):
        entry = decided(Consistency([]), [operation(1), operation(2, route="premium")])
        assert entry.status is Status.INVALID

    def test_nothing_to_compare_is_unknown(self, operation):
        checker = Consistency([operation(scenario="a")])
        entry = decided(checker, [operation(scenario="b")])
        assert (entry.status, entry.actual) == (Status.UNKNOWN, None)
        assert checker.percent is None


class TestConservation:
    def test_a_lost_operation_is_found(self, operation):
        entry = decided(Conservation(4), [operation(n) for n in range(3)])
        assert entry.status is Status.INVALID
        assert (entry.actual, entry.target) == ("3 outcomes", "4 arrivals")
        assert "1 operations have no outcome" in entry.detail

    def test_an_operation_too_many_is_found(self, operation):
        assert decided(Conservation(2), [operation(n) for n in range(3)]).status is Status.INVALID

    def test_two_outcomes_of_one_operation_are_found_and_named(self, operation):
        twice = operation(1)
        entry = decided(Conservation(3), [operation(0), twice, operation(2), twice._replace(outcome=Outcome.FAILED)])
        assert entry.status is Status.INVALID
        assert entry.examples == (twice.id,)
        assert "two outcomes: 1," in entry.detail

    def test_a_lost_operation_is_not_made_up_for_by_one_counted_twice(self, operation):
        entry = decided(Conservation(3), [operation(0), operation(1), operation(1)])
        assert entry.status is Status.INVALID
        assert "two outcomes: 1," in entry.detail

    def test_fifty_operations_with_two_outcomes_are_counted_as_fifty(self, operation):
        entry = decided(Conservation(50), [operation(n // 2) for n in range(100)])
        assert "two outcomes: 50," in entry.detail
        assert len(entry.examples) == EXAMPLES

    def test_an_outcome_that_is_none_of_the_five_is_found(self, operation):
        entry = decided(Conservation(1), [operation(outcome="vanished")])
        assert entry.status is Status.INVALID
        assert "with none: 1" in entry.detail

    def test_each_outcome_counts(self, operation, undecided):
        operations = [operation(0), *(undecided(outcome, n + 1) for n, outcome in enumerate(UNDECIDED))]
        entry = decided(Conservation(5), operations)
        assert (entry.status, entry.actual) == (Status.VALID, "5 outcomes")

    @pytest.mark.parametrize("seed", range(5))
    def test_ids_out_of_order_of_several_workers_are_clean(self, operation, seed):
        operations = [operation(n, worker=worker) for worker in (0, 1, 7) for n in range(200)]
        random.Random(seed).shuffle(operations)
        assert decided(Conservation(600), operations).status is Status.VALID

    @pytest.mark.parametrize("seed", range(5))
    def test_one_id_twice_is_found_in_any_order(self, operation, seed):
        operations = [operation(n, worker=worker) for worker in (0, 1) for n in range(100)]
        operations.append(operation(13, worker=1))
        random.Random(seed).shuffle(operations)
        entry = decided(Conservation(201), operations)
        assert entry.status is Status.INVALID
        assert entry.examples == (operation(13, worker=1).id,)

    def test_a_worker_whose_first_operations_are_missing_is_short_of_arrivals_but_not_doubled(self, operation):
        entry = decided(Conservation(10), [operation(n) for n in (5, 7, 6)])
        assert entry.status is Status.INVALID
        assert "7 operations have no outcome" in entry.detail

    def test_memory_does_not_grow_with_the_number_of_operations(self, operation):
        checker, made = Conservation(None), operation()
        tracemalloc.start()
        for ordinal in range(50_000):
            checker.add(made._replace(id=ordinal))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000

    def test_arrivals_that_nobody_counted_are_unknown(self, operation):
        entry = decided(Conservation(None), [operation()])
        assert (entry.status, entry.target) == (Status.UNKNOWN, None)

    def test_two_outcomes_are_a_violation_even_where_nobody_counted_arrivals(self, operation):
        assert decided(Conservation(None), [operation(), operation()]).status is Status.INVALID

    def test_a_run_without_operations_is_unknown(self):
        assert Conservation(0).close().status is Status.UNKNOWN

    def test_arrivals_without_any_outcome_are_a_violation(self):
        assert Conservation(3).close().status is Status.INVALID


class TestSilentFailure:
    @pytest.mark.parametrize("flag", list(Flag))
    def test_an_ok_operation_without_a_usable_route_is_found_and_named(self, operation, flag):
        silent = operation(4, flag=flag, error=f"no usable route: {flag.value}")
        entry = decided(SilentFailure(), [operation(0), silent])
        assert entry.status is Status.INVALID
        assert entry.examples == (silent.id,)
        assert f"1 of 2 operations said ok and had no usable route ({flag.value} 1)" in entry.detail

    def test_kinds_are_counted_apart(self, operation):
        flags = [Flag.NO_ROUTE, Flag.MALFORMED, Flag.NO_ROUTE, None]
        entry = decided(SilentFailure(), [operation(n, flag=flag) for n, flag in enumerate(flags)])
        assert "(malformed 1, no_route 2)" in entry.detail
        assert entry.actual == "3"

    @pytest.mark.parametrize("outcome", UNDECIDED)
    def test_an_operation_that_failed_aloud_and_has_no_route_is_clean(self, operation, undecided, outcome):
        entry = decided(SilentFailure(), [operation(), undecided(outcome, 1)])
        assert entry.status is Status.VALID
        assert "0 of 1 " in entry.detail

    def test_a_wrong_route_is_not_a_silent_one(self, operation):
        assert decided(SilentFailure(), [operation(route="x", expected_route="y")]).status is Status.VALID

    @pytest.mark.parametrize("outcome", UNDECIDED)
    def test_nothing_that_ended_ok_is_unknown(self, undecided, outcome):
        assert decided(SilentFailure(), [undecided(outcome)]).status is Status.UNKNOWN
        assert SilentFailure().close().status is Status.UNKNOWN
