"""The tables of the history: their columns, and rows as Arrow batches of them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from harness.words.operation import Attempt, Call, Edge, Injection, Operation, Span

OPERATIONS = pa.schema(
    [
        ("id", pa.int64()),
        ("worker", pa.int32()),
        ("user", pa.int32()),
        ("user_class", pa.string()),
        ("scenario", pa.string()),
        ("priority", pa.int8()),
        ("expected_route", pa.string()),
        ("intended_ns", pa.int64()),
        ("start_ns", pa.int64()),
        ("entered_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("resumed_ns", pa.int64()),
        ("outcome", pa.string()),
        ("route", pa.string()),
        ("asked_route", pa.string()),
        ("confidence", pa.float32()),
        ("tier", pa.int16()),
        ("attempts", pa.int32()),
        ("flag", pa.string()),
        ("error", pa.string()),
    ]
)
SPANS = pa.schema(
    [
        ("operation", pa.int64()),
        ("stage", pa.string()),
        ("kind", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("outcome", pa.string()),
    ]
)
ATTEMPTS = pa.schema(
    [
        ("operation", pa.int64()),
        ("ordinal", pa.int16()),
        ("route", pa.string()),
        ("tier", pa.int16()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("outcome", pa.string()),
        ("breaker", pa.string()),
        ("reason", pa.string()),
        ("given", pa.int64()),
        ("left", pa.int64()),
    ]
)
INJECTIONS = pa.schema(
    [
        ("operation", pa.int64()),
        ("fault", pa.string()),
        ("kind", pa.string()),
        ("place", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("window", pa.int64()),
    ]
)
CALLS = pa.schema(
    [
        ("operation", pa.int64()),
        ("backend", pa.string()),
        ("priority", pa.int8()),
        ("arrived_ns", pa.int64()),
        ("started_ns", pa.int64()),
        ("ended_ns", pa.int64()),
        ("outcome", pa.string()),
        ("error", pa.string()),
    ]
)
EDGES = pa.schema(
    [
        ("at_ns", pa.int64()),
        ("what", pa.string()),
        ("name", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("cause", pa.string()),
        ("window", pa.int64()),
    ]
)
TABLES = {
    "operations": OPERATIONS,
    "spans": SPANS,
    "attempts": ATTEMPTS,
    "injections": INJECTIONS,
    "calls": CALLS,
    "edges": EDGES,
}

LATER = {"injections": frozenset({"window"}), "edges": frozenset({"window"})}
"""Columns that histories of 0.1.0 lack: read, they have no value in any row."""

assert tuple(OPERATIONS.names) == Operation._fields
assert tuple(SPANS.names) == Span._fields
assert tuple(ATTEMPTS.names) == Attempt._fields
assert tuple(INJECTIONS.names) == Injection._fields
assert tuple(CALLS.names) == Call._fields
assert tuple(EDGES.names) == Edge._fields


def with_later(rows: pa.Table, table: str, names: Sequence[str]) -> pa.Table:
    """Return the columns ``names`` of a table as it was read, with those of ``LATER`` that it lacks, empty.

    Raises:
        KeyError: it lacks another one.

    """
    for name in names:
        if name in LATER.get(table, ()) and name not in rows.schema.names:
            kind = TABLES[table].field(name)
            rows = rows.append_column(kind, pa.nulls(rows.num_rows, kind.type))
    return rows.select(names)


def to_batch(schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> pa.RecordBatch:
    """Return rows as an Arrow batch, as they are."""
    # One pass over the rows as structs takes three quarters of the time of one conversion per column.
    return pa.RecordBatch.from_struct_array(pa.array(rows, pa.struct(list(schema))))


def to_table(batches: Sequence[pa.RecordBatch], offset_ns: int) -> pa.Table:
    """Return batches as one table, with ``offset_ns`` added to every column of times."""
    table = pa.Table.from_batches(batches).combine_chunks()
    for index, name in enumerate(table.schema.names):
        if name.endswith("_ns"):
            table = table.set_column(index, table.schema.field(index), pc.add(table.column(index), offset_ns))
    return table


def encoding(schema: pa.Schema) -> dict[str, object]:
    """Return how a table is written as Parquet: ids and times as differences, texts as dictionaries, with checksums.

    A checksum per page takes 0.03 % of the size (1,000,000 operations), and no time that could be measured.
    """
    times = [name for name in schema.names if name.endswith("_ns") or name in ("id", "operation")]
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return {
        "compression": "zstd",
        "use_dictionary": texts,
        "column_encoding": dict.fromkeys(times, "DELTA_BINARY_PACKED"),
        "write_page_checksum": True,
    }


def warm_up() -> None:
    """Make Arrow import now what it imports at its first conversion (pandas among it: 0.4 s, 200,000 objects)."""
    pa.array(["text"], pa.string()).to_pylist()
    to_table([to_batch(SPANS, [(0, "", "", 0, 0, "")])], 0)
