"""Time: one monotonic clock for durations, one constant to lay it on the wall clock."""

from __future__ import annotations

import time
from typing import NamedTuple

now_ns = time.monotonic_ns
"""Nanoseconds of the monotonic clock of this host (CLOCK_MONOTONIC): all processes of a host share it."""


class Epoch(NamedTuple):
    """The offset between this process's monotonic clock and the Unix epoch, fixed once.

    Adding ``offset_ns`` to a monotonic reading gives nanoseconds since the Unix epoch that never run backwards
    when the wall clock is set during a run.
    """

    offset_ns: int

    @classmethod
    def of_this_process(cls) -> Epoch:
        """Return the offset, read as the tightest of five samples (the pair of reads can be preempted)."""
        best_gap, best = None, 0
        for _ in range(5):
            before = time.monotonic_ns()
            wall = time.time_ns()
            after = time.monotonic_ns()
            if best_gap is None or after - before < best_gap:
                best_gap, best = after - before, wall - (before + after) // 2
        return cls(best)

    def unix_ns(self) -> int:
        """Return nanoseconds since the Unix epoch, now."""
        return now_ns() + self.offset_ns

    def second(self, monotonic_ns: int) -> int:
        """Return the Unix second in which ``monotonic_ns`` lies."""
        return (monotonic_ns + self.offset_ns) // 1_000_000_000
