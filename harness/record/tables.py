"""The tables of the history: their columns, and rows as Arrow batches of them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from harness.measure.history_tables import SCHEMAS

OPERATIONS = SCHEMAS["operations"]
SPANS = SCHEMAS["spans"]
ATTEMPTS = SCHEMAS["attempts"]
INJECTIONS = SCHEMAS["injections"]
CALLS = SCHEMAS["calls"]
EDGES = SCHEMAS["edges"]
TABLES = SCHEMAS


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
