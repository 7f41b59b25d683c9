"""The third feed: what happened to all operations of a run, in order of time, for properties between operations.

The tables of a history know intervals: an operation is one row with its begin and its end. Here they become moments.
Rows come in order of their begin; the later moments of a row wait in a heap until no row that is still to come can be
earlier. So the heap holds what is under way at a time, not what a run did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from heapq import heappop, heappush, merge
from typing import NamedTuple, TypeAlias

from harness.words.operation import Call, Edge, Operation

Row: TypeAlias = Operation | Call | Edge


class What(StrEnum):
    """What happened. Of one moment the first named here comes first."""

    EDGE = "edge"  # of a fault's window or a breaker
    ARRIVED = "arrived"  # an operation was due
    DISPATCHED = "dispatched"  # an operation was handed to the loop
    CALLED = "called"  # a backend was
    SLOT = "slot"  # a call got its slot
    RETURNED = "returned"  # a call was over, however it ended
    ENDED = "ended"  # the outcome of an operation was known


class Event(NamedTuple):
    """One moment of a row. The row is whole: it knows its later moments, too."""

    at_ns: int  # Unix nanoseconds, as in the history
    what: What
    row: Row


def moments(row: Row) -> tuple[tuple[int, What], ...]:
    """Return when what happened to a row: three moments of an operation, two or three of a call, one of an edge."""
    if isinstance(row, Operation):
        return (row.intended_ns, What.ARRIVED), (row.start_ns, What.DISPATCHED), (row.end_ns, What.ENDED)
    if isinstance(row, Call):
        slot = () if row.started_ns is None else ((row.started_ns, What.SLOT),)
        return (row.arrived_ns, What.CALLED), *slot, (row.ended_ns, What.RETURNED)
    return ((row.at_ns, What.EDGE),)


def begin_of(row: Row) -> int:
    """Return the first moment of a row: an operation may be due after it was dispatched, where its caller says so."""
    return min(at_ns for at_ns, _ in moments(row))


def _identity(row: Row) -> tuple[object, ...]:
    """Return what tells a row apart from others of its kind."""
    if isinstance(row, Operation):
        return (row.id,)
    if isinstance(row, Call):
        return (-1 if row.operation is None else row.operation, row.backend, row.arrived_ns, row.ended_ns)
    return row


_RANK = {what: rank for rank, what in enumerate(What)}


def in_order(*sources: Iterable[Row]) -> Iterator[Event]:
    """Yield the events of rows in order of time; of one moment in the order of ``What``, then of what tells rows apart.

    So the order does not hang on how rows lie in their sources.

    Args:
        sources: rows, each source in the order of ``begin_of``.

    Raises:
        ValueError: a source is not in that order.

    """
    waiting: list[tuple[int, int, tuple[object, ...], int, Event]] = []
    number, before = 0, None
    for row in merge(*sources, key=begin_of):
        begin_ns = begin_of(row)
        if before is not None and begin_ns < before:
            raise ValueError(f"a row that begins at {begin_ns} comes after one that begins at {before}")
        before = begin_ns
        # Not those of this very moment: of it a row that is still to come may have one that comes first.
        while waiting and waiting[0][0] < begin_ns:
            yield heappop(waiting)[4]
        for at_ns, what in moments(row):
            number += 1
            heappush(waiting, (at_ns, _RANK[what], _identity(row), number, Event(at_ns, what, row)))
    while waiting:
        yield heappop(waiting)[4]
