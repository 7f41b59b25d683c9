"""The evidence of one run: all that a verdict is made from, as values and as readers given in.

Nothing here opens a file, so that the same evidence gives the same verdict wherever it is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar, cast

from harness.judge.case import Case
from harness.judge.criteria.criteria import Criterion
from harness.judge.events import Event
from harness.judge.facts import Facts
from harness.measure.series_csv import SeriesRow
from harness.measure.vitals import Vitals
from harness.words.operation import Edge, Operation, Outcome

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Seen:
    """How many rows of what a history holds, and its edges."""

    attempts: int = 0
    injections: int = 0
    calls: int = 0
    untied_calls: int = 0  # those of them that carry no operation
    edges: Mapping[int, Sequence[Edge]] = field(default_factory=dict)  # by worker, in order of time


class Need(StrEnum):
    """What must be there for a checker to have something to judge; the value is how pages and reports call it."""

    ATTEMPTS = "attempts told by the target"
    CALLS = "a log of simulated backends"
    BREAKER_EDGES = "edges of circuit breakers"
    PLAN = "a fault plan"
    FAULTS = "faults of a plan that hit operations"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one run left behind.

    Args:
        facts: what the run knows of itself.
        seen: what of a history is there to be judged.
        criteria: thresholds, in their order.
        baseline: operations made one after the other before the load.
        series: rows of ``series.csv``.
        vitals: rows of ``vitals.csv``.
        operations: reads the operations; each call begins anew.
        cases: reads them with what belongs to each; each call begins anew.
        events: reads what happened to all of them in order of time; each call begins anew.

    """

    facts: Facts
    seen: Seen = field(default_factory=Seen)
    criteria: Sequence[Criterion] = ()
    baseline: Sequence[Operation] = ()
    series: Sequence[SeriesRow] = ()
    vitals: Sequence[Vitals] = ()
    operations: Callable[[], Iterable[Operation]] = tuple
    cases: Callable[[], Iterable[Case]] = tuple
    events: Callable[[], Iterable[Event]] = tuple
    _made: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, make: Callable[[Evidence], Made]) -> Made:
        """Return what ``make`` makes of this evidence: made once, and shared by all that ask for it."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("Made", self._made[make])

    @cached_property
    def there(self) -> frozenset[Need]:
        """What of the needs of checkers is there."""
        found = {
            Need.ATTEMPTS: self.seen.attempts,
            Need.CALLS: self.seen.calls,
            Need.BREAKER_EDGES: sum(map(len, self.breaker_edges.values())),
            Need.PLAN: len(self.facts.faults),
            Need.FAULTS: self.seen.injections + sum(not fault.whole_window for fault in self.facts.faults),
        }
        return frozenset(need for need, count in found.items() if count)

    @cached_property
    def users(self) -> dict[int, int]:
        """Concurrent users by Unix second, of seconds in which they are known."""
        return {row.key.second: row.users for row in self.series if row.users is not None}

    @cached_property
    def reference(self) -> dict[str, str | None]:
        """The decided route of each scenario of the baseline that ended ok."""
        return decided_routes(self.baseline)

    @property
    def breaker_edges(self) -> dict[int, list[Edge]]:
        """Edges of circuit breakers by worker."""
        return self._edges("breaker")

    @property
    def fault_edges(self) -> dict[int, list[Edge]]:
        """Edges of windows of faults by worker."""
        return self._edges("fault")

    def _edges(self, what: str) -> dict[int, list[Edge]]:
        return {worker: [edge for edge in all_ if edge.what == what] for worker, all_ in self.seen.edges.items()}


def decided_routes(baseline: Iterable[Operation]) -> dict[str, str | None]:
    """Return the route decided for by each scenario of a baseline that ended ok."""
    return {
        op.scenario: op.decided_route
        for op in baseline
        if op.outcome is Outcome.OK and not (op.tier and op.decided_route is None)
    }
