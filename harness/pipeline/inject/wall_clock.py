"""The wall clock that tasks of operations read, off by so much; the rest of the process keeps the true one.

``time-machine`` patches the functions of ``time`` and ``datetime`` at the level of C, so that every way to them is
reached, ``from time import time`` and ``datetime.now`` among them. Its own travellers move the whole process, Locust's
statistics with it; the one here looks first whose task is asking. Monotonic clocks are left alone, so the harness,
which reads nothing else in the tasks of operations, is not moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import time_machine

from harness.pipeline.tracing import current_trace

_true_ns = time_machine.escape_hatch.time.time_ns


class WallClock:
    """The sum of the jumps in force. Nothing is patched while there is none."""

    def __init__(self) -> None:
        self._jumps_s: list[float] = []
        self._travel: time_machine.travel | None = None

    def jump(self, by_s: float) -> Callable[[], object]:
        """Move the clock; return what moves it back."""
        if self._travel is None:
            self._travel = self._take_over()
        self._jumps_s.append(by_s)

        def back() -> None:
            self._jumps_s.remove(by_s)
            if not self._jumps_s and self._travel is not None:
                self._travel.stop()
                self._travel = None

        return back

    def _take_over(self) -> time_machine.travel:
        """Be asked for the time from now on; return what ends that."""
        travel = time_machine.travel(time.time())  # true for a thread that asks before the next lines
        travel.start()
        try:
            # Not documented, hence the narrow range of versions: what is on top of the stack is asked (3.6).
            time_machine.traveller_stack[-1] = self  # type: ignore[call-overload]
        except BaseException:
            travel.stop()
            raise
        return travel

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch, as the task that asks is to see them."""
        return _true_ns() + (round(sum(self._jumps_s) * 1e9) if current_trace.get() is not None else 0)

    def _stop(self) -> None:
        """Do nothing: a traveller is told when it is taken off the stack."""
