"""Opening and closing the windows of a plan in one process, and putting in force what is on for a window."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from harness.load.faults.kinds import Fault
from harness.pipeline.inject.injector import Injector
from harness.pipeline.inject.whole_window import Windows
from harness.words.clock import now_ns
from harness.words.errors import one_line
from harness.words.operation import FAULT_FAILED, THE_RUN_ENDED, Edge

logger = logging.getLogger("harness")

OPEN, CLOSED = "open", "closed"


class Switches:
    """The windows of a plan. Whoever keeps the time calls ``update``; nothing happens in between.

    A fault that raises as it is put in force ends its window at once, with an edge that says why, and is not tried
    again while that window would last.

    Args:
        injector: what puts faults around calls.
        windows: what puts whole-window faults in force.
        note: takes every edge, on this process's monotonic clock.

    """

    def __init__(self, injector: Injector, windows: Windows, note: Callable[[Edge], None]) -> None:
        self.faults = injector.plan.fault
        self._injector = injector
        self._windows = windows
        self._note = note
        self._open: set[Fault] = set()
        self._failed: set[Fault] = set()  # whose window is due, and ended at once
        self._opened: Counter[Fault] = Counter()  # how often: the ordinal of the next window

    def update(self, elapsed_s: float, users: int) -> None:
        """Open and close what is due at a time of the run with so many users."""
        for fault in self.faults:
            is_due = fault.when.open_at(elapsed_s, users)
            if not is_due:
                self._failed.discard(fault)
            if is_due and fault not in self._open and fault not in self._failed:
                self._switch_on(fault, _cause(fault, elapsed_s, users))
            elif not is_due and fault in self._open:
                self._switch_off(fault, _cause(fault, elapsed_s, users))

    def end(self) -> None:
        """Undo everything; idempotent."""
        for fault in [fault for fault in self.faults if fault in self._open]:
            self._switch_off(fault, THE_RUN_ENDED)
        self._windows.close_all()

    def _switch_on(self, fault: Fault, cause: str) -> None:
        window = self._opened[fault]
        self._opened[fault] += 1
        self._open.add(fault)
        self._note(Edge(now_ns(), "fault", fault.name, CLOSED, OPEN, cause, window))
        self._injector.switch(fault, is_open=True, window=window)
        try:
            self._windows.open(fault)
        except Exception as error:  # noqa: BLE001  # of the target's function; the windows that follow must still open
            cause = f"{FAULT_FAILED}{one_line(error)}"
            logger.error("fault %r %s", fault.name, cause)
            self._failed.add(fault)
            self._switch_off(fault, cause)

    def _switch_off(self, fault: Fault, cause: str) -> None:
        window = self._opened[fault] - 1
        self._open.discard(fault)
        self._injector.switch(fault, is_open=False, window=window)
        try:
            self._windows.close(fault)
        except Exception as error:  # noqa: BLE001  # of the target's function: the window is over all the same
            cause = f"{FAULT_FAILED}to undo it: {one_line(error)}"
            logger.error("fault %r %s", fault.name, cause)
        self._note(Edge(now_ns(), "fault", fault.name, OPEN, CLOSED, cause, window))


def _cause(fault: Fault, elapsed_s: float, users: int) -> str:
    by_users = "" if fault.when.users is None else f", {users} users"
    return f"{elapsed_s:.2f} s{by_users}"
