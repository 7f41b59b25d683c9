"""The sampler against a real hub: what holds it up is found, on the side where it happened."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import gevent
import pytest
from gevent import monkey

from harness.loop import HubLoop
from harness.loop.sampler import PROBE_S, Sampler
from harness.measure.histogram import highest_of
from harness.measure.vitals import MergedVitals, Vitals
from harness.words.clock import Epoch

native_sleep = monkey.get_original("time", "sleep")
STALL_S = 0.2


@pytest.fixture
def loop() -> Iterator[HubLoop]:
    served = HubLoop()
    served.start()
    served.drive(nothing())
    gevent.sleep(0)  # its first turns are over
    gc.disable()
    yield served
    gc.enable()
    served.close()


@pytest.fixture
def sampled(loop: HubLoop):
    """Return a function that samples while something is done, and returns all of it as one row."""

    def sample(what, users=lambda: 3) -> Vitals:
        sampler = Sampler(loop, Epoch(0), 2, users)
        sampler.start()
        gevent.sleep(3 * PROBE_S)
        what()
        gevent.sleep(3 * PROBE_S)
        sampler.stop()
        merged = MergedVitals()
        merged.merge(sampler.take())
        first, *others = merged.pop_before(None)
        for row in others:
            first.merge(row)
        assert sampler.take() == []
        return first

    return sample


async def nothing():
    pass


async def block_in_a_step():
    native_sleep(STALL_S)


async def collect_in_a_step():
    gc.collect()


def probes_late_by(histogram, least_s):
    return sum(count for bucket, count in histogram.counts.items() if highest_of(bucket) >= least_s * 1e6)


def test_a_stall_counts_with_every_probe_that_was_due_in_it(sampled):
    row = sampled(lambda: native_sleep(STALL_S))
    assert probes_late_by(row.lag, STALL_S / 2) >= STALL_S / 2 / PROBE_S - 1
    assert row.lag_max_ms >= (STALL_S - PROBE_S) * 1000


def test_a_greenlet_that_holds_the_hub_is_not_taken_for_the_target(sampled):
    row = sampled(lambda: native_sleep(STALL_S))
    assert row.lag_max_steps_ms == row.steps_ms == 0.0
    assert row.lag_rest == row.lag
    assert row.rest_ms >= STALL_S * 1000 * 0.99


def test_a_step_that_blocks_is_the_target_s(sampled, loop):
    row = sampled(lambda: loop.drive(block_in_a_step()))
    assert row.steps_ms >= STALL_S * 1000
    assert row.lag_max_steps_ms >= (STALL_S - PROBE_S) * 1000
    assert probes_late_by(row.lag, STALL_S / 2) > probes_late_by(row.lag_rest, STALL_S / 2)


def test_waiting_is_idle(sampled):
    row = sampled(lambda: gevent.sleep(STALL_S))
    assert row.rest_ms < row.idle_ms <= row.wall_ms
    assert row.steps_ms == 0.0


def test_collections_are_timed_on_the_side_that_set_them_off(sampled, loop):
    outside = sampled(gc.collect)
    assert outside.gc_count == 1
    assert outside.gc_outside_ms == outside.gc_ms == outside.gc_max_ms > 0.0
    inside = sampled(lambda: loop.drive(collect_in_a_step()))
    assert (inside.gc_count, inside.gc_outside_ms) == (1, 0.0)
    assert inside.gc_ms > 0.0


def test_it_says_whose_and_of_how_many_users(sampled):
    row = sampled(lambda: None)
    assert (row.worker, row.users) == (2, 3)
    assert row.cpu_ms > 0.0
    assert row.wall_ms >= 6 * PROBE_S * 1000 * 0.9


def test_users_that_are_being_stopped_are_not_counted_nor_how_late_probes_are_meanwhile(sampled):
    row = sampled(lambda: native_sleep(STALL_S), users=lambda: None)
    assert (row.users, len(row.lag), row.lag_mean_ms) == (None, 0, None)
    assert row.wall_ms >= STALL_S * 1000


def test_nothing_of_it_stays_behind(loop):
    callbacks = list(gc.callbacks)
    sampler = Sampler(loop, Epoch(0), 0, lambda: 0)
    sampler.start()
    sampler.stop()
    rows = sampler.take()
    gevent.sleep(3 * PROBE_S)
    assert gc.callbacks == callbacks
    assert rows
    assert sampler.take() == []
