"""The noise floor is what the harness adds at its best, not what other processes do while a run starts."""

from __future__ import annotations

import random
from itertools import chain

import pytest

from harness.judge.noise_floor import NoiseFloor
from harness.loop import HubLoop
from harness.target.noise import BATCHES, CALMEST, OPERATIONS, floor_of, measure_noise

US = 1_000


def batch(longest_us=200, usual_us=100):
    return [150 * US] * 2 + [longest_us * US] + [usual_us * US] * (OPERATIONS - 3)


def test_batches_that_were_left_alone_are_the_floor_wherever_they_lie():
    batches = [batch()] * CALMEST + [batch(longest_us=16_000, usual_us=4_000)] * (BATCHES - CALMEST)
    for seed in range(5):
        random.Random(seed).shuffle(batches)
        assert floor_of([*chain(*batches)]) == NoiseFloor(p50_ms=0.1, p95_ms=0.15, p99_ms=0.2, max_ms=16.0)


def test_what_slows_every_batch_is_in_the_floor():
    floor = floor_of(batch(longest_us=4_000) * BATCHES)
    assert floor is not None
    assert floor.p99_ms == 4.0


@pytest.mark.parametrize("last", [0, 1, OPERATIONS - 1])
def test_a_batch_that_the_time_did_not_suffice_for_is_left_out(last):
    assert floor_of([*batch() * (CALMEST - 1), *[1] * last]) is None
    assert floor_of([*batch() * CALMEST, *[1] * last]) == floor_of(batch() * CALMEST) is not None


def test_a_loop_has_a_floor():
    loop = HubLoop()
    loop.start()
    try:
        floor = measure_noise(loop)
    finally:
        loop.close()
    assert floor is None or 0 < floor.p50_ms <= floor.p95_ms <= floor.p99_ms <= floor.max_ms
