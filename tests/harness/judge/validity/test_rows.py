"""The rows of validity, in both directions: each fires on its defect and is silent on what only looks like one."""

from __future__ import annotations

import re

import pytest

from harness.judge.entry import Status
from harness.judge.validity import rows as validity
from harness.judge.validity.harness_share import HarnessLag
from harness.measure.vitals import Vitals
from harness.words.operation import Flag, Outcome

MS = 1_000_000


def vitals(*, steps_ms=100.0, rest_ms=20.0, idle_ms=880.0, lags=(), seconds=2, worker=0, **fields):
    """Return seconds of one worker; each of ``lags`` is (target steps, waiting, own), in milliseconds."""
    rows = []
    for second in range(seconds):
        wall_ms = steps_ms + rest_ms + idle_ms
        row = Vitals(second, worker, users=10, wall_ms=wall_ms, steps_ms=steps_ms, idle_ms=idle_ms)
        for steps, waiting, own in lags:
            row.lag.add(round((steps + waiting + own) * 1000))
            row.lag_rest.add(round((waiting + own) * 1000))
            row.lag_own.add(round(own * 1000))
            if steps + waiting + own > row.lag_max_ms:
                row.lag_max_ms, row.lag_max_steps_ms = steps + waiting + own, steps
        for name, value in fields.items():
            setattr(row, name, value)
        rows.append(row)
    return rows


@pytest.fixture
def lag(operation):
    """Return a function that folds 100 operations of given response and harness lag before and after, in ms."""

    def fold(response_ms=10.0, before_ms=0.0, after_ms=0.0, folded=None, count=100, **fields):
        folded = folded or HarnessLag()
        for n in range(count):
            op = operation(n, response_ms=response_ms, **fields)
            start, resumed = op.intended_ns + round(before_ms * MS), op.end_ns + round(after_ms * MS)
            folded.add(op._replace(start_ns=start, resumed_ns=resumed))
        return folded

    return fold


