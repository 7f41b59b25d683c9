"""A worker's history as its session wires it: a recorder, and a history that folds what it hands on."""

from __future__ import annotations

from harness.measure.packed import Fold
from harness.measure.recorder import Recorder
from harness.record.buffer import HistoryBuffer
from harness.words.clock import Epoch


class RecordedHistory:
    """Operations in, the bytes of each table out.

    Args:
        epoch: the offset of the worker's clock.
        folds: who else takes the operations.

    """

    def __init__(self, epoch: Epoch, *folds: Fold) -> None:
        self._history = HistoryBuffer(epoch)
        self._recorder = Recorder(
            (self._history.fold, *folds), (self._history.fold_spans,), (self._history.fold_attempts,)
        )
        self.add = self._recorder.record
        self.note = self._history.note

    def take(self) -> dict[str, bytes]:
        """Return the bytes of each table that has rows, and forget them."""
        self._recorder.hand_on()
        return self._history.take()
