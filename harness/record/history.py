"""The history: every operation and every stage span of a run, as Parquet parts written while it goes.

A worker buffers rows, turns them into Arrow batches of ``CHUNK`` rows (so that no single operation pays for many),
and hands over the bytes of an Arrow stream once a second; whoever keeps the run directory writes each as one part.
Times in a part are nanoseconds since the Unix epoch (``words.clock``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from harness.words.clock import Epoch
from harness.words.errors import RecordError, RunError
from harness.words.operation import Flag, Operation, Outcome, Span, SpanTuple

CHUNK = 128
"""Rows turned into one Arrow batch: about 0.2 ms of work at a time."""

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
TABLES = {"operations": OPERATIONS, "spans": SPANS}

assert tuple(OPERATIONS.names) == Operation._fields
assert tuple(SPANS.names) == Span._fields


def to_batch(schema: pa.Schema, rows: Iterable[tuple[object, ...]], offset_ns: int) -> pa.RecordBatch:
    """Return rows as an Arrow batch, with ``offset_ns`` added to every column of times."""
    arrays = [
        pa.array(_moved(column, offset_ns) if field.name.endswith("_ns") else column, field.type)
        for field, column in zip(schema, zip(*rows, strict=True), strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _moved(times: Iterable[int | None], offset_ns: int) -> list[int | None]:
    return [None if time is None else time + offset_ns for time in times]


class _Table:
    """Rows of one table on their way out."""

    def __init__(self, schema: pa.Schema, offset_ns: int) -> None:
        self._schema = schema
        self._offset_ns = offset_ns
        self._batches: list[pa.RecordBatch] = []
        self.rows: list[tuple[object, ...]] = []

    def pack(self) -> None:
        """Turn the buffered rows into a batch."""
        if self.rows:
            rows, self.rows = self.rows, []
            self._batches.append(to_batch(self._schema, rows, self._offset_ns))

    def take(self) -> bytes | None:
        """Return everything buffered as the bytes of an Arrow stream, None where there is nothing."""
        self.pack()
        batches, self._batches = self._batches, []
        if not batches:
            return None
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self._schema) as stream:
            for batch in batches:
                stream.write_batch(batch)
        return bytes(sink.getvalue())


class HistoryBuffer:
    """Operations and spans of one worker since they were last taken."""

    def __init__(self, epoch: Epoch) -> None:
        self._operations = _Table(OPERATIONS, epoch.offset_ns)
        self._spans = _Table(SPANS, epoch.offset_ns)

    def add(self, operation: Operation, spans: Iterable[SpanTuple]) -> None:
        """Take one operation and its spans."""
        identifier = operation.id
        rows = self._operations.rows
        rows.append(operation)
        for span in spans:
            self._spans.rows.append((identifier, *span))
        if len(rows) >= CHUNK:
            self._operations.pack()
            self._spans.pack()

    def take(self) -> dict[str, bytes]:
        """Return the bytes of each table that has rows, and forget them."""
        taken = {"operations": self._operations.take(), "spans": self._spans.take()}
        return {table: part for table, part in taken.items() if part is not None}


class PartWriter:
    """Writes parts of the history into a folder, each whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sequence: dict[tuple[str, int], int] = {}

    def write(self, table: str, worker: int, part: bytes) -> int:
        """Write one part as Parquet and return its number of rows.

        Raises:
            RecordError: it could not be written; its operations are not in the history.

        """
        number = self._sequence.get((table, worker), 0)
        self._sequence[table, worker] = number + 1
        with pa.ipc.open_stream(part) as stream:
            rows = stream.read_all()
        write_table(rows, self._folder / f"{table}-w{worker:03d}-{number:06d}.parquet")
        return int(rows.num_rows)


def write_table(rows: pa.Table, path: Path) -> None:
    """Write a table as Parquet: whole or not at all.

    Raises:
        RecordError: it could not be written.

    """
    times = [name for name in rows.schema.names if name.endswith("_ns") or name in ("id", "operation")]
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    partial = path.with_suffix(".partial")
    try:
        pq.write_table(
            rows,
            partial,
            compression="zstd",
            use_dictionary=texts,
            column_encoding=dict.fromkeys(times, "DELTA_BINARY_PACKED"),
        )
        partial.rename(path)
    except OSError as error:
        raise RecordError(f"{path}: cannot write history: {error.strerror or error}") from error


class Parts(NamedTuple):
    """The parts of one table, in order of worker and time."""

    table: str
    paths: tuple[Path, ...]


def parts_of(folder: Path, table: str) -> Parts:
    """Return the parts of a table in ``folder``; parts that a crash left unfinished are not among them."""
    return Parts(table, tuple(sorted(folder.glob(f"{table}-w*.parquet"))))


_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_FLAGS: dict[str | None, Flag | None] = {None: None, **{flag.value: flag for flag in Flag}}


def read_operations(paths: Iterable[Path]) -> Iterator[Operation]:
    """Yield the operations of Parquet parts, times in nanoseconds since the Unix epoch.

    Raises:
        RunError: a file is no part of a history.

    """
    for path in paths:
        try:
            table = pq.read_table(path, schema=OPERATIONS)
        except (OSError, pa.ArrowException) as error:
            raise RunError(f"{path}: no part of a history: {error}") from error
        columns = {name: table.column(name).to_pylist() for name in OPERATIONS.names}
        columns["outcome"] = [_OUTCOMES[value] for value in columns["outcome"]]
        columns["flag"] = [_FLAGS[value] for value in columns["flag"]]
        yield from map(Operation._make, zip(*columns.values(), strict=True))