class TestHarnessShare:
    BUSY_HARNESS = vitals(steps_ms=100.0, rest_ms=900.0, idle_ms=0.0)
    BUSY_TARGET = vitals(steps_ms=790.0, rest_ms=210.0, idle_ms=0.0)

    @pytest.mark.parametrize("side", ["before_ms", "after_ms"])
    def test_a_harness_that_keeps_operations_waiting_before_or_after_them_is_not_believed(self, lag, side):
        row = lag(response_ms=20.0, **{side: 5.0}).close(self.BUSY_HARNESS)
        assert (row.status, row.actual) == (Status.INVALID, "22.5% of p95")
        assert "5.003 ms" in row.detail
        assert "90% was not steps of the target" in row.detail

    def test_a_wait_behind_the_steps_of_other_operations_is_the_target_s_own(self, lag):
        row = lag(response_ms=8.4, after_ms=1.74).close(self.BUSY_TARGET)  # one-stage graph at full speed, 100 users
        assert (row.status, row.actual) == (Status.VALID, "4.3% of p95")

    def test_one_sick_worker_of_many_is_enough_and_named(self, lag):
        folded, rows = HarnessLag(), []
        for worker in range(40):
            sick = worker == 7
            lag(response_ms=20.0, after_ms=9.0 if sick else 0.0, folded=folded, worker=worker)
            rows += vitals(rest_ms=900.0 if sick else 20.0, idle_ms=0.0 if sick else 880.0, worker=worker)
        row = folded.close(rows)
        assert row.status is Status.INVALID
        assert row.detail.startswith("worker 7: p95 of harness lag 9.")

    def test_a_worker_with_few_operations_is_left_out_where_others_have_many(self, lag):
        folded = lag(response_ms=20.0, after_ms=9.0, count=19, worker=1)
        rows = [*self.BUSY_HARNESS, *vitals(rest_ms=900.0, idle_ms=0.0, worker=1)]
        assert folded.close(rows).status is Status.INVALID
        assert lag(response_ms=20.0, folded=folded).close(rows).status is Status.VALID

    def test_a_busy_core_alone_is_no_reason(self, lag):
        assert lag().close(self.BUSY_HARNESS).status is Status.VALID

    @pytest.mark.parametrize(("after_ms", "status"), [(1.0, Status.VALID), (1.5, Status.INVALID)])
    def test_where_a_tenth_of_the_p95_is_below_the_noise_floor_the_lag_is_judged_by_that(self, lag, after_ms, status):
        row = lag(response_ms=2.0, after_ms=after_ms).close(self.BUSY_HARNESS, floor_ms=1.2)
        assert (row.status, row.target) == (status, "<= 1.200 ms (noise floor)")
        assert row.actual == f"p95 {0.9 * after_ms:.3f} ms"

    def test_a_sub_millisecond_router_without_a_noise_floor_is_judged_by_its_p95(self, lag):
        row = lag(response_ms=0.5, after_ms=0.1).close(self.BUSY_HARNESS)
        assert (row.status, row.target) == (Status.INVALID, "<= 10% of p95")

    def test_a_floor_below_a_tenth_of_the_p95_changes_nothing(self, lag):
        folded = lag(response_ms=20.0, after_ms=5.0)
        assert folded.close(self.BUSY_HARNESS, floor_ms=1.9) == folded.close(self.BUSY_HARNESS)

    @pytest.mark.parametrize("floor_ms", [None, 0.3, 1.2, 6.0])
    @pytest.mark.parametrize("response_ms", [0.4, 2.0, 20.0])
    def test_what_is_valid_never_stands_beside_a_number_beyond_its_target(self, lag, floor_ms, response_ms):
        for after_ms in (0.01, 0.1, 0.5, 1.0, 2.0, 5.0):
            row = lag(response_ms=response_ms, after_ms=after_ms).close(self.BUSY_HARNESS, floor_ms)
            actual, most = (float(re.search(r"[\d.]+(?= ms|%)", text)[0]) for text in (row.actual, row.target))
            assert (actual <= most) == (row.status is Status.VALID)

    def test_waiting_for_a_processor_meets_the_target_and_the_harness_alike(self, lag):
        starved = vitals(steps_ms=400.0, rest_ms=400.0, idle_ms=200.0, waited_ms=640.0, cpu_ms=160.0)
        row = lag(response_ms=20.0, after_ms=15.0).close(starved)
        assert (row.status, row.actual) == (Status.VALID, "7.5% of p95")
        assert "50% was not steps of the target, 10% without waiting" in row.detail

    def test_a_harness_that_computes_is_not_excused_by_the_waiting_of_the_target_s_steps(self, lag):
        half_starved = vitals(steps_ms=200.0, rest_ms=800.0, idle_ms=0.0, waited_ms=500.0, cpu_ms=500.0)
        assert lag(response_ms=20.0, after_ms=6.0).close(half_starved).status is Status.INVALID

    @pytest.mark.parametrize(("waited_ms", "status"), [(20.0, Status.INVALID), (300.0, Status.VALID)])
    def test_a_process_that_wakes_and_waits_is_judged_by_what_it_ran_of_what_it_could_have(
        self, lag, waited_ms, status
    ):
        waking = vitals(steps_ms=30.0, rest_ms=70.0, idle_ms=900.0, waited_ms=waited_ms, cpu_ms=95.0)
        assert lag(response_ms=16.0, before_ms=4.0).close(waking).status is status

    def test_where_the_system_does_not_say_what_was_waited_for_nothing_is_taken_off(self, lag):
        unknown = vitals(steps_ms=200.0, rest_ms=800.0, idle_ms=0.0, waited_ms=None, cpu_ms=500.0)
        assert "80% was not steps of the target, 80% without" in lag(after_ms=1.0).close(unknown).detail

    def test_operations_that_failed_count_as_well(self, lag):
        row = lag(response_ms=20.0, after_ms=9.0, outcome=Outcome.FAILED).close(self.BUSY_HARNESS)
        assert row.status is Status.INVALID

    def test_operations_stopped_with_the_run_do_not_count(self, lag):
        row = lag(after_ms=9.0, outcome=Outcome.CANCELLED, flag=Flag.STOPPED).close(self.BUSY_HARNESS)
        assert (row.status, row.required) == (Status.UNKNOWN, False)

    def test_without_vitals_it_is_unknown(self, lag):
        row = lag(after_ms=9.0).close([])
        assert (row.status, row.required) == (Status.UNKNOWN, False)


