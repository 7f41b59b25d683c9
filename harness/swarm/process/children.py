"""The workers that ``--processes`` forks, as Locust's main module sees them: through ``fork``, ``kill``, ``waitpid``.

At its end a master waits for its workers, and interrupts those that stay (main.py, ``kill_workers``; locust 2.47). It
takes a worker that still runs for one that has ended, tries for 3 s to wait for one that somebody else has waited for,
and waits for ever for one that does not heed the interrupt. These three functions answer so that it does neither.
"""

from __future__ import annotations

import errno
import os
import signal
import time

import gevent
import gevent.os

from harness.swarm.process import world
from harness.words.errors import ExitCode

ENDS_WITHIN_S = 20.0
"""Seconds that a worker may take to end after it was interrupted: it may wait 10 s for its master's last answer, and
then writes down what the master may not have."""

_LOOK_EVERY_S = 0.05
ORPHAN_LOOK_S = 0.5


class Children:
    """Forked workers, from their fork to their end.

    Attributes:
        pids: the workers that this process forked; none in a worker.
        parent: the process that forked this one; None where none did. It may have ended before anybody asks for it.

    """

    def __init__(self) -> None:
        self._end_by: dict[int, float] = {}  # monotonic seconds, of those that were told to end
        self.pids: list[int] = []
        self.parent: int | None = None
        self._waiting: gevent.Greenlet | None = None

    def fork(self) -> int:
        """Fork, and note the child."""
        forking = os.getpid()
        # gevent.fork has libev watch the child, which then reaps every child of the process, the target's too.
        pid: int = gevent.fork() if world.name() == world.PATCHED else gevent.os.fork_gevent()
        if pid:
            self.pids.append(pid)
        else:
            self.pids.clear()
            self.parent = forking
            self._waiting = gevent.spawn(self._end_as_orphan)
        return pid

    def _end_as_orphan(self) -> None:
        """End a worker whose parent is gone while it still connects, which Locust tries for five minutes."""
        while os.getppid() == self.parent:
            gevent.sleep(ORPHAN_LOOK_S)
        os._exit(int(ExitCode.INCONCLUSIVE))

    def hand_over(self) -> None:
        """Leave the parent to somebody else to watch: the worker is connected."""
        if self._waiting is not None:
            self._waiting.kill(block=False)
            self._waiting = None

    def kill(self, pid: int, number: int) -> None:
        """Send a signal.

        Raises:
            ProcessLookupError: there is no such process.

        """
        os.kill(pid, number)
        self._end_by[pid] = time.monotonic() + ENDS_WITHIN_S

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        """Wait for a child as ``os.waitpid``; one that was told to end and stays is killed.

        Raises:
            InterruptedError: it still runs, and ``options`` say not to wait.

        """
        try:
            if options & os.WNOHANG:
                return self._ended(pid)
            end_by = self._end_by.get(pid)
            return os.waitpid(pid, options) if end_by is None else self._wait_until(end_by, pid)
        except ChildProcessError:
            return pid, 0  # somebody else has waited for it: how it ended is not known

    def _ended(self, pid: int) -> tuple[int, int]:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            raise InterruptedError(errno.EINTR, "still running")  # at which Locust waits a little and asks again
        return found, status

    def _wait_until(self, end_by: float, pid: int) -> tuple[int, int]:
        while time.monotonic() < end_by:
            try:
                return self._ended(pid)
            except InterruptedError:
                gevent.sleep(_LOOK_EVERY_S)
        os.kill(pid, signal.SIGKILL)
        return os.waitpid(pid, 0)
