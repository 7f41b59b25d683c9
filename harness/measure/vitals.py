"""Vitals: what a loading process knows of itself, one row per second and worker.

A worker samples them (``harness.loop.sampler``) and hands over what came since the last time; whoever keeps the run
merges such parts, of a second that is not over as well, and writes ``vitals.csv``. All times are milliseconds.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TextIO

from harness.measure.histogram import Histogram
from harness.measure.series_csv import counted, measured, read_records
from harness.words.column import names
from harness.words.schema import VITALS

WireVitals = list[object]
"""A row between processes: the fields of ``Vitals`` in order, histograms as ``{bucket: count}``."""


@dataclass(slots=True)
class Vitals:
    """One second of one worker, or a part of it.

    ``wall_ms`` = ``steps_ms`` + ``idle_ms`` + the rest: Locust's greenlets, recording, whatever else runs in the
    process's first thread. What lies between two probes counts in the second of the later one.
    """

    second: int  # Unix second
    worker: int
    users: int | None = None  # users of this worker at the end of the second
    wall_ms: float = 0.0  # how much of the second this row saw
    cpu_ms: float = 0.0  # CPU time of the process, all threads
    steps_ms: float = 0.0  # steps of the target ran, computed or blocked the thread
    idle_ms: float = 0.0  # nothing was to be done: waiting for timers and sockets
    waited_ms: float | None = None  # ready to run, but without a processor; None where the system does not say
    gc_ms: float = 0.0  # pauses of the garbage collector
    gc_max_ms: float = 0.0
    gc_count: int = 0
    gc_outside_ms: float = 0.0  # of them those that began outside target steps
    lag_sum_ms: float = 0.0  # how late probes of the loop fired
    lag_max_ms: float = 0.0
    lag_max_steps_ms: float = 0.0  # part of the largest lag in which target steps ran
    lag: Histogram = field(default_factory=Histogram)  # microseconds
    lag_own: Histogram = field(default_factory=Histogram)  # less target steps and waiting for a processor
    lag_rest: Histogram = field(default_factory=Histogram)  # less target steps

    @property
    def rest_ms(self) -> float:
        """Time that was neither the target's nor idle."""
        return max(self.wall_ms - self.steps_ms - self.idle_ms, 0.0)

    @property
    def lag_mean_ms(self) -> float | None:
        """Mean lag, None where no probe fired."""
        count = len(self.lag)
        return self.lag_sum_ms / count if count else None

    def as_wire(self) -> WireVitals:
        """Return the row as plain types."""
        values = (getattr(self, name) for name in _NAMES)
        return [value.counts if isinstance(value, Histogram) else value for value in values]

    @classmethod
    def of_wire(cls, row: WireVitals) -> Vitals:
        """Return the row that ``as_wire`` gave."""
        named = dict(zip(_NAMES, row, strict=True))
        return cls(**{name: Histogram(value) if isinstance(value, dict) else value for name, value in named.items()})  # type: ignore[arg-type]

    def merge(self, later: Vitals) -> None:
        """Add a later part of the same second and worker."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(later, name))
        if later.waited_ms is not None:
            self.waited_ms = (self.waited_ms or 0.0) + later.waited_ms
        if later.users is not None:
            self.users = later.users
        self.gc_max_ms = max(self.gc_max_ms, later.gc_max_ms)
        if later.lag_max_ms > self.lag_max_ms:
            self.lag_max_ms, self.lag_max_steps_ms = later.lag_max_ms, later.lag_max_steps_ms
        for mine, its in ((self.lag, later.lag), (self.lag_own, later.lag_own), (self.lag_rest, later.lag_rest)):
            mine.merge(its.counts)


_NAMES = tuple(each.name for each in fields(Vitals))
_SUMS = ("wall_ms", "cpu_ms", "steps_ms", "idle_ms", "gc_ms", "gc_count", "gc_outside_ms", "lag_sum_ms")
_TIMES = ("wall_ms", "cpu_ms", "steps_ms", "idle_ms", "waited_ms", "gc_ms", "gc_max_ms", "gc_outside_ms")
_LAGS = ("lag_mean_ms", "lag_max_ms", "lag_max_steps_ms")
_HISTOGRAMS = ("lag", "lag_own", "lag_rest")

COLUMNS = names(VITALS)

# The order in which ``write_rows`` writes them.
assert ("second", "worker", "users", "gc_count", *_TIMES, *_LAGS, *(f"{name}_hdr" for name in _HISTOGRAMS)) == COLUMNS


class MergedVitals:
    """Rows merged from any number of parts."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, int], Vitals] = {}

    def merge(self, rows: Iterable[WireVitals]) -> None:
        """Add what one worker handed over."""
        self.merge_rows(map(Vitals.of_wire, rows))

    def merge_rows(self, rows: Iterable[Vitals]) -> None:
        """Add rows."""
        for row in rows:
            known = self._rows.setdefault((row.second, row.worker), row)
            if known is not row:
                known.merge(row)

    def pop_before(self, second: int | None) -> list[Vitals]:
        """Return and forget the rows of all seconds before ``second`` (all of them for None), sorted."""
        keys = sorted(key for key in self._rows if second is None or key[0] < second)
        return [self._rows.pop(key) for key in keys]


