"""``faults.csv``: the windows of faults, as the run was judged by them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.files.columns import FAULTS, FAULTS_FILE
from analysis.files.csv_rows import read_rows
from harness.words.errors import RunError

_NEEDED = ("name", "start_unix_s", "end_unix_s")
"""Columns without which it is no such file; a run of another version may lack others."""


def read_faults(path: Path, first_second: int | None) -> pd.DataFrame:
    """Return the frame of ``Run.faults``; ``first_second`` (Unix) is where the axis of plots begins, None if unknown.

    An absent file gives an empty frame. Raises ``RunError`` where the file holds something else.
    """
    optional = [column.name for column in FAULTS_FILE if column.name not in _NEEDED]
    found, _ = read_rows(path, FAULTS_FILE, optional=optional)
    backwards = (found["end_unix_s"] < found["start_unix_s"]).to_numpy()
    if backwards.any():
        raise RunError(f"{path}: row {int(backwards.argmax())} (0 is the first): its window ends before it begins")
    for edge in ("start", "end"):
        microseconds = (found[f"{edge}_unix_s"] * 1e6).round().astype("Int64")  # what the file has
        found[f"{edge}_ns"] = microseconds * 1000
        found[f"{edge}_s"] = float("nan")
        if first_second is not None:
            found[f"{edge}_s"] = ((microseconds - first_second * 1_000_000) / 1e6).astype("float64")
    return found[[column.name for column in FAULTS]]
