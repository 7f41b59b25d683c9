"""Determinism: equal inputs under equal conditions are decided equally, all the way down a fallback chain.

The conditions of an operation are what its chain was told on its way: in what state each tier's breaker was found and
how the tier ended. They are part of the key, so a fallback decision is compared with those that saw the same. How
often a tier retried is not: that hangs on what an error was and on a budget that all operations share. Where the target
tells no attempts, the decided route alone is compared.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from harness.judge.case import QUOTES, Case, quoted, walks
from harness.judge.entry import EXAMPLES, Entry, Status
from harness.words.operation import Attempt, Operation
from harness.words.place import PlaceKind

REPEATS = 100
"""Repeats of a scenario that ROUTE-004 asks for."""


def steps_of(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """Return the last attempt of each tier on the way down, chain by chain: retries are left out."""
    if len(attempts) == 1:  # most operations of most runs
        return attempts
    steps: list[Attempt] = []
    for walk in walks(attempts):
        for place, attempt in enumerate(walk):
            following = walk[place + 1] if place + 1 < len(walk) else None
            if following is None or (following.route, following.tier) != (attempt.route, attempt.tier):
                steps.append(attempt)
    return steps


def conditions_of(steps: Sequence[Attempt]) -> tuple[Hashable, ...]:
    """Return what the chain was told on the way: per tier the state of its breaker and how it ended."""
    return tuple([(step.breaker, step.outcome) for step in steps])


def way_of(operation: Operation, steps: Sequence[Attempt]) -> tuple[Hashable, ...]:
    """Return what was decided: the route decided for and, where attempts are told, each step and who answered."""
    if not steps:
        return (operation.decided_route,)
    return (operation.decided_route, operation.route, operation.tier, *[(step.route, step.tier) for step in steps])


class Determinism:
    """A fold: each scenario's way down its chain, compared with the first one under the same conditions.

    Left out are operations that did not end ok, and those whose stages a fault hit, or that tell no attempts and were
    hit anywhere: their inputs were not equal. A fault that struck inside an attempt is part of the conditions.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[str, tuple[Hashable, ...]], tuple[Hashable, ...]] = {}
        self._known: dict[tuple[Hashable, ...], tuple[Hashable, ...]] = {}  # one object for each of the few that differ
        self._repeats: dict[str, int] = {}
        self._fell_back = 0
        self._different = 0
        self._examples: list[Case] = []

    def add(self, case: Case) -> None:
        """Compare one operation with the first one of its scenario and conditions."""
        if not case.answered:
            return
        if any(injection.at.kind is PlaceKind.STAGE or not case.attempts for injection in case.injections):
            return
        steps = steps_of(case.attempts)
        scenario, way = case.operation.scenario, way_of(case.operation, steps)
        if way[0] is None:
            return
        conditions = conditions_of(steps)
        self._repeats.setdefault(scenario, 0)
        key = scenario, self._known.setdefault(conditions, conditions)
        first = self._first.get(key)
        if first is None:
            self._first[key] = self._known.setdefault(way, way)
            return
        self._repeats[scenario] += 1
        self._fell_back += case.fell_back
        if way != first:
            self._different += 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(case)

    def close(self) -> Entry:
        """INVALID if a way differs; UNKNOWN where no scenario came back ``REPEATS`` times under equal conditions."""
        name, target = "determinism", f"0 differ, a scenario with {REPEATS} repeats"
        n, most = sum(self._repeats.values()), max(self._repeats.values(), default=0)
        often = sum(repeats >= REPEATS for repeats in self._repeats.values())
        detail = (
            f"n = {n:,} repeats under equal conditions, {often:,} scenarios {REPEATS} times or more; "
            f"{len(self._repeats):,} scenarios, of one at most {most:,} repeats, {self._fell_back:,} of all fell back"
        )
        if self._different:
            found = tuple(case.operation.id for case in self._examples)
            detail = f"{detail}; e.g. {'; '.join(quoted(case) for case in self._examples[:QUOTES])}"
            return Entry(name, Status.INVALID, f"{self._different:,} differ", target, detail, found)
        status = Status.VALID if most >= REPEATS else Status.UNKNOWN
        return Entry(name, status, "0 differ" if n else None, target, detail, required=False)
