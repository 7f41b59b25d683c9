"""Consistency: equal inputs get equal routes, under load as in the baseline."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Self

from harness.judge.checker import OfOperations
from harness.judge.entry import EXAMPLES, Entry, Status, Unseen, percent, shown_percent, zero_of
from harness.judge.evidence import Evidence, decided_routes
from harness.words.operation import Operation, Outcome, display_id


class Consistency(OfOperations):
    """Equal inputs get equal routes: under load as in the baseline, and at any time as at any other.

    Compared are operations that ended ok, by scenario; where a fallback answered, the route asked first, if the target
    tells it. Operations under unequal conditions are not for this checker. Source: ROUTE-004 H4, determinism.
    """

    name = "consistency"
    place = 20
    undisturbed = True
    metric = "consistency_pct"
    means = "the route depends on something besides the request: load, time, chance, what came before"
    advice = (
        "Look at the examples' start times, and run with --graph-scope per-request: if it goes away, requests share "
        "state through the graph. A router that draws its route at random is INVALID here by definition."
    )
    invalid_when = (
        "of one scenario, a decided route under load differs from the one in the baseline; or, for scenarios "
        "outside it, from the first one under load"
    )
    unknown_when = (
        "none could be compared with the baseline, or more fell back without telling the route asked first than "
        "could be compared"
    )
    source = "determinism, ROUTE-004 H4"

    def __init__(self, baseline: Iterable[Operation]) -> None:
        self._baseline = decided_routes(baseline)
        self._first: dict[str, Operation] = {}
        self._with_baseline = 0
        self._repeated = 0
        self._untold = 0
        self._cases = 0
        self._different = 0
        self._examples: list[tuple[Operation, str | None, str]] = []

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.baseline)

    @classmethod
    def advise(cls, broken: Collection[str], options: Mapping[str, object]) -> str:
        """Return what to do; another graph scope is advised where it would be another."""
        del broken
        elsewhere = "module globals, caches, clients, the clock, chance"
        if options.get("graph_scope") == _PER_REQUEST:
            return f"Each request had a graph of its own: look for what else they share or depend on ({elsewhere})."
        return (
            f"Run with --graph-scope {_PER_REQUEST}: if it goes away, requests share state through the graph. Else "
            f"look for what else they share or depend on ({elsewhere})."
        )

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


_PER_REQUEST = "per-request"
