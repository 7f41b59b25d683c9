"""``series.csv`` and ``vitals.csv``: what RouteSwarm writes down per second."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from analysis.csv_rows import refuse_foreign, whole_rows
from analysis.history import rows_of
from harness.measure import vitals
from harness.measure.series_csv import COLUMNS
from harness.words.errors import RunError

HISTOGRAMS = tuple(column for column in COLUMNS if column.endswith("hdr"))
"""Histograms of the four clocks, as text; ``hdr`` and ``lag_hdr`` are never empty."""
LABELS = ("user_class", "expected_route", "route", "outcome", *HISTOGRAMS)
"""Text columns of the series; empty text where there is no value, never NaN."""
INTEGERS = ("second", "priority", "tier", "count")
NUMBERS = tuple(column for column in COLUMNS if column.endswith("_ms") or column == "users")
"""Milliseconds, and users; NaN where there is no value."""

MAX_DAYS = 31
"""Longest run read: gaps between seconds are filled, so one wrong second would fill the memory."""

_TEXT_TYPE = "str"


def read_series(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the series frame (see ``Run.series``) and what it lacks, one sentence each.

    An absent file gives an empty frame; a last row without its line end was cut off and is left out.
    Raises ``RunError`` where the file has other columns or values that are no numbers.
    """
    if not path.is_file():
        return _empty_series(), ("series.csv is missing: there are no numbers over time.",)
    data = path.read_bytes()
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
    there = path.read_bytes() if path.is_file() else b""
    data = whole_rows(there)
    kinds = {name: _TEXT_TYPE if name.endswith("_hdr") else "float64" for name in vitals.COLUMNS}
    kinds |= dict.fromkeys(("second", "worker", "gc_count"), "int64")
    if not data:
        refuse_foreign(path, there, vitals.COLUMNS)
        return pd.DataFrame(columns=list(vitals.COLUMNS), dtype=_TEXT_TYPE).astype(kinds)
    try:
        frame = pd.read_csv(io.BytesIO(data), dtype=kinds, lineterminator="\n")
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error
    if tuple(frame.columns) != vitals.COLUMNS:
        raise RunError(f"{path}: columns {list(frame.columns)}, expected {list(vitals.COLUMNS)}")
    return frame


def _parse(data: bytes, path: Path) -> pd.DataFrame:
    types = dict.fromkeys(LABELS, _TEXT_TYPE) | dict.fromkeys(NUMBERS, "float64")
    empty = {column: [""] for column in (*INTEGERS, *NUMBERS)}
    try:
        frame = pd.read_csv(
            io.BytesIO(data), dtype=types, keep_default_na=False, na_values=empty, low_memory=False, lineterminator="\n"
        )
        absent = [column for column in COLUMNS if column not in frame.columns]
        if absent:
            raise RunError(f"{path}: no column {', '.join(absent)}; expected a RouteSwarm series")
        short = (frame[["hdr", COLUMNS[-1]]].fillna("") == "").any(axis=1)  # no row is without these
        if short.any():
            raise RunError(f"{path}: row {short.idxmax()} (0 is the first) has too few values")
        frame = frame.astype(dict.fromkeys(INTEGERS, "int64"))
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error
    if len(frame) and (days := (frame["second"].max() - frame["second"].min()) / 86_400) > MAX_DAYS:
        raise RunError(f"{path}: column second spans {days:.0f} days, expected at most {MAX_DAYS}")
    return frame


def _empty_series() -> pd.DataFrame:
    kinds = dict.fromkeys(INTEGERS, "int64") | dict.fromkeys(NUMBERS, "float64")
    return pd.DataFrame(columns=list(COLUMNS), dtype=_TEXT_TYPE).astype(kinds)
