"""Whose time it is: stretches in which steps run, and what of an interval they take."""

from __future__ import annotations

import asyncio

import gevent
import pytest
from gevent import monkey
from gevent.event import Event
from hypothesis import given
from hypothesis import strategies as st

from harness.loop.steps import Steps

native_sleep = monkey.get_original("time", "sleep")


async def seen_inside(loop):
    await asyncio.sleep(0)
    return loop.steps.since


def test_steps_run_inside_an_operation_and_at_no_other_time(loop):
    before = loop.steps.since
    inside = loop.drive(seen_inside(loop))
    gevent.sleep(0)
    assert (before, loop.steps.since) == (None, None)
    assert inside is not None
    assert loop.steps.total_s == pytest.approx(sum(end - begin for begin, end in loop.steps.recent))


def test_a_step_that_blocks_the_thread_is_all_the_target_s(loop):
    async def blocks():
        native_sleep(0.03)

    loop.drive(blocks())
    gevent.sleep(0)
    assert max(end - begin for begin, end in loop.steps.recent) >= 0.03


def test_a_step_that_waits_in_a_patched_call_leaves_the_time_to_others(loop):
    async def waits():
        before = loop.steps.since
        gevent.sleep(0.03)  # what time.sleep is once Locust has patched it
        return before, loop.steps.since

    user = gevent.spawn(loop.drive, waits())
    gevent.sleep(0.01)
    assert loop.steps.since is None
    before, after = user.get()
    begun = [begin for begin, _ in loop.steps.recent]
    assert {before, after} <= set(begun)
    assert after - before >= 0.03
    waited = next(end for begin, end in loop.steps.recent if begin == before)
    assert loop.steps.within(waited, after) == 0.0


def test_a_step_that_is_thrown_into_while_it_waits_goes_on_as_a_step(loop):
    async def impatient():
        try:
            with gevent.Timeout(0.01):
                gevent.sleep(5)
        except gevent.Timeout:
            return loop.steps.since

    assert loop.drive(impatient()) is not None


def test_what_is_thrown_into_the_idle_loop_leaves_no_stretch_open(loop):
    thrown = Event()
    loop.set_exception_handler(lambda *_: thrown.set())

    async def forgets():
        gevent.Timeout(0.01).start()

    loop.drive(forgets())
    assert thrown.wait(timeout=5)
    gevent.idle()  # until the loop waits again
    assert loop.steps.since is None


GRID = st.integers(0, 1000).map(lambda n: n / 8)


@given(st.lists(GRID, unique=True, min_size=2, max_size=20), GRID, GRID)
def test_what_steps_take_of_an_interval_is_their_overlap_with_it(edges, one, other):
    edges.sort()
    stretches = list(zip(edges[::2], edges[1::2], strict=False))
    steps = Steps()
    steps.recent.extend(stretches)
    begin, end = sorted((one, other))
    expected = sum(
        1 for n in range(1000) if begin <= n / 8 < end and any(since <= n / 8 < until for since, until in stretches)
    )
    assert steps.within(begin, end) == expected / 8


def test_a_stretch_that_goes_on_counts_up_to_the_end_of_the_interval():
    steps = Steps()
    steps.recent.append((1.0, 2.0))
    steps.since = 4.0
    assert steps.within(1.5, 6.0) == 2.5
    assert steps.within(5.0, 6.0) == 1.0
    assert steps.within(0.0, 3.0) == 1.0
