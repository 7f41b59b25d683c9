"""Timers, calls from other threads, and calls in other threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import signal
import socket

import gevent
import pytest
from gevent.hub import get_hub
from native import error_of, in_native_thread, native_ident, native_sleep, needs_threads

from harness.loop import HubLoop


def test_timers_fire_in_order_of_time_and_never_early(loop):
    async def run():
        fired, start = [], loop.time()
        for delay in (0.03, 0.01, 0.02, 0.0):
            loop.call_later(delay, lambda delay=delay: fired.append((delay, loop.time() - start)))
        await asyncio.sleep(0.04)
        return fired

    fired = loop.drive(run())
    assert [delay for delay, _ in fired] == [0.0, 0.01, 0.02, 0.03]
    assert all(delay <= at + 1e-6 for delay, at in fired)


def test_timer_set_from_a_greenlet_wakes_the_idle_loop(loop):
    fired = []
    loop.call_later(0.01, fired.append, 1)
    gevent.sleep(0.03)
    assert fired == [1]


def test_cancelled_timers_do_not_pile_up(loop):
    async def run():
        for _ in range(5000):
            loop.call_later(30, print).cancel()
        return len(loop._scheduled)

    assert loop.drive(run()) < 300


def test_timer_that_stays_survives_the_purge_of_the_cancelled(loop):
    async def run():
        fired = loop.create_future()
        loop.call_later(0.02, fired.set_result, "fired")
        for _ in range(1000):
            loop.call_later(30, print).cancel()
        return await asyncio.wait_for(fired, 2)

    assert loop.drive(run()) == "fired"


def test_hub_timer_is_not_touched_for_later_timers(loop):
    armed = []

    async def run():
        loop.call_later(0.02, int)
        arm = loop._arm_timer
        loop._arm_timer = lambda when: armed.append(when) or arm(when)
        for _ in range(100):
            loop.call_later(30, int).cancel()

    loop.drive(run())
    assert armed == []


def test_foreign_thread_wakes_the_idle_loop(loop):
    async def waits():
        future = loop.create_future()
        call = lambda: loop.call_soon_threadsafe(future.set_result, native_ident())  # noqa: E731
        gevent.spawn(in_native_thread, call)
        return await asyncio.wait_for(future, 5)

    assert loop.drive(waits()) != native_ident()


def test_thread_of_to_thread_may_call_back_into_the_loop_and_wait(loop):
    async def double(x):
        await asyncio.sleep(0.001)
        return 2 * x

    def blocking():
        return asyncio.run_coroutine_threadsafe(double(21), loop).result(5)

    assert loop.drive(asyncio.to_thread(blocking), 10) == 42


@needs_threads
def test_to_thread_keeps_context_and_raises_what_is_raised(loop, capfd):
    variable = contextvars.ContextVar("variable")

    async def run():
        variable.set("kept")
        thread, kept = await asyncio.to_thread(lambda: (native_ident(), variable.get()))
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        return thread, kept

    thread, kept = loop.drive(run())
    assert thread != native_ident()
    assert kept == "kept"
    assert capfd.readouterr().err == ""  # gevent would print the traceback


def test_more_calls_than_threads_wait_without_blocking_the_loop(loop):
    async def run():
        calls = [loop.run_in_executor(None, native_sleep, 0.01) for _ in range(60)]
        pending = sum(not call.done() for call in calls)
        await asyncio.sleep(0)
        await asyncio.gather(*calls)
        return pending

    assert loop.drive(run(), 10) == 60


@needs_threads
def test_waiting_call_may_be_cancelled(loop):
    ran = []

    async def run():
        busy = [loop.run_in_executor(None, native_sleep, 0.02) for _ in range(40)]
        last = loop.run_in_executor(None, ran.append, 1)
        last.cancel()
        await asyncio.gather(*busy)

    loop.drive(run(), 10)
    assert ran == []


def test_explicit_executor_is_used(loop):
    with concurrent.futures.ThreadPoolExecutor(1) as executor:

        async def run():
            return await loop.run_in_executor(executor, lambda: "by it")

        assert loop.drive(run(), 5) == "by it"


def test_shutdown_of_the_default_executor_waits_and_then_refuses(loop):
    done = []

    async def run():
        call = loop.run_in_executor(None, lambda: native_sleep(0.02) or done.append(1))
        await loop.shutdown_default_executor()
        assert done == [1]
        await call
        with pytest.raises(RuntimeError, match="shutdown"):
            await asyncio.to_thread(int)

    loop.drive(run(), 10)


def test_names_are_resolved_in_a_thread(loop):
    infos = loop.drive(loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM), 5)
    assert infos[0][4] == ("127.0.0.1", 80)
    assert loop.drive(loop.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST), 5)[0] == "127.0.0.1"


def test_loop_works_in_another_thread_with_the_hub_of_that_thread():
    def use():
        loop = HubLoop()
        loop.start()
        try:
            with pytest.raises(RuntimeError, match="main thread"):
                loop.add_signal_handler(signal.SIGUSR1, int)

            return loop.drive(asyncio.sleep(0.001, "slept"), 5)
        finally:
            loop.close()
            get_hub().destroy()

    assert in_native_thread(use) == "slept"


def test_loop_cannot_be_served_in_another_thread():
    loop = HubLoop()
    error = in_native_thread(lambda: error_of(loop.start))
    assert "thread that made it" in str(error)
    loop.close()