class VitalsLog:
    """``vitals.csv``, written while the run goes.

    Raises:
        OSError: it cannot be written.

    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._merged = MergedVitals()
        self._written: set[tuple[int, int]] = set()
        self._late = False
        with path.open("w", encoding="utf-8", newline="") as file:
            write_header(file)

    def add(self, rows: Iterable[WireVitals]) -> None:
        """Take what one worker handed over."""
        self._merged.merge(rows)

    def write_before(self, second: int | None) -> None:
        """Append the rows of all seconds before ``second`` (all of them for None)."""
        rows = self._merged.pop_before(second)
        keys = {(row.second, row.worker) for row in rows}
        self._late |= not keys.isdisjoint(self._written)
        self._written |= keys
        if rows:
            with self._path.open("a", encoding="utf-8", newline="") as file:  # and not kept open, as the series is not
                write_rows(file, rows)

    def close(self) -> None:
        """Write what is left; rows of a second that was reported once more after it was written become one."""
        self.write_before(None)
        if not self._late:
            return
        merged = MergedVitals()
        merged.merge_rows(read_vitals(self._path))
        partial = self._path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", newline="") as file:
            write_header(file)
            write_rows(file, merged.pop_before(None))
        partial.rename(self._path)


def write_header(file: TextIO) -> None:
    """Write the column names of ``vitals.csv``."""
    csv.writer(file, lineterminator="\n").writerow(COLUMNS)


def write_rows(file: TextIO, rows: Iterable[Vitals]) -> None:
    """Append rows to ``vitals.csv``; what was not measured is empty."""
    writer = csv.writer(file, lineterminator="\n")
    for row in rows:
        writer.writerow(
            [
                *(row.second, row.worker, "" if row.users is None else row.users, row.gc_count),
                *(_shown(getattr(row, name)) for name in (*_TIMES, *_LAGS)),
                *(getattr(row, name).encode() for name in _HISTOGRAMS),
            ]
        )


def _shown(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.3f}"


def read_vitals(path: Path) -> Iterator[Vitals]:
    """Yield the rows of a ``vitals.csv``. A last line that was cut off in a crash is left out.

    Raises:
        RunError: the file cannot be read, has other columns, or a row that is no row of vitals.

    """
    return read_records(path, COLUMNS, _row, "vitals")


def _row(row: dict[str, str]) -> Vitals:
    found = Vitals(counted(row["second"]), counted(row["worker"]), counted(row["users"]) if row["users"] else None)
    found.gc_count = counted(row["gc_count"])
    for name in (*_TIMES, "lag_max_ms", "lag_max_steps_ms"):
        if row[name] or name != "waited_ms":
            setattr(found, name, measured(row[name]))
    for name in _HISTOGRAMS:
        setattr(found, name, Histogram.decode(row[f"{name}_hdr"]))
    found.lag_sum_ms = measured(row["lag_mean_ms"] or "0") * len(found.lag)
    return found
