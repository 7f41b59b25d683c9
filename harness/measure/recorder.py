"""One record, then folds: what the client writes down of each operation, and who takes it from there.

A consumer takes operations, spans or attempts a chunk at a time and knows no other consumer, nor this recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from harness.measure.packed import CHUNK, Fold, OperationPacker, SpanChunk, SpanPacker
from harness.words.operation import AttemptTuple, Operation, SpanSeen

ATTEMPTS_AT_ONCE = 256
"""Attempts that are handed on together: the history takes 0.4 ms for as many, which one operation waits for."""

AttemptRow = tuple[object, ...]
"""The fields of a ``words.operation.Attempt``."""

SpanFold = Callable[[SpanChunk], None]
AttemptFold = Callable[[Sequence[AttemptRow]], None]
_Some = TypeVar("_Some")


class Recorder:
    """Takes operations one by one, with their spans and attempts, and hands them on in chunks.

    Each fold is called with each chunk once, in the order given here, whatever another one raises: what the first of
    them raised is raised in the end.

    Args:
        operations: who takes operations.
        spans: who takes spans.
        attempts: who takes attempts.

    """

    def __init__(
        self, operations: Sequence[Fold], spans: Sequence[SpanFold] = (), attempts: Sequence[AttemptFold] = ()
    ) -> None:
        self._operation_folds, self._span_folds, self._attempt_folds = operations, spans, attempts
        self._packer = OperationPacker()
        self._span_packer = SpanPacker()
        self._attempts: list[AttemptRow] = []
        # Looked up once: each operation's user waits for ``record``.
        self._pack_operation, self._pack_spans = self._packer.add, self._span_packer.add
        self._packed = self._packer.rows

    def record(self, operation: Operation, spans: Iterable[SpanSeen], tried: Sequence[AttemptTuple] = ()) -> None:
        """Take one operation, its spans, and the attempts its target told."""
        self._pack_operation(operation)
        self._pack_spans(operation.id, spans)
        if tried:
            identifier, rows = operation.id, self._attempts
            rows += [(identifier, ordinal, *attempt) for ordinal, attempt in enumerate(tried)]
            if len(rows) >= ATTEMPTS_AT_ONCE:
                self._hand_on_attempts()
        if len(self._packed) >= CHUNK:
            self._hand_on_operations()

    def hand_on(self) -> None:
        """Give the folds what was recorded since the last time; nothing is left here."""
        try:
            self._hand_on_attempts()
        finally:
            self._hand_on_operations()

    def _hand_on_operations(self) -> None:
        """Give the folds the operations and their spans."""
        chunk, spans = self._packer.take(), self._span_packer.take()
        raised = [
            *([] if chunk is None else _give(self._operation_folds, chunk)),
            *([] if spans is None else _give(self._span_folds, spans)),
        ]
        if raised:
            raise raised[0]

    def _hand_on_attempts(self) -> None:
        if self._attempts:
            rows, self._attempts = self._attempts, []
            raised = _give(self._attempt_folds, rows)
            if raised:
                raise raised[0]


def _give(folds: Iterable[Callable[[_Some], None]], chunk: _Some) -> list[Exception]:
    """Give a chunk to each of some folds, and return what they raised: one that breaks takes nothing from another."""
    raised: list[Exception] = []
    for fold in folds:
        try:
            fold(chunk)
        except Exception as error:  # noqa: BLE001  # raised by the caller, once all have the chunk
            raised.append(error)
    return raised
