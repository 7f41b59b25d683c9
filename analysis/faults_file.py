"""``faults.csv``: the windows of faults, as the run was judged by them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.columns import FAULTS, Column
from analysis.csv_rows import read_rows

_NAMES = {"name": "fault", "where": "place"}
_UNIX = {"start_ns": "start_unix_s", "end_ns": "end_unix_s"}
_ON_AXIS = {"start_s": "start_ns", "end_s": "end_ns"}
_NEEDED = ("fault", *_UNIX)
"""Columns without which it is no such file; a run of another version may lack others."""


def read_faults(path: Path, first_second: int | None) -> pd.DataFrame:
    """Return the frame of ``Run.faults``; ``first_second`` (Unix) is where the axis of plots begins, None if unknown.

    An absent file gives an empty frame. Raises ``RunError`` where the file holds something else.
    """
    inside = [_in_file(column) for column in FAULTS if column.name not in _ON_AXIS]
    optional = [column.name for column in FAULTS if column.name not in _NEEDED]
    found, _ = read_rows(path, inside, _NAMES, optional)
    for name, theirs in _UNIX.items():
        seconds = found.pop(theirs)
        whole = (seconds * 1e6).round().astype("Int64")  # microseconds are what the file has
        found[name] = whole * 1000
    for name, nanoseconds in _ON_AXIS.items():
        since = found[nanoseconds] - (0 if first_second is None else first_second * 1_000_000_000)
        found[name] = (since / 1e9).astype("float64") if first_second is not None else float("nan")
    return found[[column.name for column in FAULTS]]


def _in_file(column: Column) -> Column:
    return Column(_UNIX[column.name], "float64", "s", column.meaning) if column.name in _UNIX else column
