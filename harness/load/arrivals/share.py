"""A worker's share of a schedule: which arrivals it takes, which of them it delivered, second by second."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from harness.load.arrivals.schedules import NEVER, Schedule
from harness.words.clock import Epoch

_NEVER_NS = 1 << 80


@dataclass(frozen=True, slots=True)
class Share:
    """The arrivals k with k mod ``of`` = ``number``: over all numbers each arrival is in exactly one share."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            raise ValueError(f"share {self.number} of {self.of}: expected a number from 0, below the number of shares")

    def arrival(self, ordinal: int) -> int:
        """Return the number in the schedule of the share's ``ordinal``-th arrival."""
        return ordinal * self.of + self.number

    def count(self, arrivals: int) -> int:
        """Return how many of the first ``arrivals`` of the schedule are in the share."""
        return max(0, -(-(arrivals - self.number) // self.of))


Counts = dict[int, list[int]]
"""Unix second -> [arrivals due in it, those of them that were not delivered]."""


class Arrivals:
    """What became of a share of a schedule.

    An arrival is taken, or was *not delivered*: due while nobody was free to take it, or not taken when the run
    stopped. It is counted in the second in which it was due. All times are nanoseconds of the monotonic clock.

    Args:
        schedule: of all workers together.
        share: of it; None as long as it has none, while nothing is due.
        epoch: of this process.

    """

    def __init__(self, schedule: Schedule, share: Share | None, epoch: Epoch) -> None:
        self._schedule = schedule
        self._share = share
        self._epoch = epoch
        self._zero_ns: int | None = None
        self._end_ns: int | None = None
        self._next = 0  # ordinal in the share of the first arrival that is neither taken nor skipped
        self._next_due_ns: int | None = None
        self._reported = 0  # ordinal of the first arrival not yet counted as due
        self._counts: Counts = {}

    @property
    def begun(self) -> bool:
        """Whether time zero of the schedule is set."""
        return self._zero_ns is not None

    @property
    def ended(self) -> bool:
        """Whether the schedule was stopped."""
        return self._end_ns is not None

    @property
    def next_due_ns(self) -> int | None:
        """When the next arrival is due; None before the beginning, after the end, and where there is none."""
        return self._next_due_ns

    def begin(self, zero_ns: int, share: Share | None = None) -> None:
        """Set time zero of the schedule, which may lie ahead, and the ``share`` of it, once; never without a share."""
        if self._zero_ns is None:
            self._share = self._share or share
        if self._share is not None and self._zero_ns is None and self._end_ns is None:
            self._zero_ns = zero_ns
            self._next_due_ns = self._due_ns(0)

    def skip(self, free_ns: int) -> None:
        """Count as not delivered what was due before somebody became free at ``free_ns``."""
        due_ns = self._next_due_ns
        if due_ns is not None and due_ns < free_ns:
            self._skip_to(self._ordinal_at(free_ns, self._next))

    def take(self) -> None:
        """Take the next arrival, which is to be delivered."""
        self._next += 1
        self._next_due_ns = self._due_ns(self._next)

    def lose(self, due_ns: int) -> None:
        """Count as not delivered one that was taken by a user who was stopped before it could send."""
        self._counts.setdefault(self._epoch.second(due_ns), [0, 0])[1] += 1

    def end(self, stop_ns: int) -> None:
        """Stop the schedule: what is due up to ``stop_ns`` and not taken was not delivered, the rest never comes."""
        if self._end_ns is not None:
            return
        self._end_ns = stop_ns
        if self._zero_ns is not None:
            self._skip_to(self._ordinal_at(stop_ns + 1, self._next))
        self._next_due_ns = None

    def counts(self, now_ns: int) -> Counts:
        """Return what has been counted since the last call: those due up to ``now_ns``, and the not delivered."""
        if self._zero_ns is not None:
            until_ns = now_ns if self._end_ns is None else min(now_ns, self._end_ns)
            due = self._ordinal_at(until_ns + 1, self._reported)
            self._count(0, self._reported, due)
            self._reported = due
        counts, self._counts = self._counts, {}
        return counts

    def _skip_to(self, ordinal: int) -> None:
        self._count(1, self._next, ordinal)
        self._next = ordinal
        self._next_due_ns = self._due_ns(ordinal)

    def _count(self, column: int, first: int, end: int) -> None:
        """Count the arrivals ``first`` to ``end`` (without it) in the seconds in which they were due."""
        while first < end:
            due_ns = self._due_ns(first)
            assert due_ns is not None
            second = self._epoch.second(due_ns)
            after = self._ordinal_at((second + 1) * 1_000_000_000 - self._epoch.offset_ns, first, end)
            self._counts.setdefault(second, [0, 0])[column] += after - first
            first = after

    def _ordinal_at(self, moment_ns: int, least: int, most: int | None = None) -> int:
        """Return the ordinal of the first arrival, from ``least`` on, that is due at ``moment_ns`` or later.

        By bisection: at a rate that no machine delivers millions are skipped at a time.
        """
        assert self._zero_ns is not None
        assert self._share is not None
        if moment_ns <= self._zero_ns:
            return least
        if most is None:
            # One more microsecond than asked for, against the rounding of seconds to doubles.
            elapsed_s = (moment_ns - self._zero_ns + 1000) / 1e9
            most = max(least, self._share.count(self._schedule.count(elapsed_s)))
        return bisect_left(range(most), moment_ns, lo=least, key=self._due_or_never_ns)

    def _due_or_never_ns(self, ordinal: int) -> int:
        due_ns = self._due_ns(ordinal)
        return _NEVER_NS if due_ns is None else due_ns

    def _due_ns(self, ordinal: int) -> int | None:
        assert self._zero_ns is not None
        assert self._share is not None
        offset_s = self._schedule.offset_s(self._share.arrival(ordinal))
        return None if offset_s == NEVER else self._zero_ns + round(offset_s * 1e9)
