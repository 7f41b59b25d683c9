"""CSV files that may have been cut off, or be somebody else's."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from analysis.files.columns import Column
from analysis.files.history import empty
from analysis.files.plausible import require_plausible, whole_numbers
from harness.words.errors import UNREADABLE, RunError, reason
from harness.words.files import read_bounded

MOST_BYTES = 4 * 1024**3
"""Of one CSV file: an hour's series of 1,000 rows a second has 2 GB."""

_HEADER_BYTES = 65_536


def whole_rows(data: bytes) -> bytes:
    """Return ``data`` up to its last row's end. A line end inside quotes is part of a value."""
    end = data.rfind(b"\n") + 1
    odd = data.count(b'"', 0, end) % 2
    while end and odd:
        before = data.rfind(b"\n", 0, end - 1) + 1
        odd = (odd + data.count(b'"', before, end)) % 2  # each quote is counted once, however many rows are left out
        end = before
    return data[:end]


def read_file(path: Path) -> bytes:
    """Return the bytes of a file of a run; raise ``RunError`` where it cannot be read or is too long."""
    try:
        return read_bounded(path, MOST_BYTES)
    except UNREADABLE as error:
        raise RunError(f"{path}: cannot be read: {reason(error)}") from error


def refuse_foreign(path: Path, data: bytes, names: Collection[str]) -> None:
    """Raise ``RunError`` where ``data``, a file without a whole row, is not the begin of a header of ``names``.

    A file that was cut off in its first line is empty; one of something else is not.
    """
    head = data[:_HEADER_BYTES].decode("utf-8", errors="replace")
    *whole, last = (field.strip('"') for field in head.split(","))
    if unknown := [field for field in whole if field not in names]:
        raise RunError(f"{path}: column {unknown[0][:40]!r}, expected one of {', '.join(names)}")
    if not any(name.startswith(last.rstrip("\r\n")) for name in names):
        raise RunError(f"{path}: begins with {last[:40]!r}, expected a header of {', '.join(names)}")


def parse_rows(path: Path, data: bytes, **options: Any) -> pd.DataFrame:
    """Return the rows of whole ``data``, read by ``pandas.read_csv`` with ``options``.

    Raises ``RunError`` where it is no CSV, has a column twice, or rows with more values than columns.
    """
    try:
        head = data[: data.find(b"\n") + 1][:_HEADER_BYTES].decode("utf-8", errors="replace")
        header = next(csv.reader([head]), [])
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(data), **options)
    except (*UNREADABLE, csv.Error) as error:
        raise RunError(f"{path}: {reason(error)}") from error
    # pandas gives columns of one name new ones, and takes the first of too many values for an index
    if twice := [name for name in dict.fromkeys(header) if header.count(name) > 1]:
        raise RunError(f"{path}: column {twice[0][:40]!r} is there twice")
    if not isinstance(frame.index, pd.RangeIndex):
        raise RunError(f"{path}: rows with more values than the header has columns")
    return frame


def read_rows(
    path: Path,
    columns: Sequence[Column],
    names: Mapping[str, str] | None = None,
    optional: Sequence[str] = (),
    *,
    written_whole: bool = False,
    undecoded: Literal["refused", "replaced"] = "refused",
) -> tuple[pd.DataFrame, str | None]:
    """Return a CSV file's rows as a frame of ``columns``, and what is missing of it, in one sentence.

    ``names`` are the columns' names in the file, where they differ; those in ``optional`` may be absent. ``N/A`` and
    nothing at all are no value. An absent file gives an empty frame; a last row that was cut off is left out. One
    without a line end counts as cut off, unless the file is ``written_whole``: then it is one if all its values are
    there. Bytes that are not UTF-8 are ``refused``, or ``replaced`` and told. Raises ``RunError`` where the file holds
    something else, or values that cannot be.
    """
    if not path.is_file():
        return empty(columns), f"{path.name} is missing."
    data = read_file(path)
    if written_whole:
        data = _with_last_end(data)
    whole = whole_rows(data)
    fault = f"{path.name} ends in the middle of a row: that row is left out." if whole != data else None
    if not whole:
        refuse_foreign(path, data, _in_file([each.name for each in columns], names or {}))
        return empty(columns), fault or f"{path.name} is empty."
    options: dict[str, Any] = {"dtype": "str", "keep_default_na": False, "na_values": ["", "N/A"]}
    found = parse_rows(path, whole, encoding_errors="strict" if undecoded == "refused" else "replace", **options)
    if undecoded == "replaced" and not _is_utf8(whole):
        said = f"{path.name} has bytes that are not UTF-8: they are shown as \ufffd."
        fault = said if fault is None else f"{fault} {said}"
    found = found.rename(columns=dict(names or {}))
    absent = [each.name for each in columns if each.name not in found.columns and each.name not in optional]
    if absent:
        raise RunError(f"{path}: no column {', '.join(_in_file(absent, names or {}))}")
    frame = pd.DataFrame({column.name: _typed(path, found, column) for column in columns})
    require_plausible(path, frame, columns)
    return frame, fault


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _with_last_end(data: bytes) -> bytes:
    """Return ``data`` with a line end behind a last row that has as many values as the header; else as it is."""
    last = data[data.rfind(b"\n") + 1 :]
    if not last or not data[: -len(last)]:
        return data
    try:
        rows = [data[: data.find(b"\n")].decode("utf-8", "replace"), last.decode("utf-8", "replace")]
        header, values = csv.reader(rows, strict=True)
    except (ValueError, csv.Error):
        return data
    return data + b"\n" if len(values) == len(header) and values[-1] else data


def _typed(path: Path, found: pd.DataFrame, column: Column) -> pd.Series:
    kind = pd.api.types.pandas_dtype(column.type)
    if column.name not in found.columns:
        return pd.Series([None] * len(found), dtype=kind)
    values: pd.Series = found[column.name]
    try:
        if column.type not in ("category", "str"):
            values = pd.to_numeric(values)
        if column.type.lower().startswith("int"):
            values = whole_numbers(path, values, column)
        return values.astype(kind)
    except UNREADABLE as error:
        raise RunError(f"{path}: column {column.name}: {reason(error)}") from error


def _in_file(absent: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Return how columns are called in the file."""
    called = {ours: theirs for theirs, ours in names.items()}
    return [called.get(name, name) for name in absent]
