"""The history: every operation, stage span and attempt of a run, as Parquet parts written while it goes.

A worker buffers rows, turns them into Arrow batches of ``CHUNK`` rows (so that no single operation pays for many),
and hands over the bytes of an Arrow stream once a second; whoever keeps the run directory moves its times to the
Unix epoch (``words.clock``) and writes it as one part.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.measure.history_parts import Part, kept_parts
from harness.words.clock import Epoch
from harness.words.errors import RecordError, RunError
from harness.words.operation import (
    Attempt,
    AttemptTuple,
    Call,
    Edge,
    Flag,
    Injection,
    Operation,
    Outcome,
    Span,
    SpanTuple,
)

CHUNK = 256
"""Rows turned into one Arrow batch: about 0.4 ms of work at a time."""

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

RARE = ("injections", "calls", "edges")
"""Tables that most runs have next to nothing for."""

assert tuple(OPERATIONS.names) == Operation._fields
assert tuple(SPANS.names) == Span._fields
assert tuple(ATTEMPTS.names) == Attempt._fields
assert tuple(INJECTIONS.names) == Injection._fields
assert tuple(CALLS.names) == Call._fields
assert tuple(EDGES.names) == Edge._fields


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


_OFFSET = b"offset_ns"
_DROPPED = b"dropped"
_UNFIT = (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError)

logger = logging.getLogger("harness")


class _Table:
    """Rows of one table on their way out, as an Arrow stream that names the offset of its clock."""

    def __init__(self, schema: pa.Schema, offset_ns: int) -> None:
        self._schema = schema
        self._stream_schema = schema.with_metadata({_OFFSET: str(offset_ns)})
        self._sink: pa.BufferOutputStream | None = None
        self._stream: pa.ipc.RecordBatchStreamWriter | None = None
        self.rows: list[tuple[object, ...]] = []

    def pack(self) -> None:
        """Turn the buffered rows into a batch of the stream."""
        if not self.rows:
            return
        if self._stream is None:
            self._sink = pa.BufferOutputStream()
            self._stream = pa.ipc.new_stream(self._sink, self._stream_schema)
        rows, self.rows = self.rows, []
        try:
            batch = to_batch(self._schema, rows)
            unfit = 0
        except _UNFIT:
            fit = [row for row in rows if self._fits(row)]
            batch, unfit = to_batch(self._schema, fit), len(rows) - len(fit)
        self._stream.write_batch(batch, {_DROPPED: str(unfit)} if unfit else None)

    def _fits(self, row: tuple[object, ...]) -> bool:
        """Whether a row can be kept; those that cannot are counted in the stream, and make its writing fail."""
        try:
            to_batch(self._schema, [row])
        except _UNFIT as error:
            logger.error("cannot be written down: %r: %s", row, error)
            return False
        return True

    def take(self) -> bytes | None:
        """Return everything buffered as the bytes of an Arrow stream, None where there is nothing."""
        self.pack()
        if self._stream is None or self._sink is None:
            return None
        self._stream.close()
        taken = self._sink.getvalue().to_pybytes()
        self._stream = self._sink = None
        return bytes(taken)


class HistoryBuffer:
    """Operations, spans and attempts of one worker since they were last taken."""

    def __init__(self, epoch: Epoch) -> None:
        self._operations = _Table(OPERATIONS, epoch.offset_ns)
        self._spans = _Table(SPANS, epoch.offset_ns)
        self._attempts = _Table(ATTEMPTS, epoch.offset_ns)
        self._rare = {table: _Table(TABLES[table], epoch.offset_ns) for table in RARE}

    def add(self, operation: Operation, spans: Iterable[SpanTuple], tried: Sequence[AttemptTuple] = ()) -> None:
        """Take one operation, its spans, and the attempts its target told."""
        rows, span_rows = self._operations.rows, self._spans.rows
        rows.append(operation)
        identifier = operation.id
        for span in spans:
            span_rows.append((identifier, *span))
        if tried:
            self._attempts.rows += [(identifier, ordinal, *attempt) for ordinal, attempt in enumerate(tried)]
        if len(rows) >= CHUNK:
            self._operations.pack()
            self._spans.pack()
            self._attempts.pack()

    def note(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Take rows of one of the tables in ``RARE``."""
        self._rare[table].rows += rows

    def take(self) -> dict[str, bytes]:
        """Return the bytes of each table that has rows, and forget them."""
        taken = {
            "operations": self._operations.take(),
            "spans": self._spans.take(),
            "attempts": self._attempts.take(),
            **{table: kept.take() for table, kept in self._rare.items()},
        }
        return {table: part for table, part in taken.items() if part is not None}


