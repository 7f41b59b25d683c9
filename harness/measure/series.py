"""The series: per-second aggregates of operations with mergeable histograms, one row per second and label set.

A worker folds operations into a ``Series``; ``take`` hands over what came since the last call; the master (or the
process itself) merges such deltas and writes rows. Sums are integers of nanoseconds, so a merge is exact in any
order.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from harness.measure.histogram import SUB_BUCKETS, Histogram, bucket_of
from harness.words.clock import Epoch
from harness.words.operation import STOPPED_ROUTE, Flag, Operation

PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)


class Key(NamedTuple):
    """The label set of one row."""

    second: int  # Unix second in which the outcome was known
    user_class: str
    priority: int
    expected_route: str | None
    route: str | None
    tier: int
    outcome: str


class Cell:
    """What is known of the operations of one row; times in nanoseconds, histogram in microseconds."""

    __slots__ = ("count", "histogram", "max_ns", "min_ns", "sum_ns")

    def __init__(self) -> None:
        self.count = 0
        self.sum_ns = 0
        self.min_ns: int | None = None
        self.max_ns = 0
        self.histogram = Histogram()

    def merge(self, other: Cell) -> None:
        """Add the operations of another cell of the same key."""
        self.count += other.count
        self.sum_ns += other.sum_ns
        if other.min_ns is not None:
            self.min_ns = other.min_ns if self.min_ns is None else min(self.min_ns, other.min_ns)
        self.max_ns = max(self.max_ns, other.max_ns)
        self.histogram.merge(other.histogram.counts)


KeyTuple = tuple[int, str, int, str | None, str | None, int, str]
"""The fields of a ``Key``."""

WireRow = tuple[KeyTuple, int, int, int, int, dict[int, int]]
"""A row between processes: key fields, count, sum_ns, min_ns, max_ns, buckets (msgpack makes lists of tuples)."""


class Series:
    """A fold of operations into cells by ``Key``."""

    def __init__(self, epoch: Epoch) -> None:
        self._offset_ns = epoch.offset_ns
        self._cells: dict[KeyTuple, Cell] = {}

    def add(self, operation: Operation) -> None:
        """Count one operation in the second in which its outcome was known."""
        key = (  # a Key, but making one costs as much as the rest
            (operation.end_ns + self._offset_ns) // 1_000_000_000,
            operation.user_class,
            operation.priority,
            operation.expected_route,
            operation.route if operation.flag is not Flag.STOPPED else STOPPED_ROUTE,
            operation.tier,
            operation.outcome,
        )
        response_ns = operation.end_ns - operation.intended_ns
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell()
            cell.min_ns = response_ns
        # All in one place: as methods of cell and histogram the calls cost as much again as what they do.
        cell.count += 1
        cell.sum_ns += response_ns
        if response_ns < cell.min_ns:  # type: ignore[operator]  # a cell in use has a minimum
            cell.min_ns = response_ns
        if response_ns > cell.max_ns:
            cell.max_ns = response_ns
        bucket = (response_ns + 500) // 1000
        if bucket >= SUB_BUCKETS:
            bucket = bucket_of(bucket)
        counts = cell.histogram.counts
        counts[bucket] = counts.get(bucket, 0) + 1

    def take(self) -> list[WireRow]:
        """Return all rows since the last call in a form msgpack can carry, and forget them."""
        cells, self._cells = self._cells, {}
        return [
            (key, cell.count, cell.sum_ns, cell.min_ns or 0, cell.max_ns, cell.histogram.counts)
            for key, cell in cells.items()
        ]


class Merged:
    """Rows merged from any number of deltas, in any order."""

    def __init__(self) -> None:
        self._cells: dict[Key, Cell] = {}

    def merge(self, rows: Iterable[WireRow]) -> None:
        """Add the rows of one delta."""
        for fields, count, sum_ns, min_ns, max_ns, buckets in rows:
            cell = Cell()
            cell.count, cell.sum_ns, cell.min_ns, cell.max_ns = count, sum_ns, min_ns, max_ns
            cell.histogram = Histogram(buckets)
            self.merge_cell(Key(*fields), cell)

    def merge_cell(self, key: Key, other: Cell) -> None:
        """Add the operations of one cell."""
        cell = self._cells.get(key)
        if cell is None:
            self._cells[key] = other
        else:
            cell.merge(other)

    def seconds(self) -> list[int]:
        """Return the seconds that have rows, ascending."""
        return sorted({key.second for key in self._cells})

    def pop_before(self, second: int | None) -> list[tuple[Key, Cell]]:
        """Return and forget the rows of all seconds before ``second`` (all of them for None), sorted by key."""
        keys = sorted((key for key in self._cells if second is None or key.second < second), key=_sort_key)
        return [(key, self._cells.pop(key)) for key in keys]

    @property
    def count(self) -> int:
        """Operations in the rows held."""
        return sum(cell.count for cell in self._cells.values())


def _sort_key(key: Key) -> tuple[object, ...]:
    return tuple("" if field is None else field for field in key)


COLUMNS = (
    "second",
    "user_class",
    "priority",
    "expected_route",
    "route",
    "tier",
    "outcome",
    "count",
    "sum_ms",
    "min_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "p999_ms",
    "max_ms",
    "users",
    "hdr",
)


class SeriesRow(NamedTuple):
    """One row of ``series.csv`` as read back: key, cell and the concurrent users of that second."""

    key: Key
    cell: Cell
    users: int | None  # None where nobody measured it


def write_header(file: TextIO) -> None:
    """Write the column names of ``series.csv``."""
    csv.writer(file, lineterminator="\n").writerow(COLUMNS)


def write_rows(file: TextIO, rows: Iterable[tuple[Key, Cell]], users: int | None) -> None:
    """Append rows of one second to ``series.csv``; ``users`` is empty where nobody measured it."""
    plain = csv.writer(file, lineterminator="\n")
    quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for key, cell in rows:
        fields = _fields(key, cell, users)
        # csv quotes a lone carriage return only where it ends lines, and readers take it for the end of one
        writer = quoted if any(isinstance(field, str) and "\r" in field for field in fields) else plain
        writer.writerow(fields)


def _fields(key: Key, cell: Cell, users: int | None) -> list[object]:
    percentiles = (
        f"{min(value * 1000, cell.max_ns) / 1e6:.3f}" if value is not None else ""
        for value in cell.histogram.percentiles_us(PERCENTS)
    )
    return [
        *("" if field is None else field for field in key),
        cell.count,
        f"{cell.sum_ns / 1e6:.6f}",
        f"{(cell.min_ns or 0) / 1e6:.6f}",
        *percentiles,
        f"{cell.max_ns / 1e6:.6f}",
        "" if users is None else users,
        cell.histogram.encode(),
    ]


def read_series(path: Path) -> Iterator[SeriesRow]:
    """Yield the rows of a ``series.csv``. A last line that was cut off in a crash is left out.

    Raises:
        ValueError: the file has other columns, or a row that is no row of a series.

    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path}: columns {reader.fieldnames}, expected {list(COLUMNS)}")
        broken: str | None = None
        for row in reader:
            if broken is not None:
                raise ValueError(broken)
            try:
                yield _row(row)
            except (ValueError, TypeError) as error:
                broken = f"{path}:{reader.line_num}: no row of a series: {error}"


def _row(row: dict[str, str]) -> SeriesRow:
    key = Key(
        int(row["second"]),
        row["user_class"],
        int(row["priority"]),
        row["expected_route"] or None,
        row["route"] or None,
        int(row["tier"]),
        row["outcome"],
    )
    cell = Cell()
    cell.count = int(row["count"])
    cell.sum_ns = round(float(row["sum_ms"]) * 1e6)
    cell.min_ns = round(float(row["min_ms"]) * 1e6)
    cell.max_ns = round(float(row["max_ms"]) * 1e6)
    cell.histogram = Histogram.decode(row["hdr"])
    return SeriesRow(key, cell, int(row["users"]) if row["users"] else None)
