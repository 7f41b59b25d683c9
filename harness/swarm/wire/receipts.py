"""What a master has received of one worker: each number once, and what became of it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable

from harness.measure.blocks import Block, longest_gap_s


class Receipts:
    """Numbers 0, 1, 2, ... of one worker's deltas, in whatever order and however often they arrive."""

    def __init__(self) -> None:
        self.newest = -1
        self._next = 0  # all below were received
        self._above: set[int] = set()
        self._pending: set[int] = set()
        self._refused: set[int] = set()

    def __contains__(self, seq: int) -> bool:
        return seq < self._next or seq in self._above

    def add(self, seq: int) -> bool:
        """Take note of a number whose content is now to be kept; False if it was received before."""
        if seq in self:
            return False
        self.newest = max(self.newest, seq)
        self._pending.add(seq)
        self._above.add(seq)
        while self._next in self._above:
            self._above.discard(self._next)
            self._next += 1
        return True

    def settle(self, seq: int, *, kept: bool) -> None:
        """Take note that the content of a number is on disk, or could not be written."""
        self._pending.discard(seq)
        if not kept:
            self._refused.add(seq)

    def fate(self, seq: int) -> bool | None:
        """Return whether a number was kept; None while that is open, or where it was not received."""
        if seq not in self or seq in self._pending:
            return None
        return seq not in self._refused

    def complete(self, last: int) -> bool:
        """Whether every number up to ``last`` was received."""
        return self._next > last


class Signs:
    """The times at which one worker gathered what it reported: its signs of life, by its own clock.

    When a report arrives says when the network and the master had time for it, not whether the worker ran.
    """

    def __init__(self) -> None:
        self._at_ns: list[int] = []

    def add(self, gathered_ns: int) -> None:
        """Take one time, in whatever order (nanoseconds of a clock that only goes on)."""
        insort(self._at_ns, gathered_ns)

    @property
    def last_ns(self) -> int | None:
        """The latest of them, None without any."""
        return self._at_ns[-1] if self._at_ns else None

    def longest_gap_s(self, blocks: Iterable[Block] = ()) -> float:
        """Return the longest time between two of them in seconds, 0 with fewer than two, without its ``blocks``.

        While a step of its target holds the thread a worker gathers nothing, as it should.
        """
        return longest_gap_s(self._at_ns, blocks)
