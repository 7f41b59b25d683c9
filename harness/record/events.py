"""Events out of the history: rows of all workers in the order in which they began, in bounded memory.

Rows lie in the order in which operations ended, in parts that may come late and that were put together to files of any
length. So each row group is opened when the time comes to the earliest row in it, which is looked up first, from the
columns of times alone. What is held at once are the row groups that overlap: as Arrow columns, of which a few rows at a
time become Python objects. A row group spans as long as its rows took to end and as long as the longest of them lasted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from harness.judge.events import Event, begin_of, in_order
from harness.record.cases import footer_of, read_edges, read_table, rows_of
from harness.record.history import operation_of, parts_of
from harness.record.tables import CALLS, OPERATIONS
from harness.words.operation import Call, Edge, Operation

ROWS_MADE = 512
"""Rows of a row group made into Python objects at a time."""

Row = TypeVar("Row", Operation, Call)


def read_events(folder: Path) -> Iterator[Event]:
    """Yield what happened in a run, of all workers, in order of time; each operation, call and edge once.

    Clocks of hosts are laid over each other as in the history: by each host's wall clock.

    Raises:
        RunError: a file is no part of a history.

    """
    operations = _begun(folder, "operations", OPERATIONS, ("intended_ns", "start_ns", "end_ns"), operation_of)
    calls = _begun(folder, "calls", CALLS, ("arrived_ns", "started_ns", "ended_ns"), Call._make)
    edges: list[Edge] = sorted(edge for seen in read_edges(folder).values() for edge in seen)
    yield from in_order(edges, operations, calls)


class _Group(NamedTuple):
    """A row group of a file, and when its earliest row began."""

    begin_ns: int
    path: Path
    number: int


def _begun(
    folder: Path, table: str, schema: pa.Schema, times: Sequence[str], make: Callable[[tuple[Any, ...]], Row]
) -> Iterator[Row]:
    """Yield the rows of a table in the order in which they began."""
    unread = sorted((group for path in parts_of(folder, table).paths for group in _groups(path, times)), reverse=True)
    opened: list[tuple[int, int, Row, Iterator[Row]]] = []  # by the begin of their next row
    heapify(opened)
    while unread or opened:
        while unread and (not opened or unread[-1].begin_ns <= opened[0][0]):
            _, path, number = unread.pop()
            _push(opened, len(unread), _rows(path, number, schema, times, make))
        _, order, row, rows = heappop(opened)
        yield row
        _push(opened, order, rows)


def _push(opened: list[tuple[int, int, Row, Iterator[Row]]], order: int, rows: Iterator[Row]) -> None:
    """Put a row group back by its next row; ``order``, one for each, decides between rows of one moment."""
    row = next(rows, None)
    if row is not None:
        heappush(opened, (begin_of(row), -order, row, rows))


def _groups(path: Path, times: Sequence[str]) -> Iterator[_Group]:
    """Yield the row groups of a file that have rows."""
    for number in range(footer_of(path).num_row_groups):
        begin_ns = pc.min(_begins(read_table(path, times, number))).as_py()
        if begin_ns is not None:
            yield _Group(begin_ns, path, number)


def _begins(table: pa.Table) -> Any:
    return pc.min_element_wise(*table.columns)  # nulls are passed over


def _rows(
    path: Path, number: int, schema: pa.Schema, times: Sequence[str], make: Callable[[tuple[Any, ...]], Row]
) -> Iterator[Row]:
    """Yield the rows of one row group in the order in which they began."""
    table = read_table(path, schema.names, number)
    table = table.take(pc.sort_indices(_begins(table.select(times))))
    for offset in range(0, table.num_rows, ROWS_MADE):
        yield from map(make, rows_of(table.slice(offset, ROWS_MADE)))