class TestEventLoopLag:
    @staticmethod
    def judge(lags, p95_ms=20.0, **fields):
        return validity.event_loop_lag(vitals(lags=lags, **fields), p95_ms)

    def test_a_harness_that_holds_the_hub_is_not_believed(self):
        row = self.judge([(0, 0, 0.5)] * 45 + [(0, 0, 30)] * 5)
        assert (row.status, row.target) == (Status.INVALID, "<= 10.0 ms")
        assert "without target steps 30.0 ms" in row.detail

    def test_the_same_lag_in_steps_of_the_target_is_shown_and_not_judged(self):
        row = self.judge([(0, 0, 0.5)] * 45 + [(30, 0, 0)] * 5)
        assert row.status is Status.VALID
        assert "largest 30.0 ms, of that in target steps 30.0 ms" in row.detail

    def test_a_lag_below_a_tenth_of_the_p95_is_none(self):
        lags = [(0, 0, 30)] * 50
        assert self.judge(lags, p95_ms=299.0).status is Status.INVALID
        assert self.judge(lags, p95_ms=400.0).status is Status.VALID

    def test_what_gevent_itself_takes_between_two_looks_at_timers_is_usual(self):
        assert self.judge([(0, 0, 9)] * 50, p95_ms=1.0).status is Status.VALID

    def test_one_stall_in_a_short_run_is_chance(self):
        row = self.judge([(0, 0, 0.5)] * 49 + [(0, 0, 200)])
        assert row.status is Status.VALID
        assert "largest 200.0 ms" in row.detail

    def test_one_sick_worker_of_many_is_enough_and_named(self):
        rows = [
            row for worker in range(40) for row in vitals(lags=[(0, 0, 60 if worker == 7 else 1)] * 50, worker=worker)
        ]
        row = validity.event_loop_lag(rows, 20.0)
        assert row.status is Status.INVALID
        assert row.detail.startswith("worker 7: p95 of 100 probes")

    def test_a_machine_without_a_free_processor_is_not_believed_where_that_is_most_of_the_p95(self):
        assert self.judge([(0, 260, 0)] * 50, p95_ms=20.0).status is Status.INVALID
        assert self.judge([(0, 260, 0)] * 50, p95_ms=600.0).status is Status.VALID
        assert self.judge([(0, 100, 0)] * 50, p95_ms=1.0).status is Status.VALID

    def test_time_without_a_processor_is_told_where_the_system_says_it(self):
        assert "without a processor 10.0% of the time" in self.judge([(0, 0, 1)] * 50, waited_ms=100.0).detail
        assert "processor 10" not in self.judge([(0, 0, 1)] * 50, waited_ms=None).detail

    @pytest.mark.parametrize(("lags", "p95_ms"), [([(0, 0, 99)] * 24, 20.0), ([(0, 0, 99)] * 50, None)])
    def test_with_few_probes_or_no_operation_it_is_unknown(self, lags, p95_ms):
        row = self.judge(lags, p95_ms)
        assert (row.status, row.required) == (Status.UNKNOWN, False)


class TestGarbageCollection:
    def test_pauses_that_the_harness_sets_off_for_more_than_a_twentieth_of_the_time(self):
        row = validity.garbage_collection(vitals(gc_ms=80.0, gc_outside_ms=60.0, gc_max_ms=30.0, gc_count=3), 5.0)
        assert (row.status, row.actual) == (Status.INVALID, "6.0%")
        assert "6 pauses, 8.0% of the time" in row.detail
        assert "longest 30.0 ms, p95 of the response 5.000 ms" in row.detail

    def test_one_sick_worker_of_many_is_enough_and_named(self):
        rows = [row for n in range(40) for row in vitals(gc_ms=300.0, gc_outside_ms=300.0 * (n == 7), worker=n)]
        row = validity.garbage_collection(rows, 5.0)
        assert (row.status, row.actual) == (Status.INVALID, "30.0%")
        assert row.detail.startswith("worker 7: ")

    def test_a_worker_that_was_hardly_watched_is_left_out_where_others_were(self):
        late = vitals(steps_ms=0.0, rest_ms=20.0, idle_ms=80.0, gc_outside_ms=20.0, worker=1, seconds=1)
        assert validity.garbage_collection([*vitals(), *late], 5.0).status is Status.VALID
        assert validity.garbage_collection(late, 5.0).status is Status.INVALID

    def test_garbage_of_the_target_is_the_target_s(self):
        row = validity.garbage_collection(vitals(gc_ms=180.0, gc_outside_ms=12.0, gc_max_ms=19.0), 5.0)
        assert row.status is Status.VALID

    def test_without_vitals_it_is_unknown(self):
        row = validity.garbage_collection([], 5.0)
        assert (row.status, row.required) == (Status.UNKNOWN, False)


