"""What a worker gathers, made without one: a history as its session wires it, and what it hands over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.measure.packed import Fold
from harness.measure.recorder import Recorder
from harness.record.buffer import HistoryBuffer
from harness.record.history import PartWriter, parts_of, read_operations
from harness.swarm.wire.delta import Delta
from harness.words.clock import Epoch
from harness.words.operation import Operation

S = 1_000_000_000


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


def delta_of(
    run_id: str,
    seq: int,
    gathered_s: float,
    *,
    worker: int = 0,
    users: Mapping[int, int] | None = None,
    ended: Sequence[int] = (),
    blocks: Sequence[tuple[float, float]] = (),
    final: bool = False,
    **fields: Any,
) -> Delta:
    """Return a delta with one operation in each second of ``ended``; fields may be replaced."""
    clock = (1000, {1: 1})
    made: Delta = {
        "run_id": run_id,
        "worker": worker,
        "seq": seq,
        "gathered_ns": round(gathered_s * S),
        "arrivals": 0,
        "series": [
            ((second, "User", 4, "a", "a", 0, "ok"), 1, 1000, 1000, clock, clock, clock, clock) for second in ended
        ],
        "users": dict(users or {}),
        "history": {},
        "edges": [],
        "log_records": {},
        "schedule": {},
        "held_back_s": 0.0,
        "clock_offset": None,
        "vitals": [],
        "broken": None,
        "blocks": [(worker, round(begin * S), round(end * S), "router", None, False, False) for begin, end in blocks],
        "final": final,
    }
    return {**made, **fields}  # type: ignore[typeddict-item]


def written_operations(delta: Delta) -> list[Operation]:
    """Return the operations of a delta, as they are read back."""
    with TemporaryDirectory() as folder:
        PartWriter(Path(folder)).write("operations", delta["worker"], delta["history"]["operations"])
        return list(read_operations(parts_of(Path(folder), "operations").paths))
