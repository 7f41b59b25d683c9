"""What ``HubLoop.drive`` promises the greenlet that calls it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import logging
import time

import gevent
import pytest
from gevent.threadpool import ThreadPool
from native import error_of

from harness.loop import HubLoop
from harness.words.errors import DeadlineExceeded, RouteSwarmError


class Alien(BaseException):
    """What no ``except Exception`` catches."""


async def value(result, steps=1):
    for _ in range(steps):
        await asyncio.sleep(0)
    return result


async def failing(error):
    await asyncio.sleep(0)
    raise error


async def forever(started=None, cleaned=None):
    try:
        if started is not None:
            started.append(asyncio.current_task())
        await asyncio.Event().wait()
    finally:
        if cleaned is not None:
            cleaned.append(True)


def test_result_reaches_the_main_greenlet(loop):
    assert loop.drive(value(7)) == 7


def test_result_reaches_each_of_many_greenlets(loop):
    users = [gevent.spawn(loop.drive, value(i, steps=i % 4), 30.0) for i in range(50)]
    gevent.joinall(users, raise_error=True)
    assert [user.value for user in users] == list(range(50))


@pytest.mark.parametrize("error", [ValueError("no"), Alien("no"), StopAsyncIteration("no"), gevent.GreenletExit("no")])
def test_what_the_task_raises_is_raised(loop, error):
    with pytest.raises(type(error)) as raised:
        loop.drive(failing(error))
    assert raised.value is error
    assert loop.drive(value("next")) == "next"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("stop")])
@pytest.mark.parametrize("debug", [False, True])
def test_exit_requests_go_to_the_caller_and_nobody_else(loop, error, debug):
    loop.set_debug(debug)
    bystander = gevent.spawn(loop.drive, value("unharmed", steps=5))
    user = gevent.spawn(error_of, loop.drive, failing(error))
    gevent.joinall([user, bystander], raise_error=True)
    assert user.value is error
    assert bystander.value == "unharmed"


def test_exit_request_of_a_task_nobody_drives_is_reported_and_harms_nobody(loop):
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(context["exception"]))

    async def parent():
        child = asyncio.create_task(failing(SystemExit(9)))
        await asyncio.wait([child])
        return type(child.exception())

    assert loop.drive(parent()) is SystemExit
    assert [type(report) for report in reports] == [SystemExit]


def test_task_that_cancels_itself_raises_cancelled_error(loop):
    async def suicidal():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        loop.drive(suicidal(), 5.0)


def test_task_cancelled_before_its_first_step_raises_cancelled_error(loop):
    async def cancel_all():
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    canceller = gevent.spawn(loop.drive, cancel_all())
    victim = gevent.spawn(error_of, loop.drive, value(1))
    gevent.joinall([canceller, victim], raise_error=True)
    assert isinstance(victim.value, asyncio.CancelledError)


def test_deadline_raises_on_time_and_cancels_the_task(loop):
    cleaned = []
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"0\.05 s") as raised:
        loop.drive(forever(cleaned=cleaned), 0.05)
    took = time.monotonic() - began
    assert isinstance(raised.value, RouteSwarmError)
    assert 0.05 <= took < 0.2  # within 2 ms when the machine is free
    assert loop.settle(1) == 0
    assert cleaned == [True]


def test_each_deadline_counts_from_its_own_start(loop):
    def user(delay):
        gevent.sleep(delay)
        began = time.monotonic()
        assert isinstance(error_of(loop.drive, forever(), 0.06), DeadlineExceeded)
        return time.monotonic() - began

    users = [gevent.spawn(user, i * 0.01) for i in range(5)]
    gevent.joinall(users, raise_error=True)
    assert all(0.06 <= user.value < 0.2 for user in users)


def test_different_deadlines_pass_in_their_own_order(loop):
    passed = []

    def user(deadline_s):
        assert isinstance(error_of(loop.drive, forever(), deadline_s), DeadlineExceeded)
        passed.append(deadline_s)

    gevent.joinall([gevent.spawn(user, s) for s in (0.06, 0.02, 0.04, 0.0)], raise_error=True)
    assert passed == [0.0, 0.02, 0.04, 0.06]


def test_finished_operations_leave_nothing_behind(loop):
    for deadline_s in (0.02, 30.0, float("inf"), None):
        for _ in range(5):
            loop.drive(value(1), deadline_s)
    assert not any(deadlines.entries for deadlines in loop._deadlines.values())
    gevent.sleep(0.04)
    assert 0.02 not in loop._deadlines
    assert loop._driven == {}
    assert loop.in_flight == 0


async def dividing_by_zero():
    return 1 / 0


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_operations_leave_no_reference_cycles(loop, ends):
    def operation():
        with contextlib.suppress(ZeroDivisionError):
            loop.drive(value(1) if ends == "well" else dividing_by_zero(), 30.0)

    operation()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            operation()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_killed_greenlet_goes_at_once_and_its_task_is_cancelled(loop):
    cleaned = []
    user = gevent.spawn(loop.drive, forever(cleaned=cleaned), 30.0)
    gevent.sleep(0.01)
    assert loop.in_flight == 1
    user.kill()
    assert isinstance(user.value, gevent.GreenletExit)
    assert loop.settle(1) == 0
    assert cleaned == [True]


def test_gevent_timeout_ends_the_wait_and_cancels_the_task(loop):
    cleaned = []
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.02):
        loop.drive(forever(cleaned=cleaned))
    assert loop.settle(1) == 0
    assert cleaned == [True]


def test_kill_and_end_of_the_task_in_one_turn_resume_the_greenlet_once(loop):
    resumed = []

    def user():
        try:
            loop.drive(value(1))
        finally:
            resumed.append("drive")
        gevent.sleep(0.02)  # a second resumption would end this early
        resumed.append("slept")

    victim = gevent.spawn(user)
    gevent.sleep(0)  # it waits in drive; its task is ready

    async def killer():
        await asyncio.sleep(0)
        victim.kill(block=False)

    loop.drive(killer())
    victim.join()
    assert resumed[0] == "drive"
    assert loop.drive(value(2)) == 2


def test_task_that_swallows_cancellation_is_counted_until_it_ends(loop):
    stop = []

    async def stubborn():
        while not stop:
            try:
                await asyncio.sleep(0.005)
            except asyncio.CancelledError:
                continue

    user = gevent.spawn(loop.drive, stubborn())
    gevent.sleep(0.01)
    user.kill()
    assert loop.settle(0.02) == 1
    assert loop.in_flight == 1
    stop.append(True)
    assert loop.settle(1) == 0


def test_error_after_the_operation_is_not_logged_as_unhandled(loop, caplog):
    async def bad_loser():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("while cleaning up")

    caplog.set_level(logging.INFO)
    with pytest.raises(DeadlineExceeded):
        loop.drive(bad_loser(), 0.01)
    assert loop.settle(1) == 0
    gc.collect()
    assert caplog.records == []


def test_failing_cancel_of_an_awaited_future_does_not_replace_the_kill(loop):
    reports = []
    loop.set_exception_handler(lambda _, context: reports.append(str(context["exception"])))
    futures = []

    class Touchy(asyncio.Future):
        def cancel(self, msg=None):
            raise ValueError("touchy")

    async def waits():
        futures.append(Touchy())
        await futures[0]

    user = gevent.spawn(loop.drive, waits())
    gevent.sleep(0.01)
    user.kill()
    assert isinstance(user.value, gevent.GreenletExit)
    assert reports == ["touchy"]
    futures[0].set_result(None)
    assert loop.settle(1) == 0


def test_two_thousand_greenlets_at_once(loop):
    users = [gevent.spawn(loop.drive, value(i, steps=3), 30.0) for i in range(2000)]
    gevent.joinall(users, raise_error=True)
    assert sum(user.value for user in users) == 1999 * 1000


def test_two_thousand_greenlets_killed_at_once(loop):
    begun, cleaned = [], []

    async def stage():
        begun.append(1)
        await forever(cleaned=cleaned)

    users = [gevent.spawn(loop.drive, stage(), 30.0) for _ in range(2000)]
    while len(begun) < 2000:  # a task that is cancelled before its first step has nothing to clean up
        gevent.sleep(0)
    gevent.killall(users)
    assert loop.settle(5) == 0
    assert len(cleaned) == 2000


def test_other_greenlets_get_their_turn_between_batches(loop):
    ticks = []

    def locust_side():
        while len(ticks) < 1000:
            ticks.append(time.monotonic())
            gevent.sleep(0)

    other = gevent.spawn(locust_side)
    users = [gevent.spawn(loop.drive, value(i, steps=300)) for i in range(20)]
    gevent.joinall(users, raise_error=True)
    other.kill()
    assert len(ticks) > 10


def test_timers_of_the_hub_fire_while_the_loop_is_never_idle(loop):
    async def busy():
        while not fired:
            await asyncio.sleep(0)

    fired = []
    gevent.spawn_later(0.02, fired.append, True)
    loop.drive(busy(), 5.0)
    assert fired


def test_greenlet_is_resumed_from_the_hub_not_from_inside_the_task(loop):
    order = []

    async def first():
        order.append("first step")

    async def second():
        order.append("second step")

    def user(coro, name):
        loop.drive(coro)
        order.append(name)

    gevent.joinall([gevent.spawn(user, first(), "first user"), gevent.spawn(user, second(), "second user")])
    assert order == ["first step", "second step", "first user", "second user"]


def test_task_sees_the_context_of_the_greenlet_that_drives_it_and_cannot_change_it(loop):
    variable = contextvars.ContextVar("variable", default="unset")

    async def read_and_write():
        await asyncio.sleep(0)
        seen = variable.get()
        variable.set("by the task")
        return seen

    def user(name):
        variable.set(name)
        return loop.drive(read_and_write()), variable.get()

    users = [gevent.spawn(user, name) for name in ("a", "b", "c")]
    gevent.joinall(users, raise_error=True)
    assert [user.value for user in users] == [("a", "a"), ("b", "b"), ("c", "c")]
    assert variable.get() == "unset"


def test_running_loop_and_current_task_are_known_inside_and_only_inside(loop):
    async def inside():
        return asyncio.get_running_loop(), asyncio.current_task() is not None

    assert loop.drive(inside()) == (loop, True)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    assert gevent.spawn(asyncio._get_running_loop).get() is None


def test_drive_inside_a_task_is_refused(loop):
    async def nested():
        with pytest.raises(RuntimeError, match="await the coroutine instead"):
            loop.drive(value(1))

    loop.drive(nested())


def test_drive_in_another_thread_is_refused(loop):
    pool = ThreadPool(1)
    error = pool.spawn(error_of, loop.drive, value(1)).get()
    pool.kill()
    assert isinstance(error, RuntimeError)
    assert "thread that made the loop" in str(error)


def test_drive_needs_a_served_loop():
    loop = HubLoop()
    with pytest.raises(RuntimeError, match="start"):
        loop.drive(value(1))
    loop.close()


def test_start_and_stop_service_may_be_repeated(loop):
    loop.start()
    assert loop.drive(value(1)) == 1
    loop.stop_service()
    loop.stop_service()
    assert not loop.is_running()
    loop.start()
    assert loop.is_running()
    assert loop.drive(value(2)) == 2


def test_stopping_the_service_frees_the_greenlets_that_wait(loop):
    user = gevent.spawn(error_of, loop.drive, forever(), 30.0)
    gevent.sleep(0.01)
    loop.stop_service()
    assert "stopped before the task was done" in str(user.get(timeout=1))
    loop.start()  # so that the task can end


def test_target_cannot_stop_the_served_loop(loop):
    async def stops():
        asyncio.get_running_loop().stop()

    with pytest.raises(RuntimeError, match="stop_service"):
        loop.drive(stops())
    assert loop.drive(value(1)) == 1


def test_eager_task_factory_of_the_target_does_not_start_driven_tasks_in_the_caller(loop):
    if not hasattr(asyncio, "eager_task_factory"):
        pytest.skip("needs Python 3.12")
    loop.set_task_factory(asyncio.eager_task_factory)

    async def parent():
        return await asyncio.create_task(value(asyncio.get_running_loop()))

    assert loop.drive(parent()) is loop
