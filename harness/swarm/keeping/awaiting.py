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

LOOK_EVERY_S = 0.1


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

    @property
    def all_there(self) -> bool:
        """Whether Locust goes on to the load."""
        return len(self._master.clients.ready) >= self._expected


def end_waiting(awaiting: Awaiting, end: Callable[[str], int]) -> None:
    """Look as long as the main greenlet waits; ``end`` is told why that is over, and returns the exit code."""
    main = gevent.getcurrent()

    def look() -> None:
        while not awaiting.all_there:
            why = awaiting.why_not()
            if why is not None:
                code = end(why)
                get_hub().loop.run_callback(main.throw, SystemExit(code))
                return
            gevent.sleep(LOOK_EVERY_S)

    gevent.spawn(look)


def _is_running(pid: int) -> bool:
    """Whether a child of this process still runs; it is not waited for, which is Locust's to do at exit."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
