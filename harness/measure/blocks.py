"""Blocks: steps of the target that held the thread, and with it every operation and the harness of their process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

ENDED_WITHIN_S = 5.0
"""Seconds after the deadline of its operation, or the end of the run and its stop timeout, at which a step that holds
the thread is ended."""

LEAST_S = 1.0
"""From how many seconds on a step is a block. A busy machine keeps a process waiting for a third of that."""


class Block(NamedTuple):
    """One step of the target that held the thread of its process."""

    worker: int
    begin_ns: int  # nanoseconds since the Unix epoch, by the worker's clock
    end_ns: int
    stage: str | None  # None where no stage of the operation was on the stack, or nobody could look
    place: str | None  # "routing.py:12 in execute": the innermost line that ran; None where nobody could look
    planned: bool  # whether it was a fault of the plan
    interrupted: bool = False  # whether the harness ended it, since it would not have ended by itself in time
    stacks: str = ""  # of all threads meanwhile; empty where nobody could look, and of most where there are many

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.end_ns - self.begin_ns) / 1e9

    @property
    def where(self) -> str:
        """The stage and the place, as far as they are known."""
        stage = "an unknown stage" if self.stage is None else f"stage {self.stage}"
        return stage if self.place is None else f"{stage} ({self.place})"


WireBlock = Sequence[object]
"""A block between processes: its fields in order."""


def of_wire(rows: Iterable[WireBlock]) -> list[Block]:
    """Return the blocks of plain rows."""
    return [Block(*row) for row in rows]  # type: ignore[arg-type]


def longest_gap_s(times_ns: Sequence[int], blocks: Iterable[Block]) -> float:
    """Return the longest time between two successive moments in seconds, without what blocks took of it.

    ``times_ns`` are in order, with fewer than two the time is 0; blocks of one worker do not overlap.
    """
    known = list(blocks)
    longest = 0
    for earlier, later in pairwise(times_ns):
        blocked = sum(max(min(block.end_ns, later) - max(block.begin_ns, earlier), 0) for block in known)
        longest = max(longest, later - earlier - blocked)
    return longest / 1e9


def stacks_of(blocks: Iterable[Block]) -> str:
    """Return the stacks of blocks as text for a file, each headed by what it is; empty without any."""
    return "\n".join(f"{_headline(block)}\n{block.stacks}\n" for block in blocks if block.stacks)


def _headline(block: Block) -> str:
    began = datetime.fromtimestamp(block.begin_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    return f"worker {block.worker}, {began}, {block.seconds:.3f} s: {block.where}"
