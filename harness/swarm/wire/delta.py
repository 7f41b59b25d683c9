"""What a worker hands over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from harness.load.arrivals.share import Counts
from harness.measure.blocks import WireBlock
from harness.measure.series import WireRow
from harness.measure.vitals import WireVitals


class Delta(TypedDict):
    """What a worker hands over, about once a second. Only types that msgpack carries."""

    run_id: str
    worker: int
    seq: int  # 0, 1, 2, ... of this worker in this run
    gathered_ns: int  # when it was gathered: ns since the Unix epoch by the worker's clock, the same when sent again
    arrivals: int  # operations started since the run began
    series: list[WireRow]
    users: dict[int, int]  # Unix second -> users of this worker
    history: dict[str, bytes]  # table -> Arrow stream
    edges: list[tuple[object, ...]]  # those of ``history``, to be shown at once; times in ns since the Unix epoch
    log_records: dict[str, int]  # level -> records the target logged since the run began
    schedule: Counts  # Unix second -> [arrivals due in it, those not delivered]; empty without a schedule
    held_back_s: float  # for how long users were kept from starting operations, since the run began
    clock_offset: Sequence[int] | None  # master's clock minus this one, and how wrong that may be: ns; None: not known
    vitals: list[WireVitals]
    blocks: list[WireBlock]  # steps of the target that held the thread, since the last delta
    broken: str | None  # what its event loop stopped serving for
    final: bool


ROW_BYTES = 2048
"""What a row of the series takes at most, about: a hundred buckets of twenty bytes."""


def size_of(delta: Delta) -> int:
    """Return the bytes that a delta keeps in memory, about."""
    return sum(len(part) for part in delta["history"].values()) + ROW_BYTES * len(delta["series"])
