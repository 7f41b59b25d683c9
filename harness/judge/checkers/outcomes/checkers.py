"""The checkers: folds over the history of a run, each deciding one property of ``docs/definitions.md``.

A checker is told every operation once (``add``) and then decides (``close``). It knows no other checker. One that
raises is UNKNOWN, and says so (``judge.check``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from harness.judge.checkers.disturbances.ledger import Ledger
from harness.judge.entry import EXAMPLES, Entry, Status, Unseen, percent, shown_percent, zero_of
from harness.words.operation import WORKER_SHIFT, Flag, Operation, Outcome, display_id


class Checker(Protocol):
    """What decides one property."""

    name: str
    required: bool

    def add(self, operation: Operation) -> None:
        """Take one operation of the history."""

    def close(self) -> Entry:
        """Decide, after the last operation."""


class Accuracy:
    """The decided route equals the corpus's expected route, where the corpus gives one.

    Where a fallback answered, it was decided for the route asked first; if the target does not tell which, the
    operation is not compared. Source: ROUTE-003, success criteria (routing decision consistency, golden output
    comparison: 100 %).
    """

    name = "accuracy"

    def __init__(self, *, golden: bool) -> None:
        self.required = golden
        self._golden = golden
        self._cases = 0
        self._wrong = 0
        self._not_ok = 0
        self._untold = 0
        self._examples: list[Operation] = []

    def add(self, operation: Operation) -> None:
        """Compare the decision of one operation that ended ok."""
        if operation.expected_route is None or operation.flag is Flag.STOPPED:
            return
        if operation.outcome is not Outcome.OK:
            self._not_ok += 1
            return
        route = operation.decided_route
        if operation.tier and route is None:
            self._untold += 1
            return
        self._cases += 1
        if route != operation.expected_route:
            self._wrong += 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(operation)

    @property
    def percent(self) -> float | None:
        """Share of compared decisions that were right, None where nothing was compared."""
        return percent(self._cases - self._wrong, self._cases)

    def close(self) -> Entry:
        """INVALID if any decision differs, UNKNOWN where nothing, or less than half, could be compared."""
        if not self._cases and not self._untold:
            detail = (
                "no operation with an expected route ended ok"
                if self._golden
                else "the corpus gives no expected routes for this target; record them with: python -m harness golden"
            )
            return Entry(self.name, Status.UNKNOWN, None, "100 %", detail, required=self.required)
        right = self._cases - self._wrong
        detail = f"wrong routes: {zero_of(self._cases)}"
        if self._wrong:
            detail = f"{self._wrong:,} of {self._cases:,} wrong, e.g. " + "; ".join(
                f"{op.scenario}: {op.decided_route!r} instead of {op.expected_route!r}" for op in self._examples[:3]
            )
        unseen = self._unseen()
        status = Status.INVALID if self._wrong else Status.UNKNOWN if unseen.outweighs(self._cases) else Status.VALID
        return Entry(
            self.name,
            status,
            shown_percent(right, self._cases),
            "100 %",
            unseen.beside(self._cases, detail),
            tuple(op.id for op in self._examples),
            self.required,
        )

    def _unseen(self) -> Unseen:
        """Return the operations with an expected route that could not be compared with it."""
        told = ((self._not_ok, "did not end ok"), (self._untold, "fell back and do not tell the route asked first"))
        why = ", ".join(f"{count:,} {what}" for count, what in told if count)
        return Unseen(self._not_ok + self._untold, why)


class Consistency:
    """Equal inputs get equal routes: under load as in the baseline, and at any time as at any other.

    Compared are operations that ended ok, by scenario; where a fallback answered, the route asked first, if the target
    tells it. Operations under unequal conditions are not for this checker. Source: ROUTE-004 H4, determinism.
    """

    name = "consistency"
    required = True

    def __init__(self, baseline: Iterable[Operation]) -> None:
        self._baseline = decided_routes(baseline)
        self._first: dict[str, Operation] = {}
        self._with_baseline = 0
        self._repeated = 0
        self._untold = 0
        self._cases = 0
        self._different = 0
        self._examples: list[tuple[Operation, str | None, str]] = []

    def add(self, operation: Operation) -> None:
        """Compare one decision with the baseline, or else with the first one under load."""
        route = operation.decided_route
        if operation.outcome is not Outcome.OK:
            return
        if operation.tier and route is None:
            self._untold += 1
            return
        scenario = operation.scenario
        first = self._first.setdefault(scenario, operation)
        if scenario in self._baseline:
            self._with_baseline += 1
            before, when = self._baseline[scenario], "in the baseline"
        elif first is not operation:
            self._repeated += 1
            before, when = first.decided_route, f"in operation {display_id(first.id)}"
        else:
            return
        self._cases += 1
        if route != before:
            self._different += 1
            if len(self._examples) < EXAMPLES:
                self._examples.append((operation, before, when))

    @property
    def percent(self) -> float | None:
        """Share of compared decisions that were equal, None where nothing was compared."""
        return percent(self._cases - self._different, self._cases)

    def close(self) -> Entry:
        """INVALID if any decision differs, UNKNOWN where no decision of the baseline met one under load."""
        same = self._cases - self._different
        untold = Unseen(self._untold, "they fell back and do not tell the route asked first")
        if self._different:
            detail = f"{self._different:,} of {self._cases:,} differ, e.g. " + "; ".join(
                f"{op.scenario}: {op.decided_route!r}, but {before!r} {when}" for op, before, when in self._examples[:3]
            )
        else:
            detail = (
                f"differing routes: {zero_of(self._cases)}; {self._with_baseline:,} compared with a baseline "
                f"of {len(self._baseline):,} scenarios, {self._repeated:,} with an earlier operation"
            )
        detail = untold.beside(self._cases, detail)
        status = Status.INVALID if self._different else Status.VALID
        if untold.outweighs(self._cases) and not self._different:
            status = Status.UNKNOWN
        if not self._with_baseline and not self._different:
            status = Status.UNKNOWN
            detail = "no operation could be compared with a baseline" + ("" if self._baseline else " (there was none)")
        return Entry(
            self.name,
            status,
            shown_percent(same, self._cases),
            "100 %",
            detail,
            tuple(op.id for op, _, _ in self._examples),
        )


def decided_routes(baseline: Iterable[Operation]) -> dict[str, str | None]:
    """Return the route decided for by each scenario of a baseline that ended ok."""
    return {
        op.scenario: op.decided_route
        for op in baseline
        if op.outcome is Outcome.OK and not (op.tier and op.decided_route is None)
    }


class Conservation:
    """Arrivals = ok + failed + cancelled + timeout + shed, each operation once.

    ``arrivals`` are counted by the clients before an operation starts, None where it is not known how many there were
    or outcomes were lost on the harness's own side; ``why_unknown`` says which.
    """

    name = "conservation"
    required = True

    def __init__(self, arrivals: int | None, why_unknown: str = "arrivals were not counted") -> None:
        self._arrivals = arrivals
        self._why_unknown = why_unknown
        self._outcomes = 0
        self._repeats = 0
        self._twice: list[int] = []
        self._without = 0
        self._runs: dict[int, _IdRun] = {}

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


class SilentFailure:
    """No operation says ok while it carries no usable route, or was hit by a fault that nothing accounts for.

    No usable route is none, a malformed one, or one of absurd length. What the faults of a plan came to, ``ledger``
    says. Source: Huang et al. 2017, differential observability.
    """

    name = "silent failure"
    required = True

    def __init__(self, ledger: Ledger | None = None) -> None:
        self._ledger = ledger
        self._cases = 0
        self._flagged: dict[Flag, int] = {}
        self._examples: list[int] = []

    def add(self, operation: Operation) -> None:
        """Look at one operation that ended ok."""
        if operation.outcome is not Outcome.OK:
            return
        self._cases += 1
        if operation.flag is not None:
            self._flagged[operation.flag] = self._flagged.get(operation.flag, 0) + 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(operation.id)

    def close(self) -> Entry:
        """INVALID if an ok operation has no usable route, UNKNOWN where no operation ended ok."""
        if not self._cases:
            return Entry(self.name, Status.UNKNOWN, None, "0", "no operation ended ok")
        silent = sum(self._flagged.values())
        parts = []
        if silent:
            kinds = ", ".join(f"{flag.value} {count:,}" for flag, count in sorted(self._flagged.items()))
            parts.append(f"{silent:,} of {self._cases:,} operations said ok and had no usable route ({kinds})")
        examples = tuple(self._examples)
        if self._ledger is not None and (hit := self._ledger.silent):
            silent += hit
            parts.append(f"{hit:,} said ok and nothing accounts for a fault that hit them: {self._ledger.quotes}")
            examples = (*examples, *self._ledger.examples)[:EXAMPLES]
        detail = "; ".join(parts) or f"ok without a usable route: {zero_of(self._cases)}"
        status = Status.INVALID if silent else Status.VALID
        return Entry(self.name, status, f"{silent:,}", "0", detail, examples)
