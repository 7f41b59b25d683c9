"""When steps of the target ran: whose time it was, on a core that the target shares with the harness."""

from __future__ import annotations

from collections import deque

KEPT = 4096
"""Stretches remembered. Under load one is at least 0.1 ms, so that they reach back 0.4 s or more."""


class Steps:
    """The stretches in which handles of a loop ran, by one reading of the clock at each end of a turn.

    A stretch ends where a step waits in a patched call (``time.sleep``, a socket): other greenlets run meanwhile. One
    that blocks the thread itself, computing or in C code, is all the target's.

    Attributes:
        total_s: seconds of all stretches that have ended.
        since: begin of the one that goes on, seconds of ``time.monotonic``; None where none does.
        recent: begin and end of the last ``KEPT`` of them.

    """

    __slots__ = ("recent", "since", "total_s")

    def __init__(self) -> None:
        self.total_s = 0.0
        self.since: float | None = None
        self.recent: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def within(self, begin_s: float, end_s: float) -> float:
        """Return how many seconds of an interval steps ran, as far as the stretches are remembered."""
        found = 0.0
        for since, until in reversed(self.recent):
            if until <= begin_s:
                break
            found += max(min(until, end_s) - max(since, begin_s), 0.0)
        if self.since is not None:
            found += max(end_s - max(self.since, begin_s), 0.0)
        return found
