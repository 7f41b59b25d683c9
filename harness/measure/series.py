"""The series: per-second aggregates of operations with mergeable histograms, one row per second and label set.

Of each of an operation's four clocks (``words.operation.CLOCKS``) a row has the sum and a histogram. A worker folds
operations into a ``Series``; ``take`` hands over what came since the last call; the master (or the process itself)
merges such deltas and writes rows (``measure.series_csv``). Sums are integers of nanoseconds, so a merge is exact in
any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.measure.histogram import Histogram, buckets_of
from harness.measure.packed import ABSENT_NS, Chunk, LabelSet, Numbers
from harness.words.clock import Epoch
from harness.words.operation import STOPPED_ROUTE, Flag


class Key(NamedTuple):
    """The label set of one row."""

    second: int  # Unix second in which the outcome was known
    user_class: str
    priority: int
    expected_route: str | None
    route: str | None
    tier: int
    outcome: str


class Clock:
    """Sum (ns) and histogram (µs) of one clock; the histogram says of how many operations."""

    __slots__ = ("histogram", "sum_ns")

    def __init__(self, sum_ns: int = 0, buckets: Mapping[int, int] | None = None) -> None:
        self.sum_ns = sum_ns
        self.histogram = Histogram(buckets)

    def merge(self, other: Clock) -> None:
        """Add what another one has measured."""
        self.sum_ns += other.sum_ns
        self.histogram.merge(other.histogram.counts)


class Cell:
    """What is known of the operations of one row; times in nanoseconds, histograms in microseconds.

    ``sum_ns``, ``min_ns``, ``max_ns`` and ``histogram`` are of the response time. ``service`` and ``queue`` are of
    those operations that entered a stage.
    """

    __slots__ = ("count", "histogram", "lag", "max_ns", "min_ns", "queue", "service", "sum_ns")

    def __init__(self) -> None:
        self.count = 0
        self.sum_ns = 0
        self.min_ns: int | None = None
        self.max_ns = 0
        self.histogram = Histogram()
        self.service = Clock()
        self.queue = Clock()
        self.lag = Clock()

    def clock(self, name: str) -> Clock:
        """Return one of the four clocks by its name."""
        if name == "response":
            return Clock(self.sum_ns, self.histogram.counts)
        return {"service": self.service, "queue": self.queue, "lag": self.lag}[name]

    def merge(self, other: Cell) -> None:
        """Add the operations of another cell of the same key."""
        self.count += other.count
        self.sum_ns += other.sum_ns
        if other.min_ns is not None:
            self.min_ns = other.min_ns if self.min_ns is None else min(self.min_ns, other.min_ns)
        self.max_ns = max(self.max_ns, other.max_ns)
        self.histogram.merge(other.histogram.counts)
        self.service.merge(other.service)
        self.queue.merge(other.queue)
        self.lag.merge(other.lag)


KeyTuple = tuple[int, str, int, str | None, str | None, int, str]
"""The fields of a ``Key``."""

WireClock = tuple[int, dict[int, int]]
"""A clock between processes: sum_ns, buckets."""

WireRow = tuple[KeyTuple, int, int, int, WireClock, WireClock, WireClock, WireClock]
"""A row between processes: key fields, count, min_ns, max_ns, response, service, queue and lag."""


Group = tuple[str, int, str | None, str | None, int, str]
"""The fields of a ``Key`` but for its second."""


class Series:
    """A fold of operations into cells by ``Key``.

    Args:
        epoch: the offset of the worker's clock.
        route_label: what a route is counted as; given the routes in the order in which they came up.

    """

    def __init__(self, epoch: Epoch, route_label: Callable[[str], str] = str) -> None:
        self._offset_ns = epoch.offset_ns
        self._route_label = route_label
        self._cells: dict[KeyTuple, Cell] = {}
        self._labels: Sequence[tuple[object, ...]] = ()
        self._groups: Numbers[Group] = Numbers()
        self._group_of: list[int] = []  # by number of a label set

    def fold(self, chunk: Chunk) -> None:
        """Count each operation in the second in which its outcome was known.

        Columns at a time, 0.3 µs per operation: added one by one they would take four times as long.
        """
        rows = chunk.rows
        if not len(rows):
            return
        self._number_groups(chunk.labels)
        seconds = (rows["end_ns"] + self._offset_ns) // 1_000_000_000
        first = int(seconds.min())
        cells = (seconds - first) * len(self._groups.things) + np.array(self._group_of)[rows["label"]]
        order = np.argsort(cells, kind="stable")
        cells = cells[order]
        begins = np.flatnonzero(np.diff(cells, prepend=cells[0] - 1))
        columns = _Columns(rows, order, begins)
        ends = [*begins[1:].tolist(), len(rows)]
        for at, (cell, begin, end) in enumerate(zip(cells[begins].tolist(), begins.tolist(), ends, strict=True)):
            second, group = divmod(cell, len(self._groups.things))
            columns.add_to(self._cell((first + second, *self._groups.things[group])), at, begin, end)

    def _number_groups(self, labels: Sequence[tuple[object, ...]]) -> None:
        """Know the group of each label set; those of the chunk before keep theirs."""
        if labels is not self._labels:
            self._labels, self._groups, self._group_of = labels, Numbers(), []
        for values in labels[len(self._group_of) :]:
            label = LabelSet._make(values)
            route = label.route if label.route is None else self._route_label(label.route)
            route = route if label.flag is not Flag.STOPPED else STOPPED_ROUTE
            group = label.user_class, label.priority, label.expected_route, route, label.tier, label.outcome
            number = self._groups.numbers.get(group)
            self._group_of.append(self._groups.add(group) if number is None else number)

    def _cell(self, key: KeyTuple) -> Cell:
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell()
        return cell

    def take(self) -> list[WireRow]:
        """Return all rows since the last call in a form msgpack can carry, and forget them."""
        cells, self._cells = self._cells, {}
        return [_to_wire(key, cell) for key, cell in cells.items()]


class _Columns:
    """The four clocks of a chunk whose rows, in some order, lie in stretches, each of one cell.

    Args:
        rows: of ``packed.OPERATION_ROW``.
        order: of the rows.
        begins: where in it each stretch begins.

    """

    def __init__(self, rows: NDArray[np.void], order: NDArray[np.int64], begins: NDArray[np.int64]) -> None:
        names = ("intended_ns", "start_ns", "entered_ns", "end_ns", "resumed_ns")
        intended, start, entered, end, resumed = (rows[name][order] for name in names)
        absent = entered == ABSENT_NS
        self._some_absent = bool(absent.any())
        response = end - intended
        self._response = _sums_and_buckets(response, begins)
        self._service = _sums_and_buckets(end - entered, begins, absent)
        self._queue = _sums_and_buckets(entered - start, begins, absent)
        self._lag = _sums_and_buckets(start - intended + resumed - end, begins)
        self._least = np.minimum.reduceat(response, begins).tolist()
        self._most = np.maximum.reduceat(response, begins).tolist()

    def add_to(self, cell: Cell, at: int, begin: int, end: int) -> None:
        """Count the rows from ``begin`` to ``end``, the ``at``-th stretch, in their cell."""
        cell.count += end - begin
        cell.min_ns = self._least[at] if cell.min_ns is None else min(cell.min_ns, self._least[at])
        cell.max_ns = max(cell.max_ns, self._most[at])
        sums, buckets = self._response
        cell.sum_ns += sums[at]
        cell.histogram.count(buckets[begin:end])
        for clock, (sums, buckets) in (
            (cell.service, self._service),
            (cell.queue, self._queue),
            (cell.lag, self._lag),
        ):
            clock.sum_ns += sums[at]
            counted = buckets[begin:end]
            clock.histogram.count([bucket for bucket in counted if bucket >= 0] if self._some_absent else counted)


def _sums_and_buckets(
    times_ns: NDArray[np.int64], begins: NDArray[np.int64], absent: NDArray[np.bool_] | None = None
) -> tuple[list[int], list[int]]:
    """Return the sum of each stretch, and the bucket of each row: below 0 where it has no such time."""
    if absent is None or not absent.any():
        return np.add.reduceat(times_ns, begins).tolist(), buckets_of(times_ns).tolist()
    buckets = np.where(absent, -1, buckets_of(times_ns))
    return np.add.reduceat(np.where(absent, 0, times_ns), begins).tolist(), buckets.tolist()


def _to_wire(key: KeyTuple, cell: Cell) -> WireRow:
    response = cell.sum_ns, cell.histogram.counts
    service, queue, lag = ((clock.sum_ns, clock.histogram.counts) for clock in (cell.service, cell.queue, cell.lag))
    return key, cell.count, cell.min_ns or 0, cell.max_ns, response, service, queue, lag


def _from_wire(row: WireRow) -> tuple[Key, Cell]:
    """Return key and cell of a row (msgpack has made lists of its tuples)."""
    key, count, min_ns, max_ns, (sum_ns, buckets), service, queue, lag = row
    cell = Cell()
    cell.count, cell.sum_ns, cell.min_ns, cell.max_ns = count, sum_ns, min_ns, max_ns
    cell.histogram = Histogram(buckets)
    cell.service, cell.queue, cell.lag = Clock(*service), Clock(*queue), Clock(*lag)
    return Key(*key), cell


class Merged:
    """Rows merged from any number of deltas, in any order."""

    def __init__(self) -> None:
        self._cells: dict[Key, Cell] = {}

    def merge(self, rows: Iterable[WireRow]) -> None:
        """Add the rows of one delta."""
        for row in rows:
            self.merge_cell(*_from_wire(row))

    def merge_cell(self, key: Key, other: Cell) -> None:
        """Add the operations of one cell."""
        cell = self._cells.get(key)
        if cell is None:
            self._cells[key] = other
        else:
            cell.merge(other)

    def seconds(self) -> list[int]:
        """Return the seconds that have rows, ascending."""
        return sorted({key.second for key in self._cells})

    def pop_before(self, second: int | None, most: int | None = None) -> list[tuple[Key, Cell]]:
        """Return and forget the rows of all seconds before ``second`` (all of them for None), sorted by key.

        With ``most`` so many at most: the first ones.
        """
        keys = sorted((key for key in self._cells if second is None or key.second < second), key=_sort_key)
        return [(key, self._cells.pop(key)) for key in keys[:most]]


def _sort_key(key: Key) -> tuple[object, ...]:
    return tuple("" if field is None else field for field in key)
