"""What values of a run's files can be: a count below 0 or a priority of 77 is refused, not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.files.columns import Column
from harness.words.errors import RunError
from harness.words.operation import Outcome

MAX_DAYS = 31
"""Longest run read: gaps between seconds are filled, so one wrong second would fill the memory."""


def whole_numbers(path: Path, values: pd.Series, column: Column) -> pd.Series:
    """Return ``values``, whole numbers of 64 bits and no value; raise ``RunError`` where there are others."""
    if pd.api.types.is_signed_integer_dtype(values.dtype):
        return values
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    absent = np.isnan(numbers)
    wrong = ~absent & ~((np.abs(numbers) < 2.0**63) & (numbers == np.floor(numbers)))
    if column.type != "Int64":
        wrong |= absent
    if wrong.any():
        raise _refused(path, column, values, wrong, "a whole number")
    return values


def require_plausible(path: Path, frame: pd.DataFrame, columns: Sequence[Column]) -> None:
    """Raise ``RunError`` where a value of ``frame`` cannot be: the first one, with its place."""
    for column in columns:
        if column.name not in frame.columns or not pd.api.types.is_numeric_dtype(frame[column.name].dtype):
            continue
        least, most = column.least, column.most
        values = frame[column.name]
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = (numbers < least) | (numbers > most) | np.isinf(numbers)
        if wrong.any():
            what = f"{least:g} or more" if most == np.inf else f"{least:g} to {most:g}"
            raise _refused(path, column, values, wrong, "a number" if least == -np.inf else what)
    if "second" in frame.columns and len(frame):
        days = (int(frame["second"].max()) - int(frame["second"].min())) / 86_400
        if days > MAX_DAYS:
            raise RunError(f"{path}: column second spans {days:.0f} days, expected at most {MAX_DAYS}")


def require_outcomes(path: Path, outcomes: pd.Series) -> None:
    """Raise ``RunError`` where something is no outcome of an operation."""
    wrong = ~outcomes.isin([outcome.value for outcome in Outcome]).to_numpy(dtype=np.bool_)
    if wrong.any():
        raise _refused(path, Column("outcome", "str", "", ""), outcomes, wrong, f"one of {', '.join(Outcome)}")


def _refused(path: Path, column: Column, values: pd.Series, wrong: np.ndarray, expected: str) -> RunError:
    place = int(np.flatnonzero(wrong)[0])
    found = str(values.iloc[place])[:40]
    return RunError(f"{path}: column {column.name}, row {place} (0 is the first): found {found}, expected {expected}")
