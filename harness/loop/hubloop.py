"""The loop as the rest of the project uses it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from gevent.event import Event
from gevent.hub import Waiter
from greenlet import getcurrent

from harness.loop.children import HubChildren
from harness.loop.deadlines import Deadlines
from harness.loop.served import ServedLoop

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class HubLoop(HubChildren, ServedLoop):
    """An asyncio event loop served by the gevent hub of the thread that made it.

    ``start()`` it once; then any greenlet of the thread may ``drive()`` coroutines on it. A step that blocks
    (``time.sleep``, a long computation) blocks all other steps, as in production, and the hub with them, unless gevent
    has patched what it waits in. ``run_forever``, ``run_until_complete`` and
    ``asyncio.Runner(loop_factory=HubLoop)`` work as well.
    """

    _task_factory: Any

    def __init__(self) -> None:
        # The tasks of drive(), each with the waiter of its greenlet, or None once that has gone away.
        self._driven: dict[asyncio.Task[Any], Waiter | None] = {}
        self._in_flight = 0
        self._deadlines: dict[float, Deadlines] = {}
        self._settled: Event | None = None
        super().__init__()
        self.__dict__["create_future"] = partial(asyncio.Future, loop=self)  # as the method does, without a Python call

    def drive(self, coro: Coroutine[Any, Any, _T], deadline_s: float | None = None) -> _T:
        """Run ``coro`` as a task, block this greenlet until it is over, and return its result.

        Raises what the task raises, of whatever type; ``CancelledError`` when it ended cancelled;
        ``DeadlineExceeded`` when it was not over after ``deadline_s`` seconds. Then, and when anything is thrown
        into the greenlet meanwhile, the task is asked to cancel and not waited for.
        Raises RuntimeError when the loop is not served or stops being so, in another thread, and inside a task.
        """
        if not self._serving or getcurrent() is self._runner or self._native_ident() != self._home_ident:
            coro.close()
            raise RuntimeError(self._why_not_driven())
        # Not create_task(): a task factory may start tasks at once, and here is not the runner.
        task = asyncio.Task(coro, loop=self)
        waiter = Waiter(self._hub)
        self._driven[task] = waiter
        self._in_flight += 1
        task.add_done_callback(self._resume)
        try:
            if deadline_s is None:
                waiter.get()
            else:
                self._wait_until(waiter, deadline_s)
            del self._driven[task]
            return task.result()
        except BaseException:
            if task in self._driven:
                self._abandon(task)
            raise
        finally:
            del task, waiter  # a raised exception holds this frame, and the task holds the exception

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, _T], *, name: str | None = None, context: Context | None = None, **others: Any
    ) -> asyncio.Task[_T]:
        """Make a task of ``coro``."""
        if self._closed or self._debug or self._task_factory is not None or others:
            return super().create_task(coro, name=name, context=context, **others)
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def set_debug(self, enabled: bool) -> None:
        """Switch debug mode."""
        super().set_debug(enabled)
        self._quicken(not (enabled or self._nested or self.is_closed()))
        # Every future asks its loop for the mode when it is made: five times per ROUTE stage, so not by a Python call.
        if self.__dict__.get("get_debug", bool) is bool:  # else the target has put its own there
            self.__dict__.pop("get_debug", None)
            if not enabled:
                self.__dict__["get_debug"] = bool  # which returns False

    @property
    def in_flight(self) -> int:
        """The number of tasks made by ``drive`` that are not done, cancelled ones that still run included."""
        return self._in_flight

    def settle(self, timeout_s: float) -> int:
        """Wait up to ``timeout_s`` seconds until no task of ``drive`` runs; return how many still do."""
        if self._in_flight and self.broken is None:
            self._settled = self._settled or Event()
            self._settled.wait(timeout_s)
        return self._in_flight

    def stop_service(self) -> None:
        """Undo ``start()``. Greenlets that wait in ``drive`` get a RuntimeError. Idempotent."""
        if getcurrent() is self._runner:
            raise RuntimeError("Cannot close a running event loop")  # as asyncio says to a task that tries
        if self._serving and self._parked is None:
            self._release(partial(RuntimeError, "the loop was stopped before the task was done"))
        super().stop_service()

    def close(self) -> None:
        """Stop the service and free what the loop holds; RuntimeError inside ``run_forever``."""
        super().close()
        for deadlines in list(self._deadlines.values()):
            deadlines.close()

    def _wait_until(self, waiter: Waiter, deadline_s: float) -> None:
        deadlines = self._deadlines.get(deadline_s)
        if deadlines is None:
            deadlines = Deadlines(self._hub, deadline_s, self._deadlines)
        deadlines.entries[waiter] = monotonic() + deadline_s
        try:
            waiter.get()
        finally:
            deadlines.entries.pop(waiter, None)

    def _on_driven_done(self, task: asyncio.Task[Any]) -> None:
        """Have the hub resume the greenlet of ``task``; never switch to it from inside the runner."""
        self._in_flight -= 1
        self._yielding = True
        waiter = self._driven[task]
        if waiter is not None:
            self._run_callback(waiter.switch, None)
        else:
            del self._driven[task]
            # Later: the C task marks its exception as not retrieved only after it has called back.
            self._run_callback(_take_exception, task)
        if self._settled is not None and not self._in_flight:
            self._settled.set()
            self._settled = None

    def _is_awaited(self, task: object) -> bool:
        return asyncio.isfuture(task) and self._driven.get(task) is not None  # type: ignore[call-overload]

    def _release(self, error: Callable[[], BaseException]) -> None:
        for waiter in self._driven.values():
            if waiter is not None:
                self._run_callback(waiter.throw, error())
        if self._settled is not None and self.broken is not None:
            self._settled.set()  # nothing will end any more

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        """The greenlet goes away: have its task cancelled, but do not wait for that."""
        if task.done():
            del self._driven[task]
            _take_exception(task)
            return
        self._driven[task] = None
        try:
            task.cancel()
        except Exception as error:  # noqa: BLE001 - the target may await a future with a cancel() of its own
            self.call_exception_handler({"message": "Task.cancel() failed", "exception": error, "task": task})

    def _why_not_driven(self) -> str:
        if self._native_ident() != self._home_ident:
            return "drive() works only in the thread that made the loop"
        if self.broken is not None:
            return self._how_broken()
        if not self._serving:
            return "the loop is not served: call start() first"
        return "drive() would block the loop it is called in: await the coroutine instead"


def _take_exception(task: asyncio.Task[Any]) -> None:
    """Retrieve the exception of a task whose operation had its outcome before, so that asyncio does not log it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.debug("%r ended after its operation: %r", task, error)
