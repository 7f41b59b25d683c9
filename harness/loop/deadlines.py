"""Deadlines of operations at a constant cost each: no timer per operation."""

from __future__ import annotations

from time import monotonic
from typing import Any

from gevent.hub import Hub, Waiter

from harness.words.errors import DeadlineExceeded

_LONGEST_S = 24 * 3600.0  # of one timer; a deadline may be further off


class Deadlines:
    """All waiting greenlets that asked for the same ``seconds``: first come, first due, behind one timer.

    Lives in ``home`` under ``seconds`` until its timer finds nobody waiting.
    """

    __slots__ = ("_home", "_hub", "_seconds", "_timer", "entries")

    def __init__(self, hub: Hub, seconds: float, home: dict[float, Deadlines]) -> None:
        #: who waits, and when each is due (monotonic seconds), in the order of both
        self.entries: dict[Waiter, float] = {}
        self._hub = hub
        self._seconds = seconds
        self._home = home
        self._timer: Any = None
        home[seconds] = self
        self._arm(seconds)

    def close(self) -> None:
        """Forget all deadlines."""
        self._timer.close()
        self.entries.clear()
        self._home.pop(self._seconds, None)

    def _arm(self, delay_s: float) -> None:
        self._timer = self._hub.loop.timer(min(max(0.0, delay_s), _LONGEST_S), ref=False)
        self._timer.start(self._on_timer, update=True)  # libev's cached time lags while the target computes

    def _on_timer(self) -> None:
        self._timer.close()
        now = monotonic()
        while self.entries:
            waiter, due = next(iter(self.entries.items()))
            if due > now:
                self._arm(due - now)
                return
            del self.entries[waiter]
            error = DeadlineExceeded(f"not over after {self._seconds:g} s")
            self._hub.loop.run_callback(waiter.throw, error)
        del self._home[self._seconds]
