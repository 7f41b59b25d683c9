"""The checker of hangs: no operation is without an outcome at its deadline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from harness.judge.blocking import never_returned
from harness.judge.checker import OfOperations
from harness.judge.entry import EXAMPLES, Entry, Status, zero_of
from harness.judge.evidence import Evidence
from harness.measure.blocks import Block
from harness.words.operation import Flag, Operation, Outcome

LATE_MS = 50.0
"""How long after its deadline an operation may have its outcome."""


class Hang(OfOperations):
    """No operation is without an outcome at its deadline, or ends more than 50 ms* after it.

    A step that held the thread and had to be ended never had an outcome of its own, whatever its operation says.
    Operations that were cancelled with the end of the run while they ran longer than any that ended might have hung:
    then it is UNKNOWN.
    """

    name = "hang"
    place = 40
    means = "no outcome within `--deadline-ms`, or a stage that never gave the thread back"
    advice = (
        "Give stages a timeout below --deadline-ms; the spans of the operations name the stages that ended. Of a stage "
        "that held the thread the evidence names the line, and logs/stacks.txt has the stacks."
    )
    invalid_when = (
        "an operation had no outcome at its deadline, or had it more than 50 ms* after; or a step held the thread "
        "until it had to be ended ([architecture](architecture.md#a-stage-that-holds-the-thread))"
    )
    unknown_when = (
        "no operation ended by itself; or operations were stopped with the run that had run longer than any that ended"
    )
    source = "ours"

    def __init__(self, deadline_ms: float | None, blocks: Sequence[Block] = ()) -> None:
        self._deadline_ms = deadline_ms
        self._endless = never_returned(blocks)
        self._longest_ns = 0
        self._stopped: list[tuple[int, int]] = []  # how long they ran, id; the longest ``EXAMPLES``
        self._cases = 0
        self._hung = 0
        self._late = 0
        self._examples: list[int] = []

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.facts.deadline_ms, evidence.facts.blocks)

    def add(self, operation: Operation) -> None:
        """Count one operation that could have hung."""
        ran_ns = operation.end_ns - operation.start_ns
        if operation.flag is Flag.STOPPED:
            self._stopped = sorted([*self._stopped, (ran_ns, operation.id)])[-EXAMPLES:]
            return
        self._longest_ns = max(self._longest_ns, ran_ns)
        self._cases += 1
        late = self._deadline_ms is not None and ran_ns > (self._deadline_ms + LATE_MS) * 1e6
        self._late += late
        self._hung += operation.outcome is Outcome.TIMEOUT
        if (late or operation.outcome is Outcome.TIMEOUT) and len(self._examples) < EXAMPLES:
            self._examples.append(operation.id)

    def close(self) -> Entry:
        """INVALID if a deadline passed, UNKNOWN without a deadline or without operations."""
        if self._deadline_ms is None:
            return Entry(self.name, Status.UNKNOWN, None, None, "no deadline was set (--deadline-ms)")
        target = f"within {self._deadline_ms:g} ms"
        if self._endless:
            return self._ended(target)
        if not self._cases:
            return Entry(self.name, Status.UNKNOWN, None, target, "no operation ended by itself")
        still = [(ran_ns, identifier) for ran_ns, identifier in self._stopped if ran_ns > self._longest_ns]
        if still and not self._hung and not self._late:
            detail = (
                f"{len(still)} operations or more still ran when the run ended, the oldest for "
                f"{still[-1][0] / 1e9:.1f} s, longer than any that ended: run longer, or set a shorter --deadline-ms"
            )
            examples = tuple(identifier for _, identifier in still)
            return Entry(self.name, Status.UNKNOWN, None, target, detail, examples)
        detail = f"no outcome at the deadline: {zero_of(self._cases)}; the longest took {self._longest_ns / 1e6:.1f} ms"
        if self._hung or self._late:
            detail = (
                f"{self._hung:,} of {self._cases:,} operations had no outcome at the deadline, {self._late:,} ended "
                f"more than {LATE_MS:g} ms after it; the longest took {self._longest_ns / 1e6:.1f} ms"
            )
        status = Status.INVALID if self._hung or self._late else Status.VALID
        return Entry(self.name, status, f"{self._hung:,} hung", target, detail, tuple(self._examples))

    def _ended(self, target: str) -> Entry:
        """Return the row of a run in which steps had to be ended; it tells of what waited behind them, too."""
        longest = max(self._endless, key=lambda block: block.seconds)
        others = f"; {self._hung:,} operations had no outcome at the deadline" if self._hung else ""
        detail = f"{longest.where} held the thread for {longest.seconds:.1f} s and was ended{others} (logs/stacks.txt)"
        hung = max(self._hung, len(self._endless))
        return Entry(self.name, Status.INVALID, f"{hung:,} hung", target, detail, tuple(self._examples))
