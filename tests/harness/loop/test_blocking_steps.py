"""A step that blocks holds up the other operations, as in production, but not the hub."""

from __future__ import annotations

import asyncio
import gc
import socket
import time

import gevent
import pytest
from gevent import monkey
from gevent.event import AsyncResult, Event
from gevent.hub import get_hub
from gevent.lock import BoundedSemaphore
from native import needs_threads

from harness.loop import HubLoop
from harness.words.errors import DeadlineExceeded


async def value(result):
    await asyncio.sleep(0)
    return result


async def blocks(seconds):
    gevent.sleep(seconds)  # what time.sleep is once Locust has patched it
    return asyncio.get_running_loop(), asyncio.current_task()


def timed(loop, coro):
    began = time.monotonic()
    loop.drive(coro)
    return time.monotonic() - began


def test_other_operations_wait_and_that_wait_is_measured(loop):
    first = gevent.spawn(timed, loop, blocks(0.05))
    second = gevent.spawn(timed, loop, value(1))
    gevent.joinall([first, second], raise_error=True)
    assert first.value >= 0.05
    assert second.value >= 0.05


def test_hub_goes_on_meanwhile(loop):
    ticks = []
    user = gevent.spawn(loop.drive, blocks(0.05))
    while not user.ready():
        gevent.sleep(0.005)
        ticks.append(1)
    assert len(ticks) >= 2


def test_step_keeps_its_running_loop_and_lends_it_to_nobody(loop):
    seen = []
    user = gevent.spawn(loop.drive, blocks(0.02))
    gevent.sleep(0.01)
    seen.append(asyncio._get_running_loop())
    running, task = user.get()
    seen.append(asyncio._get_running_loop())
    assert seen == [None, None]
    assert running is loop
    assert task is not None


def test_step_may_wait_for_a_lock_that_another_greenlet_holds(loop):
    lock = BoundedSemaphore(1)
    lock.acquire()

    async def locks():
        with lock:
            return asyncio.get_running_loop() is loop

    user = gevent.spawn(loop.drive, locks())
    gevent.sleep(0.01)
    lock.release()
    assert user.get(timeout=1) is True


def test_exception_thrown_into_a_blocked_step_is_raised_there(loop):
    async def impatient():
        try:
            with gevent.Timeout(0.01):
                gevent.sleep(5)
        except gevent.Timeout:
            return asyncio.get_running_loop() is loop
        return None

    assert loop.drive(impatient()) is True


def test_timeout_that_a_step_left_running_does_not_end_the_loop(loop):
    reported = AsyncResult()
    loop.set_exception_handler(lambda _, context: reported.set(type(context["exception"])))

    async def forgets():
        gevent.Timeout(0.01).start()

    loop.drive(forgets())
    assert reported.get(timeout=5) is gevent.Timeout
    gevent.idle()  # until the loop waits again
    assert asyncio._get_running_loop() is None
    assert loop.drive(value(1)) == 1


def test_timeout_that_a_step_left_running_does_no_harm_after_its_loop_was_closed():
    loop = HubLoop()
    loop.start()

    async def forgets():
        gevent.Timeout(0.01).start()

    loop.drive(forgets())
    loop.close()
    assert not Event().wait(0.05)  # raised here if it is not dropped
    assert asyncio._get_running_loop() is None


def test_deadline_passes_while_another_step_blocks(loop):
    blocker = gevent.spawn(loop.drive, blocks(0.2))
    gevent.sleep(0)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        loop.drive(value(1), 0.01)
    assert time.monotonic() - began < 0.15
    blocker.join()


def test_data_on_a_socket_does_not_spin_the_hub_meanwhile(loop):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    received = []

    async def reads_and_blocks():
        loop.add_reader(ours, lambda: received.append(ours.recv(10)))
        theirs.send(b"x")
        before = get_hub().loop.iteration
        gevent.sleep(0.05)
        turns = get_hub().loop.iteration - before
        nothing_yet = list(received)
        await asyncio.sleep(0.01)
        loop.remove_reader(ours)
        return turns, nothing_yet

    turns, nothing_yet = loop.drive(reads_and_blocks())
    assert nothing_yet == []
    assert received == [b"x"]
    assert turns < 50  # it was some thousands
    ours.close()
    theirs.close()


def test_loop_can_be_stopped_and_started_while_a_step_blocks(loop):
    def user_of_a_stopped_loop():
        with pytest.raises(RuntimeError, match="stopped"):
            loop.drive(blocks(0.02))

    user = gevent.spawn(user_of_a_stopped_loop)
    gevent.sleep(0.005)
    loop.stop_service()
    user.get(timeout=1)
    gevent.sleep(0.03)  # the step ends in a loop that nobody serves
    assert not loop.is_running()
    loop.start()
    assert loop.drive(value(1)) == 1
    assert loop.settle(1) == 0


@needs_threads
def test_unpatched_blocking_call_in_a_thread_stops_neither_loop_nor_hub(loop):
    native_sleep = monkey.get_original("time", "sleep")
    order = []

    def in_thread():
        loop.drive(asyncio.to_thread(native_sleep, 0.05))
        order.append("thread")

    def beside():
        for _ in range(3):
            loop.drive(value(1))
            gevent.sleep(0.005)
        order.append("beside")

    gevent.joinall([gevent.spawn(in_thread), gevent.spawn(beside)], raise_error=True)
    assert order == ["beside", "thread"]


def test_nothing_is_left_of_a_loop_that_was_closed():
    def use():
        loop = HubLoop()
        loop.start()
        loop.drive(value(1), 5.0)
        loop.close()

    use()
    gevent.sleep(0)
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o) is HubLoop and not o.is_closed()]


def test_between_two_steps_that_block_the_hub_has_its_turn(loop):
    turns = []

    async def block():
        until = time.monotonic() + 0.08
        while time.monotonic() < until:
            pass

    users = [gevent.spawn(loop.drive, block()) for _ in range(6)]
    ticking = get_hub().loop.timer(0.01, 0.01, ref=False)
    ticking.start(lambda: turns.append(time.monotonic()))
    gevent.joinall(users)
    ticking.close()
    assert len(turns) >= 5
