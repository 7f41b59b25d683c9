"""Operations and spans on their way out: packed as bytes one by one, read as columns a chunk at a time.

What recurs in them (user class, route, outcome, ...) is kept as a number for the whole label set, the rest as it is.
Bytes and not tuples, because the garbage collector does not look at bytes, and it shares the target's core: 2 µs per
operation less. Columns, because whoever folds a thousand operations at once takes a third of the time per operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from struct import Struct, error
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.words.operation import Flag, Operation, Outcome, Span, SpanSeen
from harness.words.schema import HISTORY

CHUNK = 1024
"""Rows of a chunk: about 0.5 ms of work at a time for those who fold it."""

ABSENT_NS = -(1 << 63)
"""Stands for a time that is None."""

_KEPT = 4096
"""Label sets, or scenarios, for which numbers are remembered from chunk to chunk."""

_Of = TypeVar("_Of")


class LabelSet(NamedTuple):
    """What of an operation recurs, under the names of ``Operation``."""

    worker: int
    user_class: str
    priority: int
    expected_route: str | None
    outcome: Outcome
    route: str | None
    asked_route: str | None
    tier: int
    attempts: int
    flag: Flag | None


class SpanLabelSet(NamedTuple):
    """What of a span recurs, under the names of ``Span``."""

    stage: str
    kind: str
    outcome: str


class Numbers(Generic[_Of]):
    """Numbers for things that recur, in the order in which they came up first."""

    __slots__ = ("numbers", "things")

    def __init__(self) -> None:
        self.numbers: dict[_Of, int] = {}
        self.things: list[_Of] = []

    def add(self, thing: _Of) -> int:
        """Return the number of something that has none yet."""
        self.numbers[thing] = number = len(self.things)
        self.things.append(thing)
        return number

    def kept(self) -> Numbers[_Of]:
        """Return these numbers for the next chunk, new ones where a target invents things without end."""
        return self if len(self.things) < _KEPT else Numbers()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Operations as columns: ``rows[i]`` has numbers that index ``labels`` and ``scenarios``.

    Attributes:
        rows: structured, ``OPERATION_ROW``; times in ns, ``ABSENT_NS`` for None; ``confidence`` NaN for None.
        labels: label sets; those that no row of this chunk has may be among them.
        scenarios: ids of scenarios, likewise.
        errors: by place in ``rows``.
        unfit: operations that no row can hold.

    """

    rows: NDArray[np.void]
    labels: Sequence[tuple[object, ...]]
    scenarios: Sequence[str]
    errors: dict[int, str] = field(default_factory=dict)
    unfit: Sequence[Operation] = ()

    def operations(self) -> Iterable[Operation]:
        """Yield the operations one by one, those that are unfit last."""
        for place, (id_, user, label, scenario, *times, confidence) in enumerate(self.rows.tolist()):
            worker, user_class, priority, expected, outcome, route, asked, tier, attempts, flag = self.labels[label]
            yield Operation._make(
                (
                    *(id_, worker, user, user_class, self.scenarios[scenario], priority, expected),
                    *(None if time_ns == ABSENT_NS else time_ns for time_ns in times),
                    *(outcome, route, asked, None if math.isnan(confidence) else confidence, tier, attempts, flag),
                    self.errors.get(place),
                )
            )
        yield from self.unfit


_OPERATION = Struct("<qiIIqqqqqf")
OPERATION_ROW = np.dtype(
    [
        ("id", "<i8"),
        ("user", "<i4"),
        ("label", "<u4"),
        ("scenario", "<u4"),
        ("intended_ns", "<i8"),
        ("start_ns", "<i8"),
        ("entered_ns", "<i8"),
        ("end_ns", "<i8"),
        ("resumed_ns", "<i8"),
        ("confidence", "<f4"),
    ]
)
_NAN = math.nan


def _require_tied(
    row: np.dtype[np.void], layout: Struct, labels: type[NamedTuple], table: str, apart: set[str]
) -> None:
    """Raise ``AssertionError`` where what is packed by hand is not what the schema says, in its order and types.

    Each column of ``table`` is in ``row``, as wide as there, or in ``labels``, or one of those kept ``apart``.
    """
    columns = {column.name: column.type for column in HISTORY[table]}
    letters = {"int64": "q", "int32": "i", "float32": "f"}
    own, labelled = [name for name in row.names or () if name in columns], labels._fields
    assert [name for name in columns if name in own] == own, f"{table}: the row has another order than its columns"
    assert [name for name in columns if name in labelled] == list(labelled), f"{table}: the labels have another order"
    assert set(columns) == {*own, *labelled, *apart}, f"{table}: {set(columns) ^ {*own, *labelled, *apart}} not packed"
    # A number that stands for labels or a scenario is no column: ``I``.
    told = [letters[columns[name]] if name in own and name not in apart else "I" for name in row.names or ()]
    assert layout.format == f"<{''.join(told)}", f"{table}: packed as {layout.format}, its columns are {told}"
    wide = {"q": "<i8", "i": "<i4", "f": "<f4", "I": "<u4"}
    assert row.descr == [(name, wide[letter]) for name, letter in zip(row.names or (), told, strict=True)], table


