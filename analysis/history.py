"""The Parquet tables of ``history/`` as frames."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.columns import HISTORY, OF_PROCESS, OPERATIONS, Column, Type
from harness.measure.history_parts import Part, kept_parts
from harness.words.errors import RunError

_ARROW: dict[Type, pa.DataType] = {
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "Int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "category": pa.string(),
    "str": pa.string(),
}
SCHEMAS = {
    table: pa.schema([(column.name, _ARROW[column.type]) for column in columns]) for table, columns in HISTORY.items()
}
"""Columns of each table as the run's writer has them; a test compares the two."""

Filters = Sequence[tuple[str, str, object]]
"""Conditions that all must hold, as in ``pyarrow.parquet.read_table``: ``[("outcome", "=", "ok")]``."""
Alternatives = Sequence[Filters]
"""Lists of conditions of which one must hold."""


def read_table(
    folder: Path,
    table: str,
    columns: Sequence[str] | None = None,
    ids: Collection[int] | None = None,
    filters: Filters | Alternatives | None = None,
    *,
    leave_out_damaged: bool = False,
) -> pd.DataFrame:
    """Return a table of the history in ``folder``, in order of worker and time; empty where there is none.

    ``columns`` are those wanted, in their order (all), ``ids`` the operations (all), ``filters`` the conditions on
    rows, or alternatives of them (none): what is not wanted takes no memory. ``calls`` and ``edges`` get a column
    ``worker``. Types as in ``analysis.columns``. Raises ``RunError`` where a file has other columns, or is damaged;
    with ``leave_out_damaged`` such files are passed over: ``damaged`` names them.
    """
    of_table = {column.name: column for column in HISTORY[table]}
    wanted = [of_table[name] for name in (columns if columns is not None else of_table)]
    parts = [part for part in _parts(folder, table) if not leave_out_damaged or _damage(part.path) is None]
    condition = _condition(table, ids, filters)
    if table not in OF_PROCESS:
        return (
            _frame(_read([part.path for part in parts], table, wanted, condition), wanted) if parts else empty(wanted)
        )
    found = [_read([part.path], table, wanted, condition) for part in parts]
    frame = _frame(pa.concat_tables(found), wanted) if found else empty(wanted)
    workers = [part.worker for part in parts]
    return frame.assign(worker=np.repeat(np.array(workers, dtype=np.int32), [each.num_rows for each in found]))


def _read(paths: Sequence[Path], table: str, wanted: Sequence[Column], condition: pc.Expression | None) -> pa.Table:
    labels = [column.name for column in HISTORY[table] if column.type == "category"]
    for path in paths:
        _refuse_foreign(path, table)
    names = [column.name for column in wanted]
    return pq.read_table(list(paths), columns=names, filters=condition, read_dictionary=labels, partitioning=None)


def _condition(table: str, ids: Collection[int] | None, filters: Filters | Alternatives | None) -> pc.Expression | None:
    """Return both conditions as one."""
    chosen = pq.filters_to_expression(filters) if filters else None
    if ids is None:
        return chosen
    key = "id" if HISTORY[table] is OPERATIONS else "operation"
    of_ids = pc.field(key).isin(pa.array(sorted(ids), pa.int64()))
    return of_ids if chosen is None else chosen & of_ids


def damaged(folder: Path, table: str) -> list[str]:
    """Return what is wrong with parts that cannot be read, one sentence each."""
    paths = [part.path for part in _parts(folder, table)]
    return [f"history/{path.name} cannot be read: {why}" for path in paths if (why := _damage(path))]


def rows_of(folder: Path, table: str) -> int:
    """Return the number of rows of a table, from the files' footers."""
    paths = [part.path for part in _parts(folder, table)]
    return sum(pq.read_metadata(path).num_rows for path in paths if _damage(path) is None)


def empty(columns: Sequence[Column]) -> pd.DataFrame:
    """Return a frame of these columns and types without rows."""
    return pd.DataFrame({column.name: pd.Series(dtype=column.type) for column in columns})


def _parts(folder: Path, table: str) -> tuple[Part, ...]:
    return kept_parts(folder.glob(f"{table}-w*.parquet"), table)


def _damage(path: Path) -> str | None:
    """Return why a file is no Parquet at all, None where it is; its footer is at its end, so a cut shows."""
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        return " ".join(str(error).split())
    return None


def _refuse_foreign(path: Path, table: str) -> None:
    if (why := _damage(path)) is not None:
        raise RunError(f"{path}: no part of the table {table}: {why}")
    absent = [column.name for column in HISTORY[table] if column.name not in pq.read_schema(path).names]
    if absent:
        raise RunError(f"{path}: no part of the table {table}: no column {', '.join(absent)}")


def _frame(table: pa.Table, columns: Sequence[Column]) -> pd.DataFrame:
    """Return an Arrow table as a frame; each column is let go as soon as it is converted, so that memory holds one."""
    arrays: dict[str, object] = {}
    for column in columns:
        arrays[column.name] = _array(table.column(column.name), column)
        table = table.drop_columns([column.name])
    return pd.DataFrame(arrays, copy=False)


def _array(values: pa.ChunkedArray, column: Column) -> object:
    if column.type == "category":
        return _categorical(values)
    if column.type == "Int64":
        return pd.arrays.IntegerArray(
            values.fill_null(0).to_numpy().astype(np.int64), values.is_null().to_numpy().astype(np.bool_)
        )
    if column.type.startswith("int") and values.null_count:
        raise RunError(f"column {column.name} has {values.null_count:,} rows without a value, expected none")
    return values.to_numpy().astype(column.type, copy=False)


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
