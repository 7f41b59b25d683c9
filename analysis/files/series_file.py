"""``series.csv`` and ``vitals.csv``: what RouteSwarm writes down per second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analysis.files.columns import SERIES, VITALS
from analysis.files.csv_rows import parse_rows, read_file, refuse_foreign, whole_rows
from analysis.files.history import empty, rows_of
from analysis.files.plausible import require_outcomes, require_plausible, whole_numbers
from harness.measure import vitals
from harness.measure.series_csv import COLUMNS
from harness.words.errors import UNREADABLE, RunError, reason

HISTOGRAMS = tuple(column for column in COLUMNS if column.endswith("hdr"))
"""Histograms of the four clocks, as text; ``hdr`` and ``lag_hdr`` are never empty."""
_TYPES = {column.name: column.type for column in SERIES}
INTEGERS = tuple(name for name, kind in _TYPES.items() if kind == "int64")
NUMBERS = tuple(name for name, kind in _TYPES.items() if kind == "float64")
"""Milliseconds, and users; NaN where there is no value. Text is empty where there is none, never NaN."""


def read_series(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the series frame (see ``Run.series``) and what it lacks, one sentence each.

    An absent file gives an empty frame; a last row without its line end was cut off and is left out.
    Raises ``RunError`` where the file has other columns, values that are no numbers, or that cannot be.
    """
    if not path.is_file():
        return empty(SERIES), ("series.csv is missing: there are no numbers over time.",)
    data = _unix_lines(read_file(path))
    whole = whole_rows(data)
    if not whole:
        refuse_foreign(path, data, COLUMNS)
    faults = ["series.csv ends in the middle of a row: that row is left out."] if whole != data else []
    frame = _parse(whole, path) if whole else empty(SERIES)
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
    whole = {column.name: str(column.type) for column in VITALS if column.type == "int64"}
    if not data:
        refuse_foreign(path, there, vitals.COLUMNS)
        return empty(VITALS)
    found = {column.name: column.type for column in VITALS if column.name not in whole}
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
    types = {name: kind for name, kind in _TYPES.items() if kind != "int64"}
    absent = {column: [""] for column in (*INTEGERS, *NUMBERS)}
    options: dict[str, Any] = {"keep_default_na": False, "na_values": absent, "low_memory": False}
    frame = parse_rows(path, data, dtype=types, lineterminator="\n", **options)
    if lacking := [column for column in COLUMNS if column not in frame.columns]:
        raise RunError(f"{path}: no column {', '.join(lacking)}; expected a RouteSwarm series")
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