_require_tied(OPERATION_ROW, _OPERATION, LabelSet, "operations", {"scenario", "error"})


class OperationPacker:
    """Operations since they were last taken."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self._labels: Numbers[tuple[object, ...]] = Numbers()
        self._scenarios: Numbers[str] = Numbers()
        self._errors: dict[int, str] = {}
        self._unfit: list[Operation] = []

    def add(self, operation: Operation) -> None:
        """Pack one operation."""
        (
            identifier, worker, user, user_class, scenario, priority, expected_route, intended_ns, start_ns, entered_ns,
            end_ns, resumed_ns, outcome, route, asked_route, confidence, tier, attempts, flag, told,
        ) = operation  # fmt: skip
        labels = worker, user_class, priority, expected_route, outcome, route, asked_route, tier, attempts, flag
        label = self._labels.numbers.get(labels)
        if label is None:
            label = self._labels.add(labels)
        at = self._scenarios.numbers.get(scenario)
        if at is None:
            at = self._scenarios.add(scenario)
        if told is not None:
            self._errors[len(self.rows)] = told
        if entered_ns is None:
            entered_ns = ABSENT_NS
        if confidence is None:
            confidence = _NAN
        try:
            self.rows.append(
                _pack_operation(
                    identifier, user, label, at, intended_ns, start_ns, entered_ns, end_ns, resumed_ns, confidence
                )
            )
        except (error, OverflowError):
            self._errors.pop(len(self.rows), None)
            self._unfit.append(operation)

    def take(self) -> Chunk | None:
        """Return what was packed, and forget it; None where there is nothing."""
        if not self.rows and not self._unfit:
            return None
        rows = np.frombuffer(b"".join(self.rows), OPERATION_ROW)
        chunk = Chunk(rows, self._labels.things, self._scenarios.things, self._errors, self._unfit)
        self.rows.clear()  # not another list: who counts them has looked it up once
        self._errors, self._unfit = {}, []
        self._labels, self._scenarios = self._labels.kept(), self._scenarios.kept()
        return chunk


_pack_operation = _OPERATION.pack
_SPAN = Struct("<qqqI")
_pack_span = _SPAN.pack
SPAN_ROW = np.dtype([("operation", "<i8"), ("start_ns", "<i8"), ("end_ns", "<i8"), ("label", "<u4")])
_require_tied(SPAN_ROW, _SPAN, SpanLabelSet, "spans", set())


@dataclass(frozen=True, slots=True)
class SpanChunk:
    """Spans as columns: ``rows`` structured as ``SPAN_ROW``, whose ``label`` indexes ``labels`` (``SpanLabelSet``)."""

    rows: NDArray[np.void]
    labels: Sequence[tuple[object, ...]]

    def spans(self) -> Iterable[Span]:
        """Yield the spans one by one."""
        for operation, start_ns, end_ns, label in self.rows.tolist():
            stage, kind, outcome = self.labels[label]
            yield Span._make((operation, stage, kind, start_ns, end_ns, outcome))


class SpanPacker:
    """Spans since they were last taken. Their times are read by the harness, so that each fits."""

    def __init__(self) -> None:
        self.rows: list[bytes] = []
        self._labels: Numbers[tuple[object, ...]] = Numbers()

    def add(self, operation: int, spans: Iterable[SpanSeen]) -> None:
        """Pack the spans of one operation."""
        numbers, append = self._labels.numbers, self.rows.append
        for stage, kind, start_ns, end_ns, outcome in spans:
            labels = stage, kind, outcome
            label = numbers.get(labels)
            if label is None:
                label = self._labels.add(labels)
            append(_pack_span(operation, start_ns, end_ns, label))

    def take(self) -> SpanChunk | None:
        """Return what was packed, and forget it; None where there is nothing."""
        if not self.rows:
            return None
        chunk = SpanChunk(np.frombuffer(b"".join(self.rows), SPAN_ROW), self._labels.things)
        self.rows = []
        self._labels = self._labels.kept()
        return chunk


def packed(operations: Iterable[Operation]) -> Iterable[Chunk]:
    """Yield operations in chunks."""
    packer = OperationPacker()
    for operation in operations:
        packer.add(operation)
        if len(packer.rows) >= CHUNK and (chunk := packer.take()) is not None:
            yield chunk
    if (chunk := packer.take()) is not None:
        yield chunk


Fold = Callable[[Chunk], None]
"""A consumer of operations: it takes them a chunk at a time and knows no other consumer."""
