from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.arrivals.poisson import Poisson
from harness.load.arrivals.schedules import Constant, Ramp, Schedule
from harness.load.arrivals.share import Arrivals, Counts, Share
from harness.load.arrivals.trace_file import Trace
from harness.words.clock import Epoch

S = 1_000_000_000
EPOCH = Epoch(7 * S + 123_456_789)
SCHEDULES = (Constant(50), Ramp(0, 80, 3), Ramp(60, 0, 2), Poisson(40, 3), Trace((0.0, 0.1, 0.1, 0.1, 2.5)))
whole = st.sampled_from(SCHEDULES)


def arrivals(schedule: Schedule, number: int = 0, of: int = 1, zero_ns: int = 0) -> Arrivals:
    begun = Arrivals(schedule, Share(number, of), EPOCH)
    begun.begin(zero_ns)
    return begun


def totals(counts: Counts) -> tuple[int, int]:
    return sum(due for due, _ in counts.values()), sum(lost for _, lost in counts.values())


@given(count=st.integers(0, 500), of=st.integers(1, 9))
def test_shares_are_a_partition_of_all_arrivals(count: int, of: int) -> None:
    shares = [Share(number, of) for number in range(of)]
    taken = [share.arrival(ordinal) for share in shares for ordinal in range(share.count(count))]
    assert sorted(taken) == list(range(count))


@given(schedule=whole, of=st.integers(1, 5), stop_s=st.floats(0, 5))
def test_workers_together_take_each_arrival_once_and_at_its_time(schedule: Schedule, of: int, stop_s: float) -> None:
    stop_ns = round(stop_s * S)
    taken = []
    for number in range(of):
        share = arrivals(schedule, number, of)
        before = len(taken)
        while (due_ns := share.next_due_ns) is not None and due_ns <= stop_ns:
            taken.append(due_ns)
            share.take()
        share.end(stop_ns)
        assert totals(share.counts(stop_ns)) == (len(taken) - before, 0)
    alone = [round(schedule.offset_s(k) * S) for k in range(schedule.count(stop_s + 1e-9))]
    assert sorted(taken) == [due_ns for due_ns in alone if due_ns <= stop_ns]


steps = st.lists(st.tuples(st.sampled_from(["free", "report"]), st.floats(0, 0.4)), max_size=40)


@given(schedule=whole, steps=steps, number=st.integers(0, 2), zero_s=st.floats(0, 3))
def test_what_is_due_is_taken_or_counted_as_not_delivered_in_its_second(schedule, steps, number, zero_s) -> None:
    zero_ns = round(zero_s * S)
    share = arrivals(schedule, number, 3, zero_ns)
    now_ns, taken, seen = zero_ns, [], {}

    def report() -> None:
        for second, counts in share.counts(now_ns).items():
            before = seen.get(second, [0, 0])
            seen[second] = [before[0] + counts[0], before[1] + counts[1]]

    for step, after_s in steps:
        now_ns += round(after_s * S)
        if step == "report":
            report()
            continue
        share.skip(now_ns - S // 10)  # free since a tenth of a second
        if share.next_due_ns is not None and share.next_due_ns <= now_ns:
            assert share.next_due_ns >= now_ns - S // 10
            taken.append(share.next_due_ns)
            share.take()
    share.end(now_ns)
    report()
    expected: Counts = {}
    k = number
    while (offset_s := schedule.offset_s(k)) < 1e9 and (due_ns := zero_ns + round(offset_s * S)) <= now_ns:
        counts = expected.setdefault(EPOCH.second(due_ns), [0, 0])
        counts[0] += 1
        counts[1] += 1
        k += 3
    for due_ns in taken:
        expected[EPOCH.second(due_ns)][1] -= 1
    assert seen == expected


def test_millions_are_skipped_without_looking_at_each() -> None:
    asked = 0

    class Watched(Constant):
        def offset_s(self, k: int) -> float:
            nonlocal asked
            asked += 1
            return k / self.rate_rps

    share = arrivals(Watched(1e6))
    share.skip(100 * S)
    share.take()
    share.end(200 * S)
    assert totals(share.counts(200 * S)) == (200_000_001, 200_000_000)
    assert asked < 20_000  # some tens for each second of 200


def test_nothing_is_due_before_the_beginning_nor_after_the_end() -> None:
    share = Arrivals(Constant(10), Share(0, 1), EPOCH)
    share.skip(5 * S)
    assert (share.begun, share.next_due_ns, share.counts(5 * S)) == (False, None, {})
    share.begin(10 * S)
    share.begin(20 * S)  # only the first one counts
    assert share.next_due_ns == 10 * S
    share.end(11 * S)
    share.end(30 * S)
    assert share.next_due_ns is None
    assert totals(share.counts(99 * S)) == (11, 11)
    assert share.counts(99 * S) == {}


def test_a_schedule_that_never_began_had_nothing_due() -> None:
    share = Arrivals(Constant(10), Share(0, 1), EPOCH)
    share.end(10 * S)
    share.begin(11 * S)
    assert (share.next_due_ns, share.counts(20 * S)) == (None, {})


def test_what_was_taken_and_could_not_be_sent_is_not_delivered() -> None:
    share = arrivals(Constant(1))
    share.take()
    share.lose(0)
    share.end(0)
    assert share.counts(0) == {7: [1, 1]}


def test_a_share_that_comes_with_the_beginning_is_the_one_that_counts_and_no_later_one() -> None:
    late = Arrivals(Constant(10), None, EPOCH)
    late.begin(S, Share(1, 2))
    late.begin(2 * S, Share(0, 2))
    assert late.next_due_ns == S + S // 10


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_before_time_zero_nothing_is_due_and_then_all_of_it(schedule: Schedule) -> None:
    ahead = arrivals(schedule, zero_ns=5 * S)
    assert ahead.counts(4 * S) == {}
    ahead.skip(5 * S)
    assert ahead.counts(5 * S - 1) == {}
    ahead.end(7 * S)
    assert totals(ahead.counts(8 * S)) == (schedule.count(2.0),) * 2


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_that_stops_before_time_zero_had_nothing_due(schedule: Schedule) -> None:
    ahead = arrivals(schedule, zero_ns=5 * S)
    ahead.end(4 * S)
    assert (ahead.counts(9 * S), ahead.next_due_ns) == ({}, None)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_without_a_share_nothing_is_ever_due(schedule: Schedule) -> None:
    none = Arrivals(schedule, None, EPOCH)
    none.begin(0)
    assert none.next_due_ns is None
    none.skip(5 * S)
    assert none.counts(5 * S) == {}
    none.end(9 * S)
    assert none.counts(9 * S) == {}


@pytest.mark.parametrize(("number", "of"), [(-1, 2), (2, 2), (0, 0)])
def test_a_share_there_is_not(number: int, of: int) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        Share(number, of)
