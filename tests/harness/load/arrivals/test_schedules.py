from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from harness.load.arrivals.poisson import Poisson
from harness.load.arrivals.schedules import MAX_RATE_RPS, NEVER, Constant, Ramp, Rate, Schedule
from harness.load.arrivals.trace_file import Trace
from harness.words.errors import ScheduleError

rates = st.floats(0.01, 1e5)
constants = st.builds(Constant, rates)
ramps = st.builds(Ramp, st.just(0.0) | rates, st.just(0.0) | rates, st.floats(0.1, 1e3)).filter(
    lambda ramp: ramp.from_rps + ramp.to_rps > 0
)
traces = st.lists(st.floats(0, 1e4), min_size=1, max_size=40).map(lambda offsets: Trace(tuple(sorted(offsets))))
poissons = st.builds(Poisson, rates | constants | ramps, st.integers(0, 1000))
schedules = st.one_of(constants, ramps, traces, poissons)


@pytest.mark.parametrize(
    ("schedule", "steady"),
    [
        (Constant(5), True),
        (Poisson(5, 1), True),
        (Poisson(Constant(5), 1), True),
        (Ramp(1, 5, 10), False),
        (Poisson(Ramp(1, 5, 10), 1), False),
        (Trace((0.0, 1.0)), False),
    ],
)
def test_only_a_rate_that_does_not_change_is_steady(schedule: Schedule, steady: bool) -> None:
    assert schedule.steady is steady


@given(schedule=schedules, k=st.integers(0, 3000), more=st.floats(0, 1))
def test_count_and_offset_agree_to_the_last_bit(schedule: Schedule, k: int, more: float) -> None:
    offset_s = schedule.offset_s(k)
    if offset_s == NEVER:
        return
    count = schedule.count(offset_s)
    assert count >= k + 1  # more than one may be due at the same moment
    assert schedule.offset_s(count) > offset_s
    before = math.nextafter(offset_s, -1)
    assert schedule.count(before) <= k
    between = offset_s + more * min(1.0, schedule.offset_s(k + 1) - offset_s)
    assert schedule.offset_s(schedule.count(between) - 1) <= between < schedule.offset_s(schedule.count(between))


@given(schedule=schedules, k=st.integers(0, 3000))
def test_arrivals_are_numbered_in_the_order_in_which_they_are_due(schedule: Schedule, k: int) -> None:
    assert 0 <= schedule.offset_s(k) <= schedule.offset_s(k + 1)


@given(schedule=schedules)
def test_nothing_is_due_before_time_zero(schedule: Schedule) -> None:
    assert schedule.count(-1e-9) == 0


@given(rate=st.integers(1, 100_000), seconds=st.integers(1, 1000))
def test_a_constant_rate_has_its_rate_due_in_every_second(rate: int, seconds: int) -> None:
    schedule = Constant(rate)
    assert schedule.count(math.nextafter(seconds, 0)) == rate * seconds
    assert schedule.offset_s(rate * seconds) == seconds


@given(ramp=ramps, until_s=st.floats(0, 2000))
def test_a_ramp_expects_the_area_under_its_line(ramp: Ramp, until_s: float) -> None:
    def rate_at(elapsed_s: float) -> float:
        return ramp.from_rps + (ramp.to_rps - ramp.from_rps) * min(1.0, elapsed_s / ramp.over_s)

    parts = [(0.0, min(until_s, ramp.over_s)), (ramp.over_s, max(until_s, ramp.over_s))]
    area = sum(integrate.quad(rate_at, *part)[0] for part in parts)
    assert ramp.expected(until_s) == pytest.approx(area, rel=1e-9, abs=1e-9)


@given(rate=constants | ramps, expected=st.floats(0, 1e5))
def test_reached_is_the_inverse_of_expected(rate: Rate, expected: float) -> None:
    reached_s = rate.reached_s(expected)
    if reached_s < NEVER:
        assert rate.expected(reached_s) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_a_ramp_from_zero_by_hand() -> None:
    ramp = Ramp(0, 10, 10)  # t^2 / 2 up to 10 s, and then 10 a second
    assert [ramp.count(elapsed_s) for elapsed_s in (0, 1, 2, 4, 10, 10.5, 11)] == [1, 1, 3, 9, 51, 56, 61]
    assert [ramp.offset_s(k) for k in (0, 2, 8, 50, 60)] == [0, 2, 4, 10, 11]


