"""The gate: users wait before they start an operation while too much of what was measured is not yet kept."""

from __future__ import annotations

from collections.abc import Callable

from gevent.event import Event

from harness.words.clock import now_ns

_LOOK_AGAIN_S = 0.25  # so that a user whose run ends does not wait for a master


class Gate:
    """Open, unless somebody closed it; knows for how long it was closed.

    Args:
        clock: monotonic nanoseconds.

    Attributes:
        closed: whether users must wait; read before every operation.

    """

    def __init__(self, clock: Callable[[], int] = now_ns) -> None:
        self._clock = clock
        self.closed = False
        self._opened = Event()
        self._closed_at_ns = 0
        self._held_ns = 0

    def set(self, closed: bool) -> None:
        """Close or open it."""
        if closed == self.closed:
            return
        self.closed = closed
        if closed:
            self._opened.clear()
            self._closed_at_ns = self._clock()
        else:
            self._held_ns += self._clock() - self._closed_at_ns
            self._opened.set()

    @property
    def held_back_s(self) -> float:
        """Seconds for which it was closed so far."""
        since_ns = self._clock() - self._closed_at_ns if self.closed else 0
        return (self._held_ns + since_ns) / 1e9

    def wait(self, give_up: Callable[[], bool]) -> None:
        """Return when it is open, or soon after ``give_up`` says so."""
        while self.closed and not give_up():
            self._opened.wait(_LOOK_AGAIN_S)
