"""What the loop runs, and the greenlet it runs in."""

from __future__ import annotations

import asyncio
from asyncio import events
from contextvars import Context, copy_context
from typing import Any, TypeVar

from greenlet import greenlet as RawGreenlet  # noqa: N812 - gevent's own name for it

_H = TypeVar("_H", bound=events.Handle)


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
    outer: asyncio.AbstractEventLoop | None = None

    def enter(self) -> None:
        """Make ``loop`` the running loop of the thread."""
        self.outer = events._get_running_loop()
        events._set_running_loop(self.loop)

    def switch_out(self) -> None:
        """Give the thread back the running loop it had."""
        events._set_running_loop(self.outer)

    def switch(self, *args: Any, **kwargs: Any) -> Any:
        """Resume a step that waited for something."""
        self.enter()
        return super().switch(*args, **kwargs)

    def throw(self, *args: Any) -> Any:
        """Resume a step that waited for something, with an exception."""
        self.enter()
        return super().throw(*args)
