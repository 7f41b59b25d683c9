"""Noticing that the master is gone. A closed connection does not show: ZeroMQ waits for the other side to come back."""

from __future__ import annotations

import os
from collections.abc import Callable

import gevent
from locust.env import Environment

from harness.words.clock import now_ns

LOST_AFTER_S = 15.0
"""Seconds without an answer to a heartbeat, sent every second, after which the master counts as gone. Locust's own 60 s
(``runners.MASTER_HEARTBEAT_TIMEOUT``, locust 2.47) are a minute of load that nobody keeps; a master does nothing while
a run goes on that would keep it from answering for seconds."""

ORPHAN_LOST_AFTER_S = 2.5
"""The same for a process whose parent has died: the master that forked it, or what started the workers of this host."""

_LOOK_EVERY_S = 0.5


class MasterWatch:
    """Calls ``on_lost(why)`` once if the master goes away between ``start`` and ``stop``.

    Args:
        environment: Locust's.
        is_child: whether Locust forked this process, most often from the master itself.
        on_lost: told one clause.

    """

    def __init__(self, environment: Environment, *, is_child: bool, on_lost: Callable[[str], object]) -> None:
        self._parent = os.getppid() if is_child else None
        self._on_lost = on_lost
        self._heard_ns = now_ns()
        self._watching: gevent.Greenlet | None = None
        environment.events.heartbeat_received.add_listener(lambda **_: self._hear())

    def start(self) -> None:
        """Begin to watch."""
        self.stop()
        self._hear()
        self._watching = gevent.spawn(self._watch)

    def stop(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.kill(block=False)
            self._watching = None

    def _hear(self) -> None:
        self._heard_ns = now_ns()  # monotonic: a host that was suspended has not been without its master

    def _watch(self) -> None:
        while True:
            gevent.sleep(_LOOK_EVERY_S)
            why = self._lost()
            if why is not None:
                self._on_lost(why)
                return

    def _lost(self) -> str | None:
        silent_s = (now_ns() - self._heard_ns) / 1e9
        orphan = self._parent is not None and os.getppid() != self._parent
        if silent_s > (ORPHAN_LOST_AFTER_S if orphan else LOST_AFTER_S):
            return f"no sign of the master for {silent_s:.0f} s"
        return None
