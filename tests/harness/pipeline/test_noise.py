"""The noise floor is what users see of a target that does nothing, not what other processes do while a run starts."""

from __future__ import annotations

import random

import gevent
import pytest

from harness.judge.criteria.noise_floor import NoiseFloor
from harness.loop import HubLoop
from harness.pipeline.noise import BATCH, BATCHES, BURSTS, FEWEST_BURSTS, MOST_TOGETHER, floor_of, measure_noise

US = 1_000
TIGHT = [80 * US] * (BATCH * BATCHES)


def burst(longest_us=1_200, usual_us=800):
    return [longest_us * US] + [usual_us * US] * 9


@pytest.fixture
def loop():
    served = HubLoop()
    served.start()
    yield served
    served.close()


def test_bursts_that_were_left_alone_are_the_floor_wherever_they_lie():
    bursts = [burst()] * (BURSTS * 2 // 3) + [burst(longest_us=16_000, usual_us=4_000)] * (BURSTS // 3)
    for seed in range(5):
        random.Random(seed).shuffle(bursts)
        assert floor_of(bursts, TIGHT) == NoiseFloor(p50_ms=0.8, p95_ms=1.2, p99_ms=1.2, max_ms=16.0, best_p95_ms=0.08)


def test_what_slows_every_burst_is_in_the_floor():
    floor = floor_of([burst(longest_us=4_000)] * BURSTS, TIGHT)
    assert floor is not None
    assert floor.p95_ms == floor.p99_ms == 4.0


def test_the_best_is_of_the_calmest_batch_one_after_the_other():
    tight = [90 * US] * BATCH + [70 * US] * BATCH + [60 * US] * (BATCH - 2) + [5_000 * US] * 2
    floor = floor_of([burst()] * BURSTS, tight)
    assert floor is not None
    assert floor.best_p95_ms == 0.07


def test_too_few_bursts_in_time_are_no_floor():
    assert floor_of([burst()] * (FEWEST_BURSTS - 1), TIGHT) is None
    assert floor_of([burst()] * FEWEST_BURSTS, TIGHT) is not None


@pytest.mark.parametrize(("users", "expected"), [(0, 1), (1, 1), (4, 4), (MOST_TOGETHER + 90, MOST_TOGETHER)])
def test_as_many_send_at_once_as_there_are_users_up_to_a_bound(loop, users, expected):
    asked = []

    def together(count, call):
        asked.append(count)
        gevent.joinall([gevent.spawn(call) for _ in range(count)])

    assert measure_noise(loop, together, users) is not None
    assert asked == [expected] * BURSTS


def test_the_floor_holds_what_a_user_waits_for_others_that_wake_with_it(loop):
    def together(count, call):
        gevent.joinall([gevent.spawn(call) for _ in range(count)])

    alone, many = measure_noise(loop, together, 1), measure_noise(loop, together, MOST_TOGETHER)
    assert alone is not None
    assert many is not None
    assert 0 < alone.p50_ms <= alone.p95_ms <= alone.p99_ms <= alone.max_ms
    assert many.p95_ms > 2 * many.best_p95_ms


def test_a_loop_that_is_not_served_has_no_floor(loop):
    loop.stop_service()

    def together(count, call):
        for _ in range(count):
            call()

    assert measure_noise(loop, together, 1) is None
