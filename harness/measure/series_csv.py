"""``series.csv``: the rows of a series as text, with percentiles for people and histograms for programs."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

from harness.measure.histogram import Histogram, within_ms
from harness.measure.series import Cell, Clock, Key
from harness.words.column import names
from harness.words.errors import UNREADABLE, RunError, reason
from harness.words.operation import Outcome
from harness.words.schema import SERIES

Record = TypeVar("Record")

PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)

COLUMNS = names(SERIES)


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


assert COLUMNS[: len(Key._fields)] == Key._fields, "rows of series.csv begin with their key"


def _clock_fields(clock: Clock) -> tuple[str, str]:
    """Return sum and histogram, empty where nothing was measured."""
    return (f"{clock.sum_ns / 1e6:.6f}", clock.histogram.encode()) if clock.histogram.counts else ("", "")


def read_series(path: Path) -> Iterator[SeriesRow]:
    """Yield the rows of a ``series.csv``. A last line that was cut off in a crash is left out.

    Raises:
        RunError: the file cannot be read, has other columns, or a row that is no row of a series.

    """
    return read_records(path, COLUMNS, _row, "series")


def read_records(
    path: Path, columns: Sequence[str], make: Callable[[dict[str, str]], Record], kind: str
) -> Iterator[Record]:
    """Yield what ``make`` makes of each row of a CSV file with these columns; the last one may be cut off.

    Raises:
        RunError: the file cannot be read, has other columns, or a row before the last of which nothing can be made.

    """
    broken: str | None = None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != tuple(columns):
                raise RunError(f"{path}: columns {reader.fieldnames}, expected {list(columns)}")
            for row in reader:
                if broken is not None:
                    raise RunError(broken)
                try:
                    found = make(row)
                except UNREADABLE as error:
                    broken = f"{path}:{reader.line_num}: no row of {kind}: {reason(error)}"
                    continue
                yield found
    except (*UNREADABLE, csv.Error) as error:
        raise RunError(f"{path}: no {kind}: {reason(error)}") from error


def measured(text: str) -> float:
    """Return a number of a row: finite and not below 0, as all that is measured is; raise ValueError for another."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError(f"found {text[:40]}, expected 0 or more")
    return value


def finite(text: str) -> float:
    """Return a number of a row, also one below 0: an operation may be started before its intended start."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"found {text[:40]}, expected a finite number")
    return value


def counted(text: str, most: int = 2**63 - 1) -> int:
    """Return a whole number of a row, from 0 to ``most``; raise ValueError for another."""
    value = int(text)
    if not 0 <= value <= most:
        raise ValueError(f"found {text[:40]}, expected 0 to {most}")
    return value


def _row(row: dict[str, str]) -> SeriesRow:
    key = Key(
        counted(row["second"]),
        row["user_class"],
        counted(row["priority"], 9),
        row["expected_route"] or None,
        row["route"] or None,
        counted(row["tier"]),
        Outcome(row["outcome"]).value,
    )
    cell = Cell()
    cell.count = counted(row["count"])
    cell.sum_ns = round(measured(row["sum_ms"]) * 1e6)
    cell.min_ns = round(measured(row["min_ms"]) * 1e6)
    cell.max_ns = round(measured(row["max_ms"]) * 1e6)
    cell.histogram = Histogram.decode(row["hdr"])
    cell.service, cell.queue, cell.lag = (_clock(row, name) for name in ("service", "queue", "lag"))
    return SeriesRow(key, cell, counted(row["users"]) if row["users"] else None)


def _clock(row: dict[str, str], name: str) -> Clock:
    """Return a clock of a row; one field alone, or none at all, is a row cut off."""
    sum_ms, hdr = row[f"{name}_sum_ms"], row[f"{name}_hdr"]
    if sum_ms == hdr == "":
        return Clock()
    return Clock(round(finite(sum_ms) * 1e6), Histogram.decode(hdr).counts)
