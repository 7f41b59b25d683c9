"""What the loop runs, and the greenlet it runs in."""

from __future__ import annotations

import asyncio
import logging
from asyncio import events
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import lru_cache
from time import monotonic
from typing import Any, TypeVar

from greenlet import greenlet as RawGreenlet  # noqa: N812 - gevent's own name for it

from harness.loop.steps import Steps

_H = TypeVar("_H", bound=events.Handle)
_log = logging.getLogger(__name__)


class QuickHandle(events.Handle):
    """A handle made without asking the loop for its debug mode: 0.15 µs, and seven handles a ROUTE stage."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, loop: Any, context: Context | None) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class QuickTimerHandle(events.TimerHandle):
    """A timer handle made and cancelled without asking the loop for its debug mode: Stageflow does both per stage."""

    __slots__ = ()

    def __init__(self, when: float, callback: Any, args: Any, loop: Any, context: Context | None) -> None:
        # What QuickHandle sets is written out again: calling it would make a timer handle a third slower.
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self._when = when
        self._scheduled = True

    def __lt__(self, other: object) -> bool:
        return bool(self._when < other._when)  # type: ignore[attr-defined]  # of a heap of timer handles only

    def cancel(self) -> None:
        """Cancel the timer, and let go of what it would have called."""
        if not self._cancelled:
            self._loop._timer_handle_cancelled(self)
            self._cancelled = True
            self._callback = self._args = None  # type: ignore[assignment]  # as Handle.cancel does


@lru_cache(maxsize=1)
def step_type() -> type | None:
    """Return the type of the callbacks by which C tasks have their next step run, None where tasks are no C tasks.

    A task throws away the handle that ``call_soon`` returns for one (Modules/_asynciomodule.c), so none need be made.
    """
    callbacks: list[Callable[[], object]] = []

    class Recorder:
        def call_soon(self, callback: Callable[[], object], **_context: object) -> None:
            callbacks.append(callback)

        def get_debug(self) -> bool:
            return False

    async def nothing() -> None:
        pass

    loop: Any = Recorder()  # all of a loop that a task of one step asks for
    asyncio.Task(nothing(), loop=loop)
    callbacks[0]()  # end the task
    return type(callbacks[0]) if asyncio.Task.__module__ == "_asyncio" else None


def traced(handle: _H) -> _H:
    """Take the loop's own frame off the traceback that debug mode keeps of where ``handle`` was made."""
    if handle._source_traceback:  # type: ignore[attr-defined]
        del handle._source_traceback[-1]  # type: ignore[attr-defined]
    return handle


class Runner(RawGreenlet):  # type: ignore[misc]  # greenlet has no stubs
    """The one greenlet that runs the handles of ``loop``, so that a step may block cooperatively.

    While a step does (patched ``time.sleep``), other greenlets run in this thread: gevent's ``Hub.switch`` calls
    ``switch_out()``, and its waiters resume the step by ``switch()`` or ``throw()``. The loop is the running loop
    of the thread only in between.
    """

    loop: asyncio.AbstractEventLoop
    steps: Steps
    outer: asyncio.AbstractEventLoop | None = None

    def enter(self) -> None:
        """Make ``loop`` the running loop of the thread: from now on steps run."""
        self.outer = events._get_running_loop()
        events._set_running_loop(self.loop)
        self.steps.since = monotonic()

    def switch_out(self) -> None:
        """Give the thread back the running loop it had: no step runs any more, or one waits."""
        events._set_running_loop(self.outer)
        steps, now = self.steps, monotonic()
        since = steps.since
        steps.since = None
        if since is not None:
            steps.total_s += now - since
            steps.recent.append((since, now))

    def switch(self, *args: Any, **kwargs: Any) -> Any:
        """Resume a step that waited for something."""
        if self.dead:
            return None
        self.enter()
        return super().switch(*args, **kwargs)

    def throw(self, *args: Any) -> Any:
        """Resume a step that waited for something, with an exception.

        A loop that was closed drops it: greenlet raises what is thrown into a dead greenlet in its parent, whoever
        closed the loop. A ``gevent.Timeout`` that a step left running comes as late as that. One that has not begun
        drops it as well: it would end before its first turn.
        """
        if not bool(self):  # not begun, or dead
            _log.debug("thrown into a loop that runs no step: %r", args)
            return None
        self.enter()
        return super().throw(*args)
