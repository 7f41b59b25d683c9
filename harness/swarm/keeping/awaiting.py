"""The wait of a headless master for its workers: it ends with a verdict where they never come.

Locust's own ends with exit code 1 after ``--expect-workers-max-wait``, and never where a worker that ``--processes``
forked has ended meanwhile (main.py, ``start_automatic_run``; locust 2.47).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import gevent
import psutil
from gevent.hub import get_hub
from locust.runners import MasterRunner

from harness.words.errors import printable

LOOK_EVERY_S = 0.1
TOLD_EVERY_S = 10.0
"""Seconds between two lines that say who is waited for. Locust's own are at level INFO and name nobody."""


class Awaiting:
    """Looks whether workers come.

    Args:
        master: Locust's.
        expected: how many are waited for.
        within_s: for how long; 0 for as long as it takes.
        forked: the processes that this one forked to be workers.
        clock: gives seconds.

    """

    def __init__(
        self,
        master: MasterRunner,
        expected: int,
        within_s: float,
        forked: Sequence[int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._master = master
        self._expected = expected
        self._within_s = within_s
        self._forked = forked
        self._clock = clock
        self._began_s = clock()

    def why_not(self) -> str | None:
        """Return a clause on why there is nothing left to wait for; None while there is, or where all are there."""
        ready = len(self._master.clients.ready)
        if ready >= self._expected:
            return None
        there = f"{ready} of {self._expected} workers"
        ended = [pid for pid in self._forked if not _is_running(pid)]
        if ended:
            pids = ", ".join(map(str, ended))
            return f"{there} were there before the load, and those that this process started had ended: pid {pids}"
        if self._within_s and self._clock() - self._began_s >= self._within_s:
            return f"{there} came within {self._within_s:g} s"
        return None

    def told(self) -> str:
        """Return in a clause who is there and how many are missing."""
        ready = self._master.clients.ready
        names = ", ".join(
            sorted(f"worker {self._master.get_worker_index(client.id)} ({_host(client.id)})" for client in ready)
        )
        there = f"{len(ready)} of {self._expected} workers" + (f" ({names})" if names else "")
        left = self._within_s - (self._clock() - self._began_s)
        until = f"for {max(left, 0):.0f} s more" if self._within_s else "for as long as it takes"
        where = f"{self._master.master_bind_host}:{self._master.master_bind_port}"
        return f"{there} have come to {where}; waiting {until}"

    @property
    def all_there(self) -> bool:
        """Whether Locust goes on to the load."""
        return len(self._master.clients.ready) >= self._expected


def end_waiting(awaiting: Awaiting, end: Callable[[str], int], say: Callable[[str], object]) -> None:
    """Look as long as the main greenlet waits; ``end`` is told why that is over, and returns the exit code.

    What is waited for is said every ``TOLD_EVERY_S``.
    """
    main = gevent.getcurrent()

    def look() -> None:
        looks = 0
        while not awaiting.all_there:
            why = awaiting.why_not()
            if why is not None:
                code = end(why)
                get_hub().loop.run_callback(main.throw, SystemExit(code))
                return
            gevent.sleep(LOOK_EVERY_S)
            looks += 1
            if looks % round(TOLD_EVERY_S / LOOK_EVERY_S) == 0:
                say(awaiting.told())

    gevent.spawn(look)


def _host(client: str) -> str:
    """Return the host of a worker, from the name it gave itself (runners.py: host, underscore, number)."""
    return printable(client.rpartition("_")[0] or client)


def _is_running(pid: int) -> bool:
    """Whether a child of this process still runs; it is not waited for, which is Locust's to do at exit."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
