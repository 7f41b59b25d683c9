"""Locust in a process that is not patched: where its own code would hold the hub, it is made to wait cooperatively.

All of it that blocks was looked up in locust 2.47, file by file; each place is named here. Nothing outside Locust's own
modules is replaced: the target sees the ``time`` and the ``gevent`` it would see alone.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import gevent
import gevent.os
import zmq
from gevent.hub import get_hub
from locust.rpc import zmqrpc
from locust.util import exception_handler

from harness.swarm import world

BEAT_MS = 1000
"""Time between two heartbeats of a connection (milliseconds). ZeroMQ's own threads send and answer them, whatever the
interpreter does meanwhile, so that a worker whose stage blocks is not taken for lost."""

SILENT_MS = 4000
"""Time after which a connection without an answer counts as broken: what Locust's own heartbeats take."""


class _Stand:
    """A module as Locust's own code sees it: some names are ours, the rest is the module's."""

    def __init__(self, module: Any, **ours: object) -> None:
        self.__dict__.update(ours)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def cooperate() -> None:
    """Replace what blocks in Locust's modules, once; nothing in a patched process, where it does not block."""
    _beat_in_native_threads()
    main: Any = sys.modules.get("locust.main")
    retrying: Any = exception_handler
    if world.name() == world.PATCHED or isinstance(retrying.time, _Stand):
        return
    waiting = _Stand(time, sleep=gevent.sleep)
    retrying.time = waiting  # retries of messages: 1, 3 and 5 s
    if main is not None:
        main.time = waiting  # a headless master that waits for workers, and --autoquit
        # gevent.fork has libev watch the child, which then reaps every child of the process, the target's too.
        main.gevent = _Stand(gevent, fork=gevent.os.fork_gevent, signal_handler=_on_signal)


def _on_signal(number: int, handler: Callable[[], object]) -> None:
    """Have ``handler`` called in a greenlet on a signal, as gevent does it; but by a handler of Python's.

    One of libev's is called by the hub, never while a stage holds the thread; Python's is called between two of the
    stage's own instructions, and can see to it that it ends.
    """
    hub = get_hub()

    def deliver(_number: int, _frame: FrameType | None) -> None:
        hub.loop.run_callback_threadsafe(gevent.spawn, handler)

    signal.signal(number, deliver)


def _beat_in_native_threads() -> None:
    """Have connections that are made from now on keep themselves alive, without the interpreter."""
    made: Any = zmqrpc.BaseSocket.__init__
    if getattr(made, "_routeswarm", False):
        return

    def beating(self: Any, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, BEAT_MS)
        self.socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENT_MS)

    beating._routeswarm = True  # type: ignore[attr-defined]
    zmqrpc.BaseSocket.__init__ = beating  # type: ignore[method-assign]
