from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from harness.judge.checkers.disturbances.recovery_search import CHANCE, Level, Limits, RecoveryRule, Timeline, searches

BEFORE = Level(ok=1000, primary=1000, bad=0, latency={1000: 1000})
SECOND_NS = 1_000_000_000


@given(n=st.integers(1, 400), part=st.floats(0, 1), allowed=st.floats(0.001, 0.5))
def test_a_part_is_worse_exactly_where_the_binomial_distribution_says_that_chance_would_not_do_it(n, part, allowed):
    fallbacks = round(n * part)
    limits = Limits(BEFORE, RecoveryRule(primary_of_baseline=1 - allowed), 20.0)
    by_chance = binom.sf(fallbacks - 1, n, allowed)
    if abs(by_chance - CHANCE) > 1e-6:
        worse = fallbacks > n * allowed and by_chance < CHANCE
        assert limits.worse(Level(n, n - fallbacks, 0, {1000: n})) == worse


@pytest.mark.parametrize(
    "part",
    [
        Level(50, 20, 0, {1000: 50}),  # by fallbacks
        Level(50, 50, 20, {1000: 50}),  # not ok
        Level(50, 50, 0, {1000: 30, 1300: 20}),  # slow
        Level(0, 0, 10, {}),  # none ended ok
    ],
)
def test_each_of_the_three_numbers_makes_a_part_worse(part):
    assert Limits(BEFORE, RecoveryRule(), 20.0).worse(part)


def test_a_part_without_operations_or_with_few_says_nothing_where_few_were_to_be_expected():
    limits = Limits(BEFORE, RecoveryRule(), 500.0)
    assert not limits.worse(Level())
    assert not limits.worse(Level(1, 0, 0, {5000: 1}))


def test_a_part_in_which_nothing_ended_is_worse_where_there_were_many():
    assert Limits(BEFORE, RecoveryRule(), 20.0).worse(Level())


def test_a_target_that_goes_silent_after_a_fault_has_not_recovered():
    good = {at: level(0) for at in range(45)}
    bad = {at: level(100) for at in range(40, 60)}
    timeline = Timeline({**good, **bad, 60: level(0), 121: level(0)}, SECOND_NS // 4)
    (search,) = searches(timeline, [(10 * SECOND_NS, 15 * SECOND_NS)])
    assert search.recovered_ns is None


def test_nothing_allowed_is_nothing_allowed():
    limits = Limits(BEFORE, RecoveryRule(primary_of_baseline=1.0), 20.0)
    assert limits.worse(Level(50, 49, 0, {1000: 50}))


def level(fallbacks: int) -> Level:
    return Level(100, 100 - fallbacks, 0, {1000: 100})


@pytest.mark.parametrize(("bin_ns", "bins"), [(SECOND_NS, 1), (SECOND_NS // 4, 4)])
def test_seconds_and_quarters_find_the_same_moment_within_a_second(bin_ns, bins):
    fallbacks = {10: 100, 11: 100, 12: 100, 13: 60, 14: 14}
    timeline = Timeline({at: level(fallbacks.get(at // bins, 0)) for at in range(30 * bins)}, bin_ns)
    (search,) = searches(timeline, [(10 * SECOND_NS, 12 * SECOND_NS)])
    assert search.recovered_ns == pytest.approx(15 * SECOND_NS, abs=SECOND_NS / 4)
