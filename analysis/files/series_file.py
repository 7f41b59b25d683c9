"""``series.csv`` and ``vitals.csv``: what RouteSwarm writes down per second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.files.columns import SERIES, VITALS
from analysis.files.csv_rows import parse_rows, read_file, refuse_foreign, whole_rows
from analysis.files.history import rows_of
from analysis.files.plausible import require_outcomes, require_plausible, whole_numbers
from harness.measure import vitals
from harness.measure.series_csv import COLUMNS
from harness.words.errors import UNREADABLE, RunError, reason

HISTOGRAMS = tuple(column for column in COLUMNS if column.endswith("hdr"))
"""Histograms of the four clocks, as text; ``hdr`` and ``lag_hdr`` are never empty."""
LABELS = ("user_class", "expected_route", "route", "outcome", *HISTOGRAMS)
"""Text columns of the series; empty text where there is no value, never NaN."""
INTEGERS = ("second", "priority", "tier", "count")
NUMBERS = tuple(column for column in COLUMNS if column.endswith("_ms") or column == "users")
"""Milliseconds, and users; NaN where there is no value."""

_TEXT_TYPE = "str"


def read_series(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the series frame (see ``Run.series``) and what it lacks, one sentence each.

    An absent file gives an empty frame; a last row without its line end was cut off and is left out.
    Raises ``RunError`` where the file has other columns, values that are no numbers, or that cannot be.
    """
    if not path.is_file():
        return _empty_series(), ("series.csv is missing: there are no numbers over time.",)
    data = _unix_lines(read_file(path))
    whole = whole_rows(data)
    if not whole:
        refuse_foreign(path, data, COLUMNS)
    faults = ["series.csv ends in the middle of a row: that row is left out."] if whole != data else []
    frame = _parse(whole, path) if whole else _empty_series()
    if frame.empty:
        recorded = rows_of(path.parent / "history", "operations") > 0
        faults.append(
            "series.csv has no rows: the run was cut off in its first seconds; its operations are in history/."
            if recorded
            else "series.csv has no rows: no operation was recorded."
        )
    return frame, tuple(faults)


def read_vitals(path: Path) -> pd.DataFrame:
    """Return the vitals frame (see ``Run.vitals``); raises ``RunError`` where the file holds something else."""
    there = _unix_lines(read_file(path)) if path.is_file() else b""
    data = whole_rows(there)
    kinds = {name: _TEXT_TYPE if name.endswith("_hdr") else "float64" for name in vitals.COLUMNS}
    whole = dict.fromkeys(("second", "worker", "gc_count"), "int64")
    if not data:
        refuse_foreign(path, there, vitals.COLUMNS)
        return pd.DataFrame(columns=list(vitals.COLUMNS), dtype=_TEXT_TYPE).astype(kinds | whole)
    found = {name: kind for name, kind in kinds.items() if name not in whole}
    frame = parse_rows(path, data, dtype=found, lineterminator="\n")
    if tuple(frame.columns) != vitals.COLUMNS:
        raise RunError(f"{path}: columns {list(frame.columns)}, expected {list(vitals.COLUMNS)}")
    frame = _whole(path, frame, whole)
    require_plausible(path, frame, VITALS)
    return frame


def _unix_lines(data: bytes) -> bytes:
    """Return rows with the line ends they were written with: a checkout on Windows, or a spreadsheet, gives others."""
    return data.replace(b"\r\n", b"\n") if data.partition(b"\n")[0].endswith(b"\r") else data


def _parse(data: bytes, path: Path) -> pd.DataFrame:
    types = dict.fromkeys(LABELS, _TEXT_TYPE) | dict.fromkeys(NUMBERS, "float64")
    empty = {column: [""] for column in (*INTEGERS, *NUMBERS)}
    options: dict[str, Any] = {"keep_default_na": False, "na_values": empty, "low_memory": False}
    frame = parse_rows(path, data, dtype=types, lineterminator="\n", **options)
    absent = [column for column in COLUMNS if column not in frame.columns]
    if absent:
        raise RunError(f"{path}: no column {', '.join(absent)}; expected a RouteSwarm series")
    short = (frame[["hdr", COLUMNS[-1]]].fillna("") == "").any(axis=1)  # no row is without these
    if short.any():
        raise RunError(f"{path}: row {short.idxmax()} (0 is the first) has too few values")
    frame = _whole(path, frame, dict.fromkeys(INTEGERS, "int64"))
    require_outcomes(path, frame["outcome"])
    require_plausible(path, frame, SERIES)
    return frame


def _whole(path: Path, frame: pd.DataFrame, kinds: dict[str, str]) -> pd.DataFrame:
    """Return ``frame`` with columns of whole numbers, which pandas reads as whatever they look like."""
    of_name = {column.name: column for column in (*SERIES, *VITALS)}
    try:
        for name in kinds:
            frame[name] = whole_numbers(path, frame[name], of_name[name])
        return frame.astype(kinds)
    except UNREADABLE as error:
        raise RunError(f"{path}: {reason(error)}") from error


def _empty_series() -> pd.DataFrame:
    kinds = dict.fromkeys(INTEGERS, "int64") | dict.fromkeys(NUMBERS, "float64")
    return pd.DataFrame(columns=list(COLUMNS), dtype=_TEXT_TYPE).astype(kinds)