@pytest.mark.parametrize(
    ("due", "missed", "status"),
    [
        (1000, 0, Status.VALID),
        (1000, 5, Status.VALID),
        (1000, 6, Status.INVALID),
        (50, 2, Status.VALID),  # cut off with the run
        (50, 3, Status.INVALID),
        (0, 0, Status.UNKNOWN),
    ],
)
def test_delivered_load_is_within_half_a_percent(due, missed, status):
    assert validity.delivered_load(due, missed).status is status


def test_workers_without_arrivals_are_named():
    assert validity.delivered_load(100, 0, joined_late=["worker 1", "worker 2"]).detail.endswith(
        "; joined after the schedule was shared out, and got no arrivals: worker 1, worker 2"
    )


@pytest.mark.parametrize(("begun", "why"), [(True, "nothing was due"), (False, "the schedule never began: not all")])
def test_a_load_of_which_nothing_was_due_is_required_to_be_known(begun, why):
    row = validity.delivered_load(0, 0, begun=begun)
    assert (row.status, row.required) == (Status.UNKNOWN, True)
    assert row.detail.startswith(why)


@pytest.mark.parametrize(
    ("seconds", "waited_ms", "status"),
    [
        (20, 0.0, Status.VALID),
        (20, 480.0, Status.VALID),
        (20, 510.0, Status.INVALID),
        (20, None, Status.UNKNOWN),
        (4, 740.0, Status.VALID),
        (4, 760.0, Status.INVALID),
        (4, None, Status.UNKNOWN),
        (11, 510.0, Status.INVALID),
    ],
)
def test_a_machine_that_others_keep_busy_is_not_believed(seconds, waited_ms, status):
    row = validity.processor(vitals(waited_ms=waited_ms, seconds=seconds))
    assert row.status is status
    if status is not Status.UNKNOWN:
        assert row.target == f"<= {50 if seconds > 10 else 75}% of the time without one"


@pytest.mark.parametrize(("waited_ms", "concerned"), [(190.0, False), (210.0, True), (480.0, True)])
def test_from_a_fifth_of_the_time_without_a_processor_on_the_row_says_what_that_means(waited_ms, concerned):
    row = validity.processor(vitals(waited_ms=waited_ms, seconds=4))
    assert row.status is Status.VALID
    assert ("latencies are higher than" in row.detail) == concerned


def test_a_run_of_three_seconds_says_nothing_about_other_processes():
    assert validity.processor(vitals(waited_ms=900.0, seconds=3)).status is Status.UNKNOWN


def test_the_second_in_which_a_process_starts_does_not_count_against_it():
    starting, *rest = vitals(waited_ms=100.0, seconds=4)
    starting.waited_ms = 1_000.0 * 4
    assert validity.processor([starting, *rest]).actual == "10.0%"


def test_one_worker_without_a_processor_is_enough_and_named():
    starved = vitals(waited_ms=700.0, seconds=20)
    for row in starved:
        row.worker = 3
    row = validity.processor([*vitals(waited_ms=0.0, seconds=20), *starved])
    assert row.status is Status.INVALID
    assert "worker 3" in row.detail


def test_workers_that_ran_different_things_are_not_believed_and_named():
    row = validity.agreement(["worker 1: stageflow-core 1.1.0, others 1.2.0"], 2)
    assert row.status is Status.INVALID
    assert "worker 1: stageflow-core 1.1.0" in row.detail
    assert validity.agreement([], 4).detail.startswith("4 loading processes")


def test_a_clock_that_is_far_away_is_not_believed_and_named():
    row = validity.clocks({"worker 0": 3.0, "worker 1": -260.0})
    assert (row.status, row.actual) == (Status.INVALID, "260.0 ms")
    assert "worker 1 -260.0 ms" in row.detail
    assert "worker 0" not in row.detail
    assert validity.clocks({"worker 0": 3.0, "worker 1": -250.0}).status is Status.VALID
    assert validity.clocks({}).status is Status.UNKNOWN


@pytest.mark.parametrize(("held_s", "status"), [(0.05, Status.VALID), (0.2, Status.INVALID)])
def test_users_that_wait_for_the_keeping_side_are_less_load_than_was_asked(held_s, status):
    row = validity.held_back({"worker 0": held_s}, vitals())
    assert row.status is status
    assert f"worker 0 {held_s:.1f} s" in row.detail
    assert validity.held_back({"worker 0": held_s}, []).status is Status.UNKNOWN


def test_an_event_loop_that_stopped_serving_makes_a_run_untrustworthy():
    row = validity.event_loop(["IndexError: pop from an empty deque"])
    assert row.status is Status.INVALID
    assert "pop from an empty deque" in row.detail
