"""The Parquet tables of ``history/`` as frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.columns import DTYPES, HISTORY, Column
from harness.measure.history_parts import kept_parts
from harness.words.errors import RunError

Filters = list[tuple[str, str, object]]
"""Conditions that all must hold, as in ``pyarrow.parquet.read_table``: ``[("outcome", "=", "ok")]``."""


def read_table(
    folder: Path, table: str, names: Sequence[str] | None = None, filters: Filters | None = None
) -> pd.DataFrame:
    """Return a table of the history in ``folder``, in order of worker and time; empty where there is none.

    ``names`` are the columns wanted (all), ``filters`` the conditions on rows (none). Parts that cannot be read are
    left out: ``damaged`` names them. Types as in ``analysis.columns``, but whole numbers are as wide as in the file.
    Raises ``RunError`` where a file has other columns.
    """
    wanted = [column for column in HISTORY[table] if names is None or column.name in names]
    paths = [path for path in _paths(folder, table) if _damage(path) is None]
    if not paths:
        return empty(wanted)
    for path in paths:
        _refuse_foreign(path, HISTORY[table])
    labels = [column.name for column in HISTORY[table] if column.kind == "label"]
    found = pq.read_table(
        paths, columns=[column.name for column in wanted], filters=filters, read_dictionary=labels, partitioning=None
    )
    return _frame(found, wanted)


def damaged(folder: Path, table: str) -> list[str]:
    """Return what is wrong with parts that cannot be read, one sentence each."""
    return [f"history/{path.name} cannot be read: {why}" for path in _paths(folder, table) if (why := _damage(path))]


def rows_of(folder: Path, table: str) -> int:
    """Return the number of rows of a table, from the files' footers."""
    return sum(pq.read_metadata(path).num_rows for path in _paths(folder, table) if _damage(path) is None)


def empty(columns: Sequence[Column]) -> pd.DataFrame:
    """Return a frame of these columns and types without rows."""
    return pd.DataFrame({column.name: pd.Series(dtype=DTYPES[column.kind]) for column in columns})


def _paths(folder: Path, table: str) -> list[Path]:
    return [part.path for part in kept_parts(folder.glob(f"{table}-w*.parquet"), table)]


def _damage(path: Path) -> str | None:
    """Return why a file is no Parquet at all, None where it is; its footer is at its end, so a cut shows."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        return " ".join(str(error).split())
    return None


def _refuse_foreign(path: Path, columns: Sequence[Column]) -> None:
    absent = [column.name for column in columns if column.name not in pq.read_schema(path).names]
    if absent:
        raise RunError(f"{path}: no column {', '.join(absent)}; expected a part of a RouteSwarm history")


def _frame(table: pa.Table, columns: Sequence[Column]) -> pd.DataFrame:
    """Return an Arrow table as a frame; each column is let go as soon as it is converted, so that memory holds one."""
    arrays: dict[str, object] = {}
    for column in columns:
        arrays[column.name] = _array(table.column(column.name), column)
        table = table.drop_columns([column.name])
    return pd.DataFrame(arrays, copy=False)


def _array(values: pa.ChunkedArray, column: Column) -> object:
    if column.kind == "label":
        return _categorical(values)
    if column.kind == "optional":
        return pd.arrays.IntegerArray(
            values.fill_null(0).to_numpy().astype(np.int64), values.is_null().to_numpy().astype(np.bool_)
        )
    if column.kind == "integer" and values.null_count:
        raise RunError(f"column {column.name} has {values.null_count:,} rows without a value, expected none")
    return values.to_numpy()


def _categorical(values: pa.ChunkedArray) -> pd.Categorical:
    """Return texts as a categorical whose categories are sorted, whatever order the parts had them in."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    values = values.unify_dictionaries()
    names = values.chunk(0).dictionary.to_pylist() if values.num_chunks else []
    order = sorted(range(len(names)), key=names.__getitem__)
    place: NDArray[np.int32] = np.full(len(names) + 1, -1, dtype=np.int32)  # the last one is for no value
    place[order] = np.arange(len(names), dtype=np.int32)
    codes = [place[chunk.indices.fill_null(len(names)).to_numpy()] for chunk in values.chunks]
    joined = np.concatenate(codes) if codes else np.empty(0, dtype=np.int32)
    kind = pd.CategoricalDtype(pd.Index([names[k] for k in order], dtype="str"))
    return pd.Categorical.from_codes(joined, dtype=kind)
