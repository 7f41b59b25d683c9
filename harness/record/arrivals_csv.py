"""``arrivals.csv``: what schedules had due and what was not delivered, per second over all workers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.words.column import names
from harness.words.schema import ARRIVALS

HEADER = names(ARRIVALS)


class ArrivalsLog:
    """Adds up the counts of all workers, and writes a second down when no worker can report it any more.

    No file is made where nothing was due.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seconds: dict[int, list[int]] = {}
        self._written_to = 0
        self._late = False

    @property
    def due(self) -> int:
        """Arrivals that were due in the whole run."""
        return sum(due for due, _ in self._seconds.values())

    @property
    def not_delivered(self) -> int:
        """Those of them that were not delivered."""
        return sum(not_delivered for _, not_delivered in self._seconds.values())

    def add(self, counts: Mapping[int, Sequence[int]]) -> None:
        """Add what a worker counted: Unix second -> [due, not delivered]."""
        for second, (due, not_delivered) in counts.items():
            total = self._seconds.setdefault(second, [0, 0])
            total[0] += due
            total[1] += not_delivered
            # An operation that takes long tells only at its end what was not delivered meanwhile.
            self._late |= second < self._written_to

    def write_before(self, second: int) -> None:
        """Append the seconds before ``second``; raise OSError where that cannot be."""
        rows = self._rows(self._written_to, second)
        if not rows:
            return
        new = not self._written_to
        with self._path.open("w" if new else "a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows] if new else rows)
        self._written_to = rows[-1][0] + 1

    def close(self) -> None:
        """Write what is left, and seconds anew that were added to after they were written; raise OSError as before."""
        if not self._seconds:
            return
        if not self._late:
            self.write_before(max(self._seconds) + 1)
            return
        partial = self._path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *self._rows(0, max(self._seconds) + 1)])
        partial.rename(self._path)

    def _rows(self, first: int, end: int) -> list[tuple[int, int, int]]:
        seconds = sorted(second for second in self._seconds if first <= second < end)
        return [(second, *self._seconds[second]) for second in seconds]  # type: ignore[misc]  # two counts
