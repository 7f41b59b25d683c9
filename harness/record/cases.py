"""Cases out of the history: operations joined with their attempts, injections, calls and spans, in bounded memory.

No table is in the order of another: parts of a second may be sent twice and come late, a call may be logged in another
part than its operation, and parts are put together in files of any length. So the join goes by **id**. Ids rise with
the start of operations, and the lowest one of a row group stands in the footer of its file. Before a batch of
operations is handed out, every row group of the other tables whose lowest id is not above their highest one is read;
its rows wait in a dictionary by id until their operation comes. So what waits is about a row group per table (65,536
rows) and the rows of as many seconds as operations last, not of a run.

Calls and spans are read only of operations that were hit by a fault or had a call that was not served. Which those are
is found first, from two columns, as one array of ids per worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.judge.case import Case
from harness.measure.history_tables import with_later
from harness.record.history import ROWS_READ, UNREADABLE_PART, parts_of, read_operations
from harness.record.tables import ATTEMPTS, CALLS, EDGES, INJECTIONS, SPANS, TABLES
from harness.words.errors import RunError, reason
from harness.words.operation import Attempt, Call, CallOutcome, Edge, Injection, Operation, Span

"""Outcome of a call that was."""

Row = TypeVar("Row", Attempt, Injection, Call, Span)


def read_cases(folder: Path) -> Iterator[Case]:
    """Yield the operations of a history with what belongs to them, worker by worker, times in Unix nanoseconds.

    Raises:
        RunError: a file is no part of a history.

    """
    for worker, paths in _by_worker(folder, "operations").items():
        yield from _cases_of(folder, worker, read_operations(paths))


def read_edges(folder: Path) -> dict[int, list[Edge]]:
    """Return the edges that each worker saw, in order of time.

    Raises:
        RunError: a file is no part of a history.

    """
    return {
        worker: sorted(Edge(*row) for path in paths for row in rows_of(read_table(path, EDGES.names)))
        for worker, paths in _by_worker(folder, "edges").items()
    }


def count_rows(folder: Path, table: str, *, without: str | None = None) -> int:
    """Return how many rows a table of a history has, without reading them; ``without`` a value in a column, if given.

    Raises:
        RunError: a file is no part of a history.

    """
    paths = parts_of(folder, table).paths
    if without is None:
        return sum(footer_of(path).num_rows for path in paths)
    return sum(read_table(path, [without]).column(0).null_count for path in paths)


def _cases_of(folder: Path, worker: int, operations: Iterator[Operation]) -> Iterator[Case]:
    of = {name: _by_worker(folder, name).get(worker, []) for name in ("attempts", "injections", "calls", "spans")}
    troubled = _troubled(of["injections"], of["calls"])
    attempts = _Waiting(of["attempts"], ATTEMPTS, Attempt._make)
    injections = _Waiting(of["injections"], INJECTIONS, Injection._make)
    calls = _Waiting(of["calls"] if len(troubled) else [], CALLS, Call._make, troubled)
    spans = _Waiting(of["spans"] if len(troubled) else [], SPANS, Span._make, troubled)
    while batch := list(islice(operations, ROWS_READ)):
        highest = max(operation.id for operation in batch)
        for waiting in (attempts, injections, calls, spans):
            waiting.read_to(highest)
        for operation in batch:
            identifier = operation.id
            yield Case(
                operation,
                attempts.take(identifier),
                injections.take(identifier),
                sorted(found, key=_arrival) if (found := calls.take(identifier)) else (),
                sorted(shown, key=_start) if (shown := spans.take(identifier)) else (),
            )


def _arrival(call: Call) -> int:
    return call.arrived_ns


def _start(span: Span) -> int:
    return span.start_ns


def _troubled(injections: Sequence[Path], calls: Sequence[Path]) -> pa.Array:
    """Return the ids of operations that were hit by a fault or had a call that was not served."""
    found = [read_table(path, ["operation"]).column(0) for path in injections]
    for path in calls:
        table = read_table(path, ["operation", "outcome"])
        found.append(table.filter(pc.not_equal(table.column(1), CallOutcome.SERVED)).column(0))
    chunks = [chunk for column in found for chunk in column.chunks]
    return pc.unique(pa.chunked_array(chunks, pa.int64())).drop_null()


class _Waiting(Generic[Row]):
    """Rows of one table of one worker, by the id of their operation, until it takes them."""

    def __init__(
        self,
        paths: Sequence[Path],
        schema: pa.Schema,
        make: Callable[[tuple[Any, ...]], Row],
        only: pa.Array | None = None,
    ) -> None:
        self._schema = schema
        self._make: Callable[[tuple[Any, ...]], Row] = make
        self._only = only
        groups = (group for path in paths for group in _groups(path))
        self._unread = sorted(groups, reverse=True)
        self._rows: dict[int, list[Row]] = {}

    def read_to(self, highest: int) -> None:
        """Read every row group that may hold rows of operations up to ``highest``."""
        while self._unread and self._unread[-1].lowest <= highest:
            _, path, group = self._unread.pop()
            table = read_table(path, self._schema.names, group)
            if self._only is not None:
                table = table.filter(pc.is_in(table.column("operation"), value_set=self._only))
            for values in rows_of(table):
                row = self._make(values)
                if row.operation is not None:
                    self._rows.setdefault(row.operation, []).append(row)

    def take(self, operation: int) -> Sequence[Row]:
        """Return the rows of an operation, and forget them."""
        return self._rows.pop(operation, ()) if self._rows else ()


class _Group(NamedTuple):
    """A row group of a file, and the lowest id of an operation in it."""

    lowest: int
    path: Path
    number: int


def _groups(path: Path) -> Iterator[_Group]:
    """Yield the row groups of a file that have rows of operations."""
    for number in range(footer_of(path).num_row_groups):
        # Read, not taken from the footer's statistics: where a bit of the footer is flipped, asking for those aborts
        # the process ("Repetition level histogram size mismatch", an exception of C++ that pyarrow 26 does not catch).
        lowest = pc.min(read_table(path, ["operation"], number).column(0)).as_py()
        if lowest is not None:
            yield _Group(lowest, path, number)


def _by_worker(folder: Path, table: str) -> dict[int, list[Path]]:
    """Return the files of a table by worker, in order of time."""
    found: dict[int, list[Path]] = {}
    for part in parts_of(folder, table).files:
        found.setdefault(part.worker, []).append(part.path)
    return found


def footer_of(path: Path) -> Any:
    """Return the footer of a file. Raise RunError where it is no part of a history."""
    try:
        return pq.read_metadata(path)
    except UNREADABLE_PART as error:
        raise RunError(f"{path}: no part of a history: {reason(error)}") from error


def read_table(path: Path, columns: Sequence[str], group: int | None = None) -> pa.Table:
    """Return columns of a file, or of one of its row groups. Raise RunError where it is no part of a history."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = (
                file.read(columns, use_threads=False)
                if group is None
                else file.read_row_group(group, columns, use_threads=False)
            )
            rows = file.metadata.num_rows if group is None else file.metadata.row_group(group).num_rows
            if table.num_rows != rows:
                raise RunError(f"{path}: no part of a history: {table.num_rows:,} rows, its footer says {rows:,}")
            table.validate(full=True)  # a flipped bit may name a text that the page has not; headers have no checksum
            name = path.name.partition("-")[0]
            of_table = name if name in TABLES else "operations"
            schema = TABLES[of_table]
            return with_later(table, of_table, columns).cast(pa.schema([schema.field(name) for name in columns]))
    except UNREADABLE_PART as error:
        raise RunError(f"{path}: no part of a history: {reason(error)}") from error


def rows_of(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table as Python objects."""
    return zip(*(column.to_pylist() for column in table.columns), strict=True)
