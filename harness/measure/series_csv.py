"""``series.csv``: the rows of a series as text, with percentiles for people and histograms for programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from harness.measure.histogram import Histogram, within_ms
from harness.measure.series import Cell, Clock, Key

PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)

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
    "service_sum_ms",
    "service_hdr",
    "queue_sum_ms",
    "queue_hdr",
    "lag_sum_ms",
    "lag_hdr",
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
    percentiles = (within_ms(value, cell.min_ns, cell.max_ns) for value in cell.histogram.percentiles_us(PERCENTS))
    return [
        *("" if field is None else field for field in key),
        cell.count,
        f"{cell.sum_ns / 1e6:.6f}",
        f"{(cell.min_ns or 0) / 1e6:.6f}",
        *("" if value is None else f"{value:.6f}" for value in percentiles),
        f"{cell.max_ns / 1e6:.6f}",
        "" if users is None else users,
        cell.histogram.encode(),
        *_clock_fields(cell.service),
        *_clock_fields(cell.queue),
        *_clock_fields(cell.lag),
    ]


def _clock_fields(clock: Clock) -> tuple[str, str]:
    """Return sum and histogram, empty where nothing was measured."""
    return (f"{clock.sum_ns / 1e6:.6f}", clock.histogram.encode()) if clock.histogram.counts else ("", "")


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
    cell.service, cell.queue, cell.lag = (_clock(row, name) for name in ("service", "queue", "lag"))
    return SeriesRow(key, cell, int(row["users"]) if row["users"] else None)


def _clock(row: dict[str, str], name: str) -> Clock:
    """Return a clock of a row; one field alone, or none at all, is a row cut off."""
    sum_ms, hdr = row[f"{name}_sum_ms"], row[f"{name}_hdr"]
    if sum_ms == hdr == "":
        return Clock()
    return Clock(round(float(sum_ms) * 1e6), Histogram.decode(hdr).counts)
