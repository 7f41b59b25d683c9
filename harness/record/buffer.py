"""The history of one worker until it is handed over: rows in, the bytes of an Arrow stream out.

Operations, spans and attempts come a chunk at a time from the recorder (``measure.recorder``), so that no single
operation pays for many; the rows of the other tables are few.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.measure.packed import ABSENT_NS, Chunk, LabelSet, SpanChunk, SpanLabelSet
from harness.record.tables import ATTEMPTS, OPERATIONS, SPANS, TABLES, to_batch
from harness.words.clock import Epoch

RARE = ("injections", "calls", "edges")
"""Tables that most runs have next to nothing for."""

OFFSET = b"offset_ns"
"""Metadata of a stream: what to add to its times."""
DROPPED = b"dropped"
"""Metadata of a batch: how many rows it lacks."""
_UNFIT = (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError)

logger = logging.getLogger("harness")


def operations_batch(chunk: Chunk) -> pa.RecordBatch:
    """Return the operations of a chunk, but for the unfit ones, as a batch of ``OPERATIONS``."""
    rows = chunk.rows
    columns = {
        **_labelled(rows["label"], chunk.labels, LabelSet._fields, OPERATIONS),
        "scenario": _recurring(rows["scenario"], chunk.scenarios),
        "entered_ns": _with_absent(rows["entered_ns"], rows["entered_ns"] == ABSENT_NS),
        "confidence": _with_absent(rows["confidence"], np.isnan(rows["confidence"])),
        "error": pa.array([*map(chunk.errors.get, range(len(rows)))], pa.string())
        if chunk.errors
        else pa.nulls(len(rows), pa.string()),
    }
    return _batch(OPERATIONS, rows, columns)


def spans_batch(chunk: SpanChunk) -> pa.RecordBatch:
    """Return the spans of a chunk as a batch of ``SPANS``."""
    return _batch(SPANS, chunk.rows, _labelled(chunk.rows["label"], chunk.labels, SpanLabelSet._fields, SPANS))


def _batch(schema: pa.Schema, rows: NDArray[np.void], columns: dict[str, pa.Array]) -> pa.RecordBatch:
    """Return a batch of some columns, the rest of them as they are in ``rows``."""
    found = [
        columns[name] if name in columns else pa.array(np.ascontiguousarray(rows[name]), type=schema.field(name).type)
        for name in schema.names
    ]
    return pa.RecordBatch.from_arrays(found, schema=schema)


def _labelled(
    numbers: NDArray[np.uint32], labels: Sequence[tuple[object, ...]], names: Sequence[str], schema: pa.Schema
) -> dict[str, pa.Array]:
    """Return the columns that label sets stand for. Only those that the rows have must fit their columns."""
    used, places = np.unique(numbers, return_inverse=True)
    of_rows = pa.array(places)
    of_used = [labels[number] for number in used.tolist()]
    return {
        name: pa.array([*map(itemgetter(at), of_used)], schema.field(name).type).take(of_rows)
        for at, name in enumerate(names)
    }


def _recurring(numbers: NDArray[np.uint32], texts: Sequence[str]) -> pa.Array:
    """Return a column of texts that numbers stand for."""
    used, places = np.unique(numbers, return_inverse=True)
    return pa.array([texts[number] for number in used.tolist()], pa.string()).take(pa.array(places))


def _with_absent(column: NDArray[np.generic], absent: NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.ascontiguousarray(column), mask=absent)


class _Table:
    """Rows of one table on their way out, as an Arrow stream that names the offset of its clock."""

    def __init__(self, schema: pa.Schema, offset_ns: int) -> None:
        self._schema = schema
        self._stream_schema = schema.with_metadata({OFFSET: str(offset_ns)})
        self._sink: pa.BufferOutputStream | None = None
        self._stream: pa.ipc.RecordBatchStreamWriter | None = None
        self.rows: list[tuple[object, ...]] = []

    def pack(self) -> None:
        """Turn the buffered rows into a batch of the stream."""
        if self.rows:
            rows, self.rows = self.rows, []
            self.write(lambda: to_batch(self._schema, rows), lambda: rows)

    def write(self, make: Callable[[], pa.RecordBatch], rows: Callable[[], Iterable[tuple[object, ...]]]) -> None:
        """Append what ``make`` returns to the stream; where it raises, those of ``rows`` that can be kept.

        Those that cannot are counted in the stream, and make its writing fail.
        """
        try:
            batch, unfit = make(), 0
        except _UNFIT:
            every = list(rows())
            fit = [row for row in every if self._fits(row)]
            batch, unfit = to_batch(self._schema, fit), len(every) - len(fit)
        if self._stream is None:
            self._sink = pa.BufferOutputStream()
            self._stream = pa.ipc.new_stream(self._sink, self._stream_schema)
        self._stream.write_batch(batch, {DROPPED: str(unfit)} if unfit else None)

    def _fits(self, row: tuple[object, ...]) -> bool:
        """Whether a row can be kept."""
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
    """A fold of operations, spans and attempts (``measure.recorder``) into the history of one worker.

    Holds what came since it was last taken.

    Args:
        epoch: the offset of its clock.

    """

    def __init__(self, epoch: Epoch) -> None:
        self._operations = _Table(OPERATIONS, epoch.offset_ns)
        self._spans = _Table(SPANS, epoch.offset_ns)
        self._attempts = _Table(ATTEMPTS, epoch.offset_ns)
        self._rare = {table: _Table(TABLES[table], epoch.offset_ns) for table in RARE}

    def fold(self, chunk: Chunk) -> None:
        """Take operations."""
        self._operations.write(lambda: _whole(chunk), chunk.operations)

    def fold_spans(self, chunk: SpanChunk) -> None:
        """Take spans."""
        self._spans.write(lambda: spans_batch(chunk), chunk.spans)

    def fold_attempts(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Take attempts."""
        self._attempts.write(lambda: to_batch(ATTEMPTS, rows), lambda: rows)

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


def _whole(chunk: Chunk) -> pa.RecordBatch:
    """Return the operations of a chunk; ``ValueError`` where some do not fit."""
    if chunk.unfit:
        raise ValueError("an operation does not fit")
    return operations_batch(chunk)
