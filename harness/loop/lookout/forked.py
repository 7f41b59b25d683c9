"""Processes that a target forks without ``exec``: copies of this one, in which no run goes on.

What such a child does in its stage is the target's. Where it comes back from there, in production it would go on with a
copy of the event loop. Here it would go on with a copy of the run: its users, files and connections. So it ends at that
point, before any other step and before the hub has a turn.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import greenlet
from gevent import monkey
from gevent.hub import get_hub

from harness.loop.handles import QuickHandle
from harness.loop.hubloop import HubLoop
from harness.words.output import put

WENT_ON = 1
"""Exit code of a child that came back from its stage."""


class Forks:
    """Sees to it that children of this process, forked from now on, leave the run alone. One at a time.

    Args:
        loop: the process's loop.
        in_child: called in each child, right after the fork.

    """

    def __init__(self, loop: HubLoop, in_child: Callable[[], object]) -> None:
        self._loop = loop
        self._hub = get_hub()
        self._in_child = in_child
        self._ident: Callable[[], int] = monkey.get_original("_thread", "get_ident")
        self._home = self._ident()
        self._masks: dict[int, set[int]] = {}  # of the threads that are forking
        self._step: asyncio.Task[Any] | None = None

    def start(self) -> None:
        """Begin to look after forks."""
        if not _registered:
            _registered.append(True)
            os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_enter_child)
        _looking[:] = [self]

    def stop(self) -> None:
        """Leave forks alone."""
        if self in _looking:
            _looking.remove(self)

    def before(self) -> None:
        """Hold back signals: one that came to a child before it let go of our handlers would be lost."""
        self._masks[self._ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))

    def after(self) -> None:
        """Let signals come again."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.pop(self._ident()))

    def enter_child(self) -> None:
        """In a child: let go of the run, and end when the step that forked it is over."""
        self._in_child()
        self.after()
        if self._ident() != self._home:
            return  # forked in a thread of the target: the one with the hub is not in the child
        self._step = asyncio.current_task(self._loop)
        ready = self._loop._ready
        ready.clear()
        ready.append(QuickHandle(self._end, (), self._loop, None))
        greenlet.settrace(self._on_switch)

    def _on_switch(self, event: str, greenlets: tuple[Any, Any]) -> None:
        if event in ("switch", "throw") and greenlets[1] is self._hub:
            self._end()

    def _end(self) -> None:
        raised = _raised_by(self._step)
        if isinstance(raised, SystemExit):  # the way to end that a child is meant to use, with what it has printed
            put("", sys.stdout)
            put("", sys.stderr)
            os._exit(_exit_code(raised.code))
        put(f"routeswarm: process {os.getpid()}, forked by the target, went on after its stage: ended\n", sys.stderr)
        os._exit(WENT_ON)


def _raised_by(task: asyncio.Task[Any] | None) -> BaseException | None:
    return task.exception() if task is not None and task.done() and not task.cancelled() else None


def _exit_code(asked: object) -> int:
    if asked is None:
        return 0
    return asked & 0xFF if isinstance(asked, int) else 1


_looking: list[Forks] = []
_registered: list[bool] = []  # what is registered for forks stays so


def _before() -> None:
    for forks in _looking:
        forks.before()


def _after() -> None:
    for forks in _looking:
        forks.after()


def _enter_child() -> None:
    looking = [*_looking]
    _looking.clear()  # children of the child are the child's
    for forks in looking:
        forks.enter_child()
