"""Locust in a process that is not patched: where its own code would hold the hub, it is made to wait cooperatively.

All of it that blocks was looked up in locust 2.47, file by file; each place is named here. Nothing outside Locust's own
modules is replaced: the target sees the ``time`` and the ``gevent`` it would see alone.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import gevent
import zmq
from gevent.hub import get_hub
from locust.rpc import zmqrpc
from locust.util import exception_handler

from harness.swarm.process import world
from harness.swarm.process.children import Children

BEAT_MS = 1000
"""Time between two heartbeats of a connection (milliseconds). ZeroMQ's own threads send and answer them, whatever the
interpreter does meanwhile, so that a worker whose stage blocks is not taken for lost (``lost_workers.py``)."""

SILENT_MS = 4000
"""Time after which a connection without an answer counts as broken: what Locust's own heartbeats take."""


children = Children()
"""The workers that this process forked."""


class _Stand:
    """A module as Locust's own code sees it: some names are ours, the rest is the module's."""

    def __init__(self, module: Any, **ours: object) -> None:
        self.__dict__.update(ours)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def cooperate() -> None:
    """Replace what blocks in Locust's modules, once. In a patched process ``sleep`` is gevent's anyway."""
    _beat_in_native_threads()
    main: Any = sys.modules.get("locust.main")
    retrying: Any = exception_handler
    if isinstance(retrying.time, _Stand):
        return
    waiting = _Stand(time, sleep=gevent.sleep)
    retrying.time = waiting  # retries of messages: 1, 3 and 5 s
    if main is None:
        return
    main.time = waiting  # a headless master that waits for workers, and --autoquit
    main.os = _Stand(os, kill=children.kill, waitpid=children.waitpid)
    on_signal = gevent.signal_handler if world.name() == world.PATCHED else _on_signal
    main.gevent = _Stand(gevent, fork=children.fork, signal_handler=on_signal)


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
        if self.socket.type == zmq.ROUTER:
            # A worker that is back before its old connection is seen to be broken would be ignored for good.
            self.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)

    beating._routeswarm = True  # type: ignore[attr-defined]
    zmqrpc.BaseSocket.__init__ = beating  # type: ignore[method-assign]
