"""Conservation: arrivals = outcomes, one each."""

from __future__ import annotations

from typing import Self

from harness.judge.checker import OfOperations
from harness.judge.entry import EXAMPLES, Entry, Status
from harness.judge.evidence import Evidence
from harness.words.operation import WORKER_SHIFT, Operation, Outcome


class Conservation(OfOperations):
    """Arrivals = ok + failed + cancelled + timeout + shed, each operation once.

    ``arrivals`` are counted by the clients before an operation starts, None where it is not known how many there were
    or outcomes were lost on the harness's own side; ``why_unknown`` says which.
    """

    name = "conservation"
    place = 30
    means = "an operation has no outcome, or two"
    advice = "Report it as a defect of RouteSwarm, with the run directory."
    invalid_when = "operations started ≠ outcomes, or an operation has two outcomes, or none"
    unknown_when = "a worker was lost before it reported, data could not be written, or nothing was started"
    source = "ours"

    def __init__(self, arrivals: int | None, why_unknown: str = "arrivals were not counted") -> None:
        self._arrivals = arrivals
        self._why_unknown = why_unknown
        self._outcomes = 0
        self._repeats = 0
        self._twice: list[int] = []
        self._without = 0
        self._runs: dict[int, _IdRun] = {}

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        if evidence.facts.errors:
            return cls(None, "operations could not be written down (see validity: recording)")
        why_unknown = "a worker was lost before it reported how many operations it had started"
        return cls(evidence.facts.arrivals, why_unknown)

    def add(self, operation: Operation) -> None:
        """Count one outcome."""
        self._outcomes += 1
        if operation.outcome not in _OUTCOMES:
            self._without += 1
        run = self._runs.get(operation.worker)
        if run is None:
            run = self._runs[operation.worker] = _IdRun()
        if not run.add(operation.id):
            self._repeats += 1
            if len(self._twice) < EXAMPLES:
                self._twice.append(operation.id)

    def close(self) -> Entry:
        """INVALID if an operation has no outcome, or two; UNKNOWN where arrivals were not counted."""
        actual = f"{self._outcomes:,} outcomes"
        if self._repeats or self._without:
            detail = f"operations with two outcomes: {self._repeats:,}, with none: {self._without:,}"
            return Entry(self.name, Status.INVALID, actual, "one each", detail, tuple(self._twice))
        if self._arrivals is None:
            return Entry(self.name, Status.UNKNOWN, actual, None, self._why_unknown)
        target = f"{self._arrivals:,} arrivals"
        if not self._arrivals and not self._outcomes:
            return Entry(self.name, Status.UNKNOWN, actual, target, "no operation was started")
        balanced = self._arrivals == self._outcomes
        detail = (
            "every operation has exactly one outcome"
            if balanced
            else f"{self._arrivals - self._outcomes:+,} operations have no outcome"
        )
        return Entry(self.name, Status.VALID if balanced else Status.INVALID, actual, target, detail)


_OUTCOMES = frozenset(Outcome)


class _IdRun:
    """Ids of one worker, seen once each: a watermark and the few ids above it, not one entry per operation."""

    __slots__ = ("_above", "_next")

    def __init__(self) -> None:
        self._next: int | None = None
        self._above: set[int] = set()

    def add(self, identifier: int) -> bool:
        """Take an id; False if it was seen before. Ids of a worker start at its ordinal 0."""
        if self._next is None:
            self._next = identifier >> WORKER_SHIFT << WORKER_SHIFT
        if identifier < self._next or identifier in self._above:
            return False
        self._above.add(identifier)
        while self._next in self._above:
            self._above.discard(self._next)
            self._next += 1
        return True
