"""Accuracy: decided routes are those that the corpus expects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Self

from harness.judge.checker import OfOperations
from harness.judge.entry import EXAMPLES, Entry, Status, Unseen, percent, shown_percent, zero_of
from harness.judge.evidence import Evidence
from harness.words.operation import Flag, Operation, Outcome


class Accuracy(OfOperations):
    """The decided route equals the corpus's expected route, where the corpus gives one.

    Where a fallback answered, it was decided for the route asked first; if the target does not tell which, the
    operation is not compared. Source: ROUTE-003, success criteria (routing decision consistency, golden output
    comparison: 100 %).
    """

    name = "accuracy"
    place = 10
    metric = "accuracy_pct"
    means = "another route than the golden one"
    advice = (
        "Is consistency INVALID, too? Then load or chance changes decisions: begin there. If not, the pipeline or "
        "the corpus changed: read the router's rules for the examples, or record the routes anew (python -m harness "
        "golden)."
    )
    invalid_when = "the decided route of an operation that ended ok is not the corpus's `expected_route`"
    unknown_when = (
        "none, or less than half of those with an expected route, could be compared: they did not end ok (stopped ones "
        "apart), or fell back without telling the route asked first; not required where the corpus gives no expected "
        "routes"
    )
    source = "ROUTE-003, criterion: 100 %"

    def __init__(self, *, golden: bool) -> None:
        self.required = golden
        self._golden = golden
        self._cases = 0
        self._wrong = 0
        self._not_ok = 0
        self._untold = 0
        self._examples: list[Operation] = []

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(golden=evidence.facts.golden)

    @classmethod
    def advise(cls, broken: Collection[str], options: Mapping[str, object]) -> str:
        """Return what to do, by whether consistency is broken as well."""
        del options
        return _LOADED if "consistency" in broken else _WRONG

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


_LOADED = "Consistency is INVALID as well: begin there, for load or chance changes decisions."
_WRONG = "Load does not change decisions, as far as consistency could tell: read the router's rules for the examples."
