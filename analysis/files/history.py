"""The Parquet tables of ``history/`` as frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.files.columns import HISTORY, OPERATIONS, Column
from harness.measure import history_tables
from harness.measure.history_parts import Part, kept_parts
from harness.words.errors import UNREADABLE, RunError, reason
from harness.words.operation import Outcome
from harness.words.schema import OF_PROCESS

SCHEMAS = {**history_tables.SCHEMAS, "baseline": history_tables.SCHEMAS["operations"]}
_LATER = {**history_tables.LATER, "baseline": history_tables.LATER["operations"]}

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
    left_out: MutableMapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return a table of the history in ``folder``, in order of worker and time; empty where there is none.

    ``columns`` are those wanted, in their order (all), ``ids`` the operations (all), ``filters`` the conditions on
    rows, or alternatives of them (none): what is not wanted takes no memory. ``calls`` and ``edges`` get a column
    ``worker``. Types as in ``files.columns``. Raises ``RunError`` where a file has other columns, or values that
    cannot be, or is damaged; with ``left_out`` damaged ones are passed over and put there, with the reason by name. A
    flipped bit in the columns that are read is noticed where the file has checksums, as those of the harness have.
    """
    of_table = {column.name: column for column in HISTORY[table]}
    wanted = [of_table[name] for name in (columns if columns is not None else of_table)]
    condition = _condition(table, ids, filters)
    parts = [part for part in _parts(folder, table) if left_out is None or not _passed_over(part.path, left_out)]
    read: Sequence[tuple[int, pa.Table]]
    if table in OF_PROCESS:
        read = _one_by_one(parts, table, wanted, condition, left_out)
    else:
        try:
            read = [(0, _read([part.path for part in parts], table, wanted, condition))] if parts else []
        except DamagedError:
            if left_out is None:
                raise
            read = _one_by_one(parts, table, wanted, condition, left_out)
    found = [rows for _, rows in read]
    try:
        frame = _frame(pa.concat_tables(found), wanted) if found else empty(wanted)
    except _UNREADABLE as error:
        raise RunError(f"{folder}: no table {table}: {reason(error)}") from error
    if table not in OF_PROCESS:
        return frame
    workers = np.array([worker for worker, _ in read], dtype=np.int32)
    return frame.assign(worker=np.repeat(workers, [rows.num_rows for rows in found]))


class DamagedError(RunError):
    """A file is no Parquet any more, or its pages are not what was written."""


_UNREADABLE = (*UNREADABLE, pa.ArrowException)


def _one_by_one(
    parts: Sequence[Part],
    table: str,
    wanted: Sequence[Column],
    condition: pc.Expression | None,
    left_out: MutableMapping[str, str] | None,
) -> list[tuple[int, pa.Table]]:
    """Return worker and rows of each part, those apart that are damaged."""
    found = []
    for part in parts:
        try:
            found.append((part.worker, _read([part.path], table, wanted, condition)))
        except DamagedError as error:
            if left_out is None:
                raise
            left_out[part.path.name] = reason(error.__cause__ or error)
    return found


def _read(paths: Sequence[Path], table: str, wanted: Sequence[Column], condition: pc.Expression | None) -> pa.Table:
    labels = [column.name for column in HISTORY[table] if column.type == "category"]
    lacking = set().union(*(_refuse_foreign(path, table) for path in paths))
    names = [column.name for column in wanted if column.name not in lacking]
    try:
        rows = pq.read_table(
            list(paths),
            columns=names,
            filters=condition,
            read_dictionary=labels,
            partitioning=None,
            page_checksum_verification=True,
        )
        if condition is None and rows.num_rows != (whole := sum(pq.read_metadata(path).num_rows for path in paths)):
            raise ValueError(f"{rows.num_rows:,} rows, the footer says {whole:,}")
        rows.validate(full=True)  # a flipped bit may name a text that the page has not; headers have no checksum
        of_table = "operations" if table == "baseline" else table
        rows = history_tables.with_later(rows, of_table, [column.name for column in wanted])
        for column in wanted:
            _require_plausible(paths, table, column, rows.column(column.name))
    except _UNREADABLE as error:
        if condition is not None and _is_sound(paths, names):
            raise RunError(f"table {table}: these rows cannot be chosen: {reason(error)}") from error
        raise DamagedError(f"{_named(paths)}: no part of the table {table}: {reason(error)}") from error
    return rows


def _is_sound(paths: Sequence[Path], names: Sequence[str]) -> bool:
    """Whether all rows of these columns can be read: then it is the condition that cannot be met."""
    try:
        pq.read_table(list(paths), columns=list(names), partitioning=None, page_checksum_verification=True)
    except _UNREADABLE:
        return False
    return True


def _named(paths: Sequence[Path]) -> str:
    return f"{paths[0]}" if len(paths) == 1 else f"{paths[0]} or one of {len(paths) - 1} beside it"


