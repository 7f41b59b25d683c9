"""The loop as the rest of the project uses it: ``HubLoop``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from time import monotonic
from typing import Any, TypeVar

from gevent.event import Event
from gevent.hub import Waiter
from greenlet import getcurrent

from harness.loop.deadlines import Deadlines
from harness.loop.runner import ServedLoop
from harness.loop.services import HubServices

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class HubLoop(HubServices, ServedLoop):
    """An asyncio event loop served by the gevent hub of the thread that made it.

    ``start()`` it once; then any greenlet of the thread may ``drive()`` coroutines on it. A step that blocks
    (``time.sleep``, a long computation) blocks all other steps, as in production, but with patched calls not the
    hub. ``run_forever``, ``run_until_complete`` and ``asyncio.run(loop_factory=HubLoop)`` work as well.
    """

    def __init__(self) -> None:
        # One entry per task of drive(): the waiter of its greenlet, or None once that has gone away.
        self._driven: dict[asyncio.Task[Any], Waiter | None] = {}
        self._deadlines: dict[float, Deadlines] = {}
        self._settled: Event | None = None
        self._resume = self._on_done  # bound once, so that call_soon can tell it by identity
        super().__init__()

    def drive(self, coro: Coroutine[Any, Any, _T], deadline_s: float | None = None) -> _T:
        """Run ``coro`` as a task, block this greenlet until it is over, and return its result.

        Raises what the task raises, whatever its type; ``CancelledError`` when it ended cancelled;
        ``DeadlineExceeded`` when it was not over after ``deadline_s`` seconds. Then, and when anything is thrown
        into the greenlet meanwhile, the task is asked to cancel and not waited for.
        Raises RuntimeError when the loop is not served, or from inside a task or a hub callback.
        """
        if self._thread_id is None or getcurrent() is self._runner or self._native_ident() != self._home_ident:
            coro.close()
            raise RuntimeError(self._why_not_driven())
        # Not create_task: a task factory may start tasks eagerly, which is here: in the user's greenlet.
        task = asyncio.Task(coro, loop=self)
        waiter = Waiter(self._hub)
        self._driven[task] = waiter
        task.add_done_callback(self._resume)
        try:
            if deadline_s is None:
                waiter.get()
            else:
                deadlines = self._deadlines.get(deadline_s)
                if deadlines is None:
                    deadlines = Deadlines(self._hub, deadline_s, self._deadlines)
                entries = deadlines.entries
                entries[waiter] = monotonic() + deadline_s
                try:
                    waiter.get()
                finally:
                    entries.pop(waiter, None)
            del self._driven[task]
            return task.result()
        except BaseException:
            if task in self._driven:
                self._abandon(task)
            raise
        finally:
            del task, waiter  # a raised exception holds this frame, and the task holds the exception

    @property
    def in_flight(self) -> int:
        """The number of tasks made by ``drive`` that are not done, cancelled ones that still run included."""
        return sum(1 for task in self._driven if not task.done())

    def settle(self, timeout_s: float) -> int:
        """Wait up to ``timeout_s`` seconds until no task of ``drive`` runs; return how many still do."""
        if self.in_flight:
            self._settled = settled = self._settled or Event()
            settled.wait(timeout_s)
        return self.in_flight

    def stop_service(self) -> None:
        """Undo ``start()``. Greenlets that wait in ``drive`` get a RuntimeError. Idempotent."""
        if self._thread_id is None or self._parked is not None:
            return
        for waiter in self._driven.values():
            if waiter is not None:
                self._run_callback(waiter.throw, RuntimeError("the loop was stopped before the task was done"))
        super().stop_service()

    def close(self) -> None:
        """Stop the service and free what the loop holds; RuntimeError inside ``run_forever``."""
        super().close()
        for deadlines in list(self._deadlines.values()):
            deadlines.close()

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        """Have the hub resume the greenlet of ``task``: never from inside the runner."""
        waiter = self._driven[task]
        self._yielding = True
        if waiter is not None:
            self._run_callback(waiter.switch, None)
        else:
            del self._driven[task]
            self._note_late_end(task)
        if self._settled is not None and not self.in_flight:
            self._settled.set()
            self._settled = None

    def _is_awaited(self, task: asyncio.Future[Any]) -> bool:
        return self._driven.get(task) is not None  # type: ignore[call-overload, no-any-return]

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        """The greenlet goes away: cancel its task, but do not wait for it."""
        if task.done():
            del self._driven[task]
            self._note_late_end(task)
            return
        self._driven[task] = None
        try:
            task.cancel()
        except Exception as error:  # noqa: BLE001 - a future of the target with a cancel() of its own
            self.call_exception_handler({"message": "task.cancel() failed", "exception": error, "task": task})

    def _note_late_end(self, task: asyncio.Task[Any]) -> None:
        """Take the exception nobody will ask for: the operation had its outcome before."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.debug("%r ended after its operation: %r", task, error)

    def _why_not_driven(self) -> str:
        if self._native_ident() != self._home_ident:
            return "drive() works only in the thread that made the loop"
        if self._thread_id is None:
            return "the loop is not served: call start() first"
        return "drive() would block the loop it is called in: await the coroutine instead"