def test_a_ramp_down_to_zero_ends() -> None:
    ramp = Ramp(10, 0, 10)
    assert ramp.count(1e9) == 51
    assert ramp.offset_s(51) == NEVER


@pytest.mark.parametrize("seed", range(8))
def test_the_gaps_of_a_poisson_schedule_are_exponential(seed: int) -> None:
    schedule = Poisson(250, seed)
    offsets = [schedule.offset_s(k) for k in range(5000)]
    gaps = [offsets[0], *(after - before for before, after in pairwise(offsets))]
    assert stats.kstest(gaps, "expon", args=(0, 1 / 250)).pvalue > 0.01


@pytest.mark.parametrize("seed", range(8))
def test_the_arrivals_of_a_poisson_ramp_lie_as_its_rate_says(seed: int) -> None:
    ramp = Ramp(0, 500, 20)
    schedule = Poisson(ramp, seed)
    shares = [ramp.expected(schedule.offset_s(k)) / ramp.expected(20) for k in range(schedule.count(20))]
    # Given their number, the arrivals of a Poisson process are independent draws from its normed rate.
    assert stats.kstest(shares, "uniform").pvalue > 0.01


def test_a_gap_test_that_takes_even_arrivals_for_poisson_would_be_none() -> None:
    assert stats.kstest([1 / 250] * 5000, "expon", args=(0, 1 / 250)).pvalue < 0.01


@given(seed=st.integers(0, 50), asked=st.lists(st.integers(0, 20_000), min_size=1, max_size=30))
def test_a_poisson_schedule_is_the_same_in_whatever_order_it_is_asked(seed: int, asked: list[int]) -> None:
    once = Poisson(100, seed)
    for k in asked:
        assert once.offset_s(k) == Poisson(100, seed).offset_s(k)


def test_a_poisson_schedule_is_the_same_in_every_release() -> None:
    schedule = Poisson(100, 1)
    assert [round(schedule.offset_s(k), 9) for k in (0, 1, 1023, 1024, 100_000)] == [
        0.005127181,
        0.024880111,
        10.429893548,
        10.440702407,
        997.329249283,
    ]


def test_poisson_schedules_take_their_seed_from_the_run_unless_they_have_one() -> None:
    assert Poisson(5).prepared("1 Caller") == Poisson(5, "1 Caller")
    assert Poisson(5).prepared("1 Caller").offset_s(7) != Poisson(5).prepared("2 Caller").offset_s(7)
    assert Poisson(5, 3).prepared("1 Caller").offset_s(7) == Poisson(5, 3).offset_s(7)


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, MAX_RATE_RPS * 2, "50", None, True])
@pytest.mark.parametrize("of", [Constant, Poisson, lambda rate: Poisson(Constant(rate))])
def test_a_rate_that_cannot_be_asked_for(of, rate: object) -> None:
    with pytest.raises(ScheduleError, match=r"found rate.*expected"):
        of(rate).prepared("1")


@pytest.mark.parametrize(
    ("ramp", "found"),
    [
        (Ramp(-1, 5, 5), "from_rps -1"),
        (Ramp(1, math.nan, 5), "to_rps nan"),
        (Ramp(0, 0, 5), "two rates of 0"),
        (Ramp(1, 5, 0), "over_s 0"),
        (Ramp(1, 5, math.inf), "over_s inf"),
    ],
)
def test_a_ramp_that_cannot_be_asked_for(ramp: Ramp, found: str) -> None:
    with pytest.raises(ScheduleError, match=f"found {found}.*expected"):
        ramp.prepared("1")


def test_digests_tell_schedules_apart() -> None:
    made = [Constant(5), Constant(6), Ramp(1, 5, 5), Poisson(5, 1), Poisson(5, 2), Trace((1, 2)), Trace((1, 3))]
    assert len({schedule.digest for schedule in made}) == len(made)
    assert Trace((1, 2)).digest == Trace([1.0, 2.0]).digest
