"""Faults in a loading process: their windows open and close on the clock of the master, and are undone at the end."""

from __future__ import annotations

from collections.abc import Callable

import gevent

from harness.pipeline.inject.fault_schedule import Switches

USERS_LOOKED_AT_EVERY_S = 0.25


class FaultClock:
    """Keeps the time for the windows of a plan in one process.

    Args:
        switches: the windows.
        elapsed_s: seconds of the run, on the master's clock.
        users: concurrent users of the whole run.
        sleep: waits for so many seconds.

    """

    def __init__(
        self,
        switches: Switches,
        elapsed_s: Callable[[], float],
        users: Callable[[], int],
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self._sleep = sleep
        self._switches = switches
        self._elapsed_s = elapsed_s
        self._users = users
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin to keep the time."""
        self._update()
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Undo everything; idempotent."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
        self._switches.end()

    def _update(self) -> None:
        self._switches.update(self._elapsed_s(), self._users())

    def _run(self) -> None:
        while True:
            self._sleep(self._until_next())
            self._update()

    def _until_next(self) -> float:
        """Return seconds to the next edge that the clock brings, at most ``USERS_LOOKED_AT_EVERY_S``.

        Not longer, since users come and go, and what is known of the master's clock gets better meanwhile.
        """
        elapsed_s = self._elapsed_s()
        edges = (at for fault in self._switches.faults for at in (fault.when.from_s, fault.when.to_s))
        left = [at - elapsed_s for at in edges if at is not None and at > elapsed_s]
        return min([*left, USERS_LOOKED_AT_EVERY_S])
