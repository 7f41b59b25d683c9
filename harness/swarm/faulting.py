"""Faults in a loading process: their windows open and close on the clock of the master, and are undone at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent

from harness.load.faults import Fault
from harness.target.injector import Injector
from harness.target.windows import Windows
from harness.words.clock import now_ns
from harness.words.errors import one_line
from harness.words.operation import THE_RUN_ENDED, Edge

logger = logging.getLogger("harness")

USERS_LOOKED_AT_EVERY_S = 0.25
OPEN, CLOSED = "open", "closed"


class FaultClock:
    """Opens and closes the windows of a plan in one process.

    Args:
        injector: what puts faults around calls.
        windows: what puts whole-window faults in force.
        elapsed_s: seconds of the run, on the master's clock.
        users: concurrent users of the whole run.
        note: takes every edge, on this process's monotonic clock.

    """

    def __init__(
        self,
        injector: Injector,
        windows: Windows,
        elapsed_s: Callable[[], float],
        users: Callable[[], int],
        note: Callable[[Edge], None],
    ) -> None:
        self._injector = injector
        self._windows = windows
        self._elapsed_s = elapsed_s
        self._users = users
        self._note = note
        self._open: set[Fault] = set()
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin to keep the time."""
        self.update()
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Undo everything; idempotent."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
        for fault in [fault for fault in self._injector.plan.fault if fault in self._open]:
            self._close(fault, THE_RUN_ENDED)
        self._windows.close_all()

    def update(self) -> None:
        """Open and close what is due."""
        elapsed_s, users = self._elapsed_s(), self._users()
        for fault in self._injector.plan.fault:
            is_open = fault.when.open_at(elapsed_s, users)
            if is_open and fault not in self._open:
                self._open.add(fault)
                self._note(Edge(now_ns(), "fault", fault.name, CLOSED, OPEN, _cause(fault, elapsed_s, users)))
                self._injector.switch(fault, is_open=True)
                if fault.whole_window:
                    self._put_in_force(fault)
            elif not is_open and fault in self._open:
                self._close(fault, _cause(fault, elapsed_s, users))

    def _put_in_force(self, fault: Fault) -> None:
        try:
            self._windows.open(fault)
        except Exception as error:  # noqa: BLE001  # of the target's function; the windows that follow must still open
            logger.error("fault %r: %s", fault.name, one_line(error))

    def _close(self, fault: Fault, cause: str) -> None:
        self._open.discard(fault)
        self._injector.switch(fault, is_open=False)
        self._windows.close(fault)
        self._note(Edge(now_ns(), "fault", fault.name, OPEN, CLOSED, cause))

    def _run(self) -> None:
        while True:
            gevent.sleep(self._until_next())
            self.update()

    def _until_next(self) -> float:
        """Return seconds to the next edge that the clock brings, at most ``USERS_LOOKED_AT_EVERY_S``.

        Not longer, since users come and go, and what is known of the master's clock gets better meanwhile.
        """
        elapsed_s = self._elapsed_s()
        edges = (at for fault in self._injector.plan.fault for at in (fault.when.from_s, fault.when.to_s))
        left = [at - elapsed_s for at in edges if at is not None and at > elapsed_s]
        return min([*left, USERS_LOOKED_AT_EVERY_S])


def _cause(fault: Fault, elapsed_s: float, users: int) -> str:
    by_users = "" if fault.when.users is None else f", {users} users"
    return f"{elapsed_s:.2f} s{by_users}"
