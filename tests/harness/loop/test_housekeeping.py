"""Async generators, debug mode, errors in callbacks; and the loop without its service."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import sys
import time

import gevent
import pytest
from native import error_of, in_native_thread, native_sleep

from harness.loop import HubLoop


def test_forgotten_async_generator_is_closed_by_the_loop(loop):
    closed = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def run():
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0.01)

    loop.drive(run(), 5)
    assert closed == [True]


def test_shutdown_asyncgens_closes_those_still_open(loop):
    closed, kept = [], []

    async def numbers():
        try:
            yield 1
        finally:
            closed.append(True)

    async def run():
        kept.append(numbers())
        await kept[0].asend(None)
        await loop.shutdown_asyncgens()

    loop.drive(run(), 5)
    assert closed == [True]


def test_hooks_are_as_before_after_the_service():
    before = sys.get_asyncgen_hooks()
    loop = HubLoop()
    loop.start()
    assert sys.get_asyncgen_hooks() != before
    loop.close()
    assert sys.get_asyncgen_hooks() == before


def test_debug_mode_warns_of_a_slow_step(loop, caplog):
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01

    async def slow():
        native_sleep(0.02)

    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.drive(slow())
    assert "slow() " in caplog.text
    assert re.search(r"took 0\.\d+ seconds", caplog.text)


def test_debug_mode_refuses_calls_from_another_thread_but_not_from_another_greenlet(loop):
    loop.set_debug(True)
    called = []
    gevent.spawn(loop.call_soon, called.append, "greenlet").get()
    error = in_native_thread(lambda: error_of(loop.call_soon, print))
    assert "Non-thread-safe" in str(error)
    gevent.sleep(0.01)
    assert called == ["greenlet"]


def test_debug_mode_says_where_a_handle_was_made(loop):
    loop.set_debug(True)
    for handle in (loop.call_soon(int), loop.call_later(0, int), loop.call_soon_threadsafe(int)):
        assert handle._source_traceback[-1].filename == __file__
    gevent.sleep(0.01)


@pytest.mark.parametrize("error", [ValueError("no"), gevent.GreenletExit("no"), asyncio.CancelledError("no")])
def test_error_in_a_callback_is_reported_and_the_others_run(loop, error):
    reports, called = [], []
    loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))

    def fails():
        raise error

    loop.call_soon(fails)
    loop.call_soon(called.append, "next")
    gevent.sleep(0.01)
    assert reports == [error]
    assert called == ["next"]


def test_callback_cancelled_before_its_turn_does_not_run(loop):
    called = []
    loop.call_soon(called.append, 1).cancel()
    gevent.sleep(0.01)
    assert called == []


def test_closed_loop_refuses_everything():
    loop = HubLoop()
    loop.start()
    loop.close()
    assert loop.is_closed()
    for refused in (lambda: loop.call_soon(int), lambda: loop.call_later(1, int), loop.start, loop.run_forever):
        with pytest.raises(RuntimeError, match="closed"):
            refused()


def test_runner_of_asyncio_uses_it_and_the_hub_goes_on():
    ticks = []

    def ticker():
        while True:
            ticks.append(1)
            gevent.sleep(0.002)

    async def main():
        await asyncio.sleep(0.02)
        return asyncio.get_running_loop()

    other = gevent.spawn(ticker)
    with asyncio.Runner(loop_factory=HubLoop) as runner:
        assert isinstance(runner.run(main()), HubLoop)
    other.kill()
    assert len(ticks) >= 2


def test_exit_request_leaves_run_until_complete():
    async def exits():
        await asyncio.sleep(0)
        raise SystemExit(4)

    loop = HubLoop()
    with pytest.raises(SystemExit):
        loop.run_until_complete(exits())
    assert loop.run_until_complete(asyncio.sleep(0, "alive")) == "alive"
    loop.close()


def test_exception_thrown_into_run_forever_ends_it_even_while_a_step_blocks():
    async def blocks():
        gevent.sleep(0.03)
        return "ended"

    loop = HubLoop()
    task = loop.create_task(blocks())
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        loop.run_forever()
    assert not loop.is_running()
    assert loop.run_until_complete(task) == "ended"
    loop.close()


def test_served_loop_cannot_be_run(loop):
    with pytest.raises(RuntimeError, match="already running"):
        loop.run_forever()


def test_two_loops_on_one_hub(loop):
    second = HubLoop()
    second.start()

    async def which():
        await asyncio.sleep(0.001)
        return asyncio.get_running_loop()

    users = [gevent.spawn(each.drive, which(), 5.0) for each in (loop, second) * 3]
    gevent.joinall(users, raise_error=True)
    assert [user.value for user in users] == [loop, second] * 3
    second.close()


def test_time_is_the_monotonic_clock(loop):
    before = time.monotonic()
    assert before <= loop.time() <= time.monotonic()
