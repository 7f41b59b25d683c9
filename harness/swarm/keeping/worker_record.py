"""What a run knows of one worker, from what it handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.measure.blocks import Block, of_wire
from harness.swarm.wire.delta import Delta
from harness.swarm.wire.receipts import Receipts, Signs


@dataclass(slots=True)
class WorkerRecord:
    """What the run knows of one worker."""

    index: int
    arrivals: int = 0
    last_report: float = 0.0  # when it arrived: Unix time of this host; there is one where there is a record
    signs: Signs = field(default_factory=Signs)
    blocks: list[Block] = field(default_factory=list)  # steps of its target that held the thread, in whatever order
    held_back_s: float = 0.0  # for how long its users were kept from starting operations
    clock_offset: Sequence[int] | None = None  # master's clock minus its own, and how wrong that may be, ns
    receipts: Receipts = field(default_factory=Receipts)
    last_seq: int | None = None  # of its final delta
    users: dict[int, int] = field(default_factory=dict)
    broken: str | None = None  # what its event loop stopped serving for
    looked_at: int = 0  # the latest second of ``users``
    log_records: dict[str, int] = field(default_factory=dict)

    @property
    def silent_s(self) -> float:
        """The longest time for which it gathered nothing, in seconds, without what steps of its target took of it."""
        return self.signs.longest_gap_s(self.blocks)

    @property
    def final(self) -> bool:
        """Whether all that it handed over, to its final delta, was received."""
        return self.last_seq is not None and self.receipts.complete(self.last_seq)

    def update(self, delta: Delta, at_s: float) -> None:
        """Take what a delta that arrived at ``at_s`` says of the worker itself, unless a newer one was received."""
        self.last_report = at_s
        self.signs.add(delta["gathered_ns"])
        self.blocks += of_wire(delta["blocks"])
        self.broken = self.broken or delta["broken"]
        self.looked_at = max(self.looked_at, *delta["users"], 0)
        if delta["final"]:
            self.last_seq = delta["seq"]
        if delta["seq"] < self.receipts.newest:
            for second, users in delta["users"].items():
                self.users.setdefault(second, users)
            return
        self.users.update(delta["users"])
        self.arrivals = delta["arrivals"]
        self.log_records = delta["log_records"]
        self.held_back_s = delta["held_back_s"]
        self.clock_offset = delta["clock_offset"]