def _require_plausible(paths: Sequence[Path], table: str, column: Column, values: pa.ChunkedArray) -> None:
    """Raise ``RunError`` where a number of a table cannot be, or an operation has an outcome that is none."""
    if column.type.startswith("int") and values.null_count:
        absent = f"column {column.name} has {values.null_count:,} rows without a value, expected none"
        raise RunError(f"{_named(paths)}: table {table}, {absent}")
    found: object = None
    if pa.types.is_integer(values.type):
        low, high = pc.min_max(values).as_py().values()
        found = None if low is None else low if low < column.least else high if high > column.most else None
    elif column.name == "outcome" and HISTORY[table] is OPERATIONS:
        unknown = pc.unique(values).to_pylist()
        found = next((outcome for outcome in unknown if outcome not in _OUTCOMES), None)
    if found is not None:
        place = f"{_named(paths)}: table {table}, column {column.name}"
        raise RunError(f"{place}: found {str(found)[:40]}, which cannot be")


_OUTCOMES = frozenset(outcome.value for outcome in Outcome)


def _condition(table: str, ids: Collection[int] | None, filters: Filters | Alternatives | None) -> pc.Expression | None:
    """Return both conditions as one."""
    chosen = pq.filters_to_expression(filters) if filters else None
    if ids is None:
        return chosen
    key = "id" if HISTORY[table] is OPERATIONS else "operation"
    of_ids = pc.field(key).isin(pa.array(sorted(ids), pa.int64()))
    return of_ids if chosen is None else chosen & of_ids


def damaged(folder: Path, table: str, left_out: Mapping[str, str]) -> list[str]:
    """Return what is wrong with parts that cannot be read, one sentence each: by their footers, or in ``left_out``."""
    names = {part.path.name: left_out.get(part.path.name) or _damage(part.path) for part in _parts(folder, table)}
    return [f"history/{name} cannot be read: {why}" for name, why in names.items() if why]


def rows_of(folder: Path, table: str) -> int:
    """Return the number of rows of a table, from the files' footers."""
    paths = [part.path for part in _parts(folder, table)]
    return sum(pq.read_metadata(path).num_rows for path in paths if _damage(path) is None)


def _passed_over(path: Path, left_out: MutableMapping[str, str]) -> bool:
    """Whether a part is damaged as far as its footer tells, or was found to be; puts it into ``left_out``."""
    if path.name not in left_out and (why := _damage(path)) is not None:
        left_out[path.name] = why
    return path.name in left_out


def empty(columns: Sequence[Column]) -> pd.DataFrame:
    """Return a frame of these columns and types without rows."""
    return pd.DataFrame({column.name: pd.Series(dtype=column.type) for column in columns})


def _parts(folder: Path, table: str) -> tuple[Part, ...]:
    return kept_parts(folder.glob(f"{table}-w*.parquet"), table)


def _damage(path: Path) -> str | None:
    """Return why a file is no Parquet at all, None where it is; its footer is at its end, so a cut shows."""
    try:
        if not path.is_file():
            return "no regular file"
        pq.read_metadata(path)
    except _UNREADABLE as error:
        return reason(error)
    return None


def _refuse_foreign(path: Path, table: str) -> set[str]:
    """Return the columns that a file of an older format lacks; raise where it is of no format at all."""
    if (why := _damage(path)) is not None:
        raise DamagedError(f"{path}: no part of the table {table}: {why}")
    try:
        schema = pq.read_schema(path)
        of_name = {field.name: field.type for field in schema}
    except _UNREADABLE as error:
        raise DamagedError(f"{path}: no part of the table {table}: {reason(error)}") from error
    lacking = {column.name for column in HISTORY[table] if column.name not in of_name}
    absent = [column.name for column in HISTORY[table] if column.name in lacking - _LATER[table]]
    if absent:
        raise RunError(f"{path}: no part of the table {table}: no column {', '.join(absent)}")
    if len(of_name) != len(schema):
        raise RunError(f"{path}: no part of the table {table}: a column is there twice")
    for column in SCHEMAS[table]:
        if column.name not in lacking and not _is_alike(of_name[column.name], column.type):
            found = f"column {column.name} is {of_name[column.name]}, expected {column.type}"
            raise RunError(f"{path}: no part of the table {table}: {found}")
    return lacking


def _is_alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of one type can be taken for those of another: whole numbers and floats of any width."""
    if pa.types.is_integer(wanted):
        return bool(pa.types.is_integer(found))
    if pa.types.is_floating(wanted):
        return bool(pa.types.is_floating(found))
    if pa.types.is_dictionary(found):
        found = found.value_type
    return bool(pa.types.is_string(found) or pa.types.is_large_string(found))


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
    if column.type.startswith("int"):
        values = values.cast(
            pa.type_for_alias(column.type)
        )  # which refuses what does not fit; numpy would wrap it around
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