class PartWriter:
    """Writes parts of the history into a folder, each whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sequence: dict[tuple[str, int], int] = {}

    def write(self, table: str, worker: int, part: bytes) -> int:
        """Write one part as Parquet and return its number of rows.

        Raises:
            RecordError: it could not be written, or lacks rows that its worker could not put into it; these are not
                in the history.

        """
        number = self._sequence.get((table, worker), 0)
        self._sequence[table, worker] = number + 1
        try:
            with pa.ipc.open_stream(part) as stream:
                offset_ns = int((stream.schema.metadata or {}).get(_OFFSET, 0))
                batches = list(stream.iter_batches_with_custom_metadata())
                rows = to_table([batch for batch, _ in batches], offset_ns)
        except pa.ArrowException as error:
            raise RecordError(f"worker {worker}: no part of a history: {error}") from error
        write_table(rows, self._folder / f"{table}-w{worker:03d}-{number:06d}.parquet")
        if dropped := sum(int(metadata[_DROPPED]) for _, metadata in batches if metadata is not None):
            raise RecordError(f"worker {worker}: {dropped:,} of the {table} could not be written down, see its log")
        return int(rows.num_rows)


def encoding(schema: pa.Schema) -> dict[str, object]:
    """Return how a table is written as Parquet: ids and times as differences, texts as dictionaries."""
    times = [name for name in schema.names if name.endswith("_ns") or name in ("id", "operation")]
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return {
        "compression": "zstd",
        "use_dictionary": texts,
        "column_encoding": dict.fromkeys(times, "DELTA_BINARY_PACKED"),
    }


def write_table(rows: pa.Table, path: Path) -> None:
    """Write a table as Parquet: whole or not at all.

    Raises:
        RecordError: it could not be written.

    """
    partial = path.with_suffix(".partial")
    try:
        pq.write_table(rows, partial, **encoding(rows.schema))
        partial.rename(path)
    except (OSError, pa.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RecordError(f"{path}: cannot write history: {reason}") from error


def warm_up() -> None:
    """Make Arrow import now what it imports at its first conversion (pandas among it: 0.4 s, 200,000 objects)."""
    pa.array(["text"], pa.string()).to_pylist()
    to_table([to_batch(SPANS, [(0, "", "", 0, 0, "")])], 0)


class Parts(NamedTuple):
    """The files of one table, in order of worker and time."""

    table: str
    files: tuple[Part, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where they are."""
        return tuple(part.path for part in self.files)


def parts_of(folder: Path, table: str) -> Parts:
    """Return the files of a table in ``folder`` that hold each row once, in order of worker and time.

    Not among them: parts that a crash left unfinished, and those that another file replaces.
    """
    return Parts(table, kept_parts(folder.glob(f"{table}-w*.parquet"), table))


ROWS_READ = 8192
"""Rows made into Python objects at a time: about 10 MB."""

_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_FLAGS: dict[str | None, Flag | None] = {None: None, **{flag.value: flag for flag in Flag}}


def read_operations(paths: Iterable[Path]) -> Iterator[Operation]:
    """Yield the operations of Parquet parts, times in nanoseconds since the Unix epoch.

    Raises:
        RunError: a file is no part of a history.

    """
    for path in paths:
        for columns in _columns(path, OPERATIONS):
            try:
                columns["outcome"] = [_OUTCOMES[value] for value in columns["outcome"]]
                columns["flag"] = [_FLAGS[value] for value in columns["flag"]]
            except KeyError as error:
                raise RunError(f"{path}: no part of a history: {error}") from error
            yield from map(Operation._make, zip(*columns.values(), strict=True))


def read_attempts(paths: Iterable[Path]) -> Iterator[Attempt]:
    """Yield the attempts of Parquet parts, those of one operation together and in order.

    Raises:
        RunError: a file is no part of a history.

    """
    for path in paths:
        for columns in _columns(path, ATTEMPTS):
            yield from map(Attempt._make, zip(*columns.values(), strict=True))


def _columns(path: Path, schema: pa.Schema) -> Iterator[dict[str, list[Any]]]:
    """Yield the rows of one part as columns, ``ROWS_READ`` rows at a time."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_READ, columns=schema.names, use_threads=False):
                yield {name: batch.column(name).to_pylist() for name in schema.names}
    except (OSError, pa.ArrowException, KeyError) as error:
        raise RunError(f"{path}: no part of a history: {error}") from error
