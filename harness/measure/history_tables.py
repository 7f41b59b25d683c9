"""The tables of the history in Arrow's types, as they are written and as they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from harness.words.column import FIRST_FORMAT, Column, Type
from harness.words.schema import HISTORY

ARROW: Mapping[Type, pa.DataType] = {
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "text": pa.string(),
}


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Return columns as an Arrow schema.

    No field is marked as required: what a target leaves out is found by who reads the file, not lost where it is
    written.
    """
    return pa.schema([(column.name, ARROW[column.type]) for column in columns])


SCHEMAS: Mapping[str, pa.Schema] = {table: arrow_schema(columns) for table, columns in HISTORY.items()}
"""Tables of ``history/`` by name."""

LATER: Mapping[str, frozenset[str]] = {
    table: frozenset(column.name for column in columns if column.since > FIRST_FORMAT)
    for table, columns in HISTORY.items()
}
"""Columns of each table that files of older formats lack."""


def with_later(found: pa.Table, table: str, names: Sequence[str]) -> pa.Table:
    """Return the columns ``names`` of a file's rows; those that an older format lacks have no value in any row.

    Raises:
        KeyError: one is not there that every format has.

    """
    schema = SCHEMAS[table]
    for name in names:
        if name in LATER[table] and name not in found.schema.names:
            found = found.append_column(schema.field(name), pa.nulls(found.num_rows, schema.field(name).type))
    return found.select(names)
