"""CSV files that may have been cut off, or be somebody else's."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.columns import Column
from analysis.history import empty
from harness.words.errors import RunError


def whole_rows(data: bytes) -> bytes:
    """Return ``data`` up to its last row's end. A line end inside quotes is part of a value."""
    end = data.rfind(b"\n") + 1
    while end and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return data[:end]


def refuse_foreign(path: Path, data: bytes, names: Collection[str]) -> None:
    """Raise ``RunError`` where ``data``, a file without a whole row, is not the begin of a header of ``names``.

    A file that was cut off in its first line is empty; one of something else is not.
    """
    *whole, last = (field.strip('"') for field in data.decode("utf-8", errors="replace").split(","))
    if unknown := [field for field in whole if field not in names]:
        raise RunError(f"{path}: column {unknown[0][:40]!r}, expected one of {', '.join(names)}")
    if not any(name.startswith(last.rstrip("\r\n")) for name in names):
        raise RunError(f"{path}: begins with {last[:40]!r}, expected a header of {', '.join(names)}")


def read_rows(
    path: Path, columns: Sequence[Column], names: Mapping[str, str] | None = None, optional: Sequence[str] = ()
) -> tuple[pd.DataFrame, str | None]:
    """Return a CSV file's rows as a frame of ``columns``, and what is missing of it, in one sentence.

    ``names`` are the columns' names in the file, where they differ; those in ``optional`` may be absent. ``N/A`` and
    nothing at all are no value. An absent file gives an empty frame; a last row that was cut off is left out.
    Raises ``RunError`` where the file holds something else.
    """
    if not path.is_file():
        return empty(columns), f"{path.name} is missing."
    data = path.read_bytes()
    whole = whole_rows(data)
    fault = f"{path.name} ends in the middle of a row: that row is left out." if whole != data else None
    if not whole:
        refuse_foreign(path, data, _in_file([each.name for each in columns], names or {}))
        return empty(columns), fault or f"{path.name} is empty."
    try:
        found = pd.read_csv(io.BytesIO(whole), dtype="str", keep_default_na=False, na_values=["", "N/A"])
        found = found.rename(columns=dict(names or {}))
        absent = [each.name for each in columns if each.name not in found.columns and each.name not in optional]
        if absent:
            raise RunError(f"{path}: no column {', '.join(_in_file(absent, names or {}))}")
        return pd.DataFrame({column.name: _typed(found, column) for column in columns}), fault
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error


def _typed(found: pd.DataFrame, column: Column) -> pd.Series:
    kind = pd.api.types.pandas_dtype(column.type)
    if column.name not in found.columns:
        return pd.Series([None] * len(found), dtype=kind)
    values: pd.Series = found[column.name]
    if column.type != "category":
        values = pd.to_numeric(values)
    return values.astype(kind)


def _in_file(absent: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Return how columns are called in the file."""
    called = {ours: theirs for theirs, ours in names.items()}
    return [called.get(name, name) for name in absent]
