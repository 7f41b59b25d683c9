from __future__ import annotations

import math
import statistics
from random import Random

import pytest

from harness.stages.backend.service_times import Bimodal, Constant, LogNormal, Pareto

ALL = [
    Constant(20.0),
    LogNormal(20.0, 0.5),
    LogNormal(20.0),
    Pareto(10.0, 2.5),
    Pareto(10.0, 1.0, cap_ms=400.0),
    Pareto(10.0, 0.8, cap_ms=400.0),
    Bimodal(10.0, 200.0, 0.1),
]


def drawn(times, seed: int = 1, count: int = 20_000) -> list[float]:
    random = Random(seed)
    return [times.draw_s(random) * 1000 for _ in range(count)]


@pytest.mark.parametrize("times", ALL, ids=repr)
def test_draws_have_the_mean_that_is_said_and_equal_seeds_draw_alike(times):
    assert statistics.fmean(drawn(times)) == pytest.approx(times.mean_ms, rel=0.05)
    assert drawn(times, count=50) == drawn(times, count=50)


def test_a_pareto_tail_falls_with_the_power_alpha_from_the_minimum_to_the_cap():
    values = drawn(Pareto(10.0, 1.5, cap_ms=500.0))
    assert (min(values) >= 10.0, max(values)) == (True, 500.0)
    for at in (20.0, 50.0, 100.0):
        assert sum(value > at for value in values) / len(values) == pytest.approx((10 / at) ** 1.5, rel=0.1)


def test_without_a_cap_a_pareto_with_alpha_1_has_no_mean():
    assert Pareto(10.0, 1.0).mean_ms == math.inf


def test_two_modes_have_their_share():
    values = drawn(Bimodal(10.0, 200.0, 0.1))
    assert set(values) == {10.0, 200.0}
    assert values.count(200.0) / len(values) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Constant(0.0),
        lambda: LogNormal(math.inf),
        lambda: LogNormal(10.0, -0.1),
        lambda: Pareto(10.0, 0.0),
        lambda: Pareto(10.0, 2.0, cap_ms=9.0),
        lambda: Bimodal(10.0, 20.0, 1.1),
        lambda: Bimodal(10.0, -1.0, 0.5),
    ],
)
def test_impossible_service_times_are_refused(wrong):
    with pytest.raises(ValueError, match="service times: expected"):
        wrong()
