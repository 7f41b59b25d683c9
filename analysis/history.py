"""The tables of a run's history, read from Parquet: every operation, span, attempt, injection, call and edge.

Times are nanoseconds since the Unix epoch. A table whose parts are absent is an empty frame with its columns: a run
without faults has no injections, a target that tells no attempts has none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.words.errors import RunError

_TYPES = {
    "id": pa.int64(), "operation": pa.int64(), "worker": pa.int32(), "user": pa.int32(), "priority": pa.int8(),
    "confidence": pa.float32(), "tier": pa.int16(), "attempts": pa.int32(), "ordinal": pa.int16(),
    "given": pa.int64(), "left": pa.int64(),
}  # fmt: skip
"""Types of columns that hold neither times (``..._ns``, int64) nor text."""

_COLUMNS = {
    "operations": "id worker user user_class scenario priority expected_route intended_ns start_ns entered_ns end_ns "
    "resumed_ns outcome route asked_route confidence tier attempts flag error",
    "spans": "operation stage kind start_ns end_ns outcome",
    "attempts": "operation ordinal route tier start_ns end_ns outcome breaker reason given left",
    "injections": "operation fault kind place start_ns end_ns",
    "calls": "operation backend priority arrived_ns started_ns ended_ns outcome error",
    "edges": "at_ns what name before after cause",
}


def _field(name: str) -> tuple[str, pa.DataType]:
    return name, _TYPES.get(name, pa.int64() if name.endswith("_ns") else pa.string())


SCHEMAS: dict[str, pa.Schema] = {
    table: pa.schema([_field(name) for name in names.split()]) for table, names in _COLUMNS.items()
}
"""Columns of each table, as the run's writer has them; a test compares the two."""

LATER = frozenset({("attempts", "given"), ("attempts", "left")})
"""Columns that runs of earlier versions lack: read as missing."""

NULLABLE = LATER | {
    ("operations", "entered_ns"),
    ("injections", "end_ns"),
    ("calls", "operation"),
    ("calls", "started_ns"),
}
"""Integers that can be missing."""

OF_PROCESS = ("calls", "edges")
"""Tables whose rows are of one process, but do not name it: read, they get a column ``worker`` from the part's name."""

_PART = re.compile(r"-w(\d+)-")


def read_table(
    folder: Path, table: str, columns: Sequence[str] | None = None, ids: Collection[int] | None = None
) -> pd.DataFrame:
    """Return a table of the history in ``folder``, or ``columns`` of it, in the order of its parts.

    Text is categorical with missing values; integers that can be missing are ``Int64``. ``ids`` keeps the rows of
    those operations only, part by part, so that a few of ten million cost no more memory than they are.
    Raises ``RunError`` where a file is no part of that table.
    """
    schema = SCHEMAS[table]
    names = list(columns) if columns is not None else schema.names
    wanted = None if ids is None else pa.array(sorted(ids), pa.int64())
    parts = list(_parts(folder, table, names, wanted))
    found = pa.concat_tables([part for part, _ in parts]) if parts else _of(schema, names).empty_table()
    frame = _frame(table, found)
    if table in OF_PROCESS:
        rows, workers = [part.num_rows for part, _ in parts], [worker for _, worker in parts]
        frame["worker"] = np.repeat(np.array(workers, dtype=np.int32), rows)
    return frame


def _parts(folder: Path, table: str, names: Sequence[str], wanted: pa.Array | None) -> Iterator[tuple[pa.Table, int]]:
    """Yield each part with its worker."""
    schema = _of(SCHEMAS[table], names)
    key = "id" if table == "operations" else "operation"
    for path in sorted(folder.glob(f"{table}-w*.parquet")):
        found = _PART.search(path.name)
        try:
            kept = set(pq.read_schema(path).names)
            filters = None if wanted is None else pc.field(key).isin(wanted)
            there = [name for name in names if name in kept or (table, name) not in LATER]
            part = pq.read_table(path, columns=there, filters=filters, partitioning=None)
            for name in names:
                if name not in there:
                    part = part.append_column(schema.field(name), pa.nulls(part.num_rows, schema.field(name).type))
            part = part.select(list(names)).cast(schema)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise RunError(f"{path}: no part of the table {table}: {' '.join(str(error).split())}") from error
        yield part, int(found[1]) if found is not None else 0


def _of(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names])


def _frame(table: str, found: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame: text categorical, integers that can be missing nullable."""
    columns = {}
    for name in found.column_names:
        column = found.column(name).combine_chunks()
        if pa.types.is_string(column.type):
            columns[name] = column.dictionary_encode().to_pandas()
        elif (table, name) in NULLABLE:
            columns[name] = column.to_pandas(types_mapper={column.type: pd.Int64Dtype()}.get)
        else:
            columns[name] = column.to_pandas()
    return pd.DataFrame(columns)
