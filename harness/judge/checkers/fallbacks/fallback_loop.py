"""Fallback loops: no operation goes in circles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.judge.case import Case, primary_answered_first, walks
from harness.judge.checker import OfCases
from harness.judge.checkers.fallbacks.fallbacks import TELLS_NONE, Violations, untold
from harness.judge.entry import Entry
from harness.judge.evidence import Need
from harness.words.operation import Attempt


class FallbackLoop(OfCases):
    """No operation goes in circles: no tier below an earlier one, no route again but by its own retries.

    How many retries a route has declared is not told, so their number is not judged. Source: ROUTE-004 section 1.3.
    """

    name = "fallback loop"
    place = 70
    needs = frozenset({Need.ATTEMPTS})
    means = "an operation goes in circles through its routes"
    advice = "Let a chain try each route once, in its declared order."
    invalid_when = (
        "a route is tried again other than right after itself at the same tier, or a tier is below the one before"
    )
    unknown_when = "most operations tell no attempts"
    source = "ROUTE-004 §1.3"

    def __init__(self) -> None:
        self._cases = 0
        self._untold = 0
        self._found = Violations()

    def add(self, case: Case) -> None:
        """Look at one operation whose attempts are told."""
        if not case.attempts:
            self._untold += not case.stopped
            return
        self._cases += 1
        if primary_answered_first(case.attempts):
            return
        for kind in dict.fromkeys(kind for walk in walks(case.attempts) for kind in _circles(walk)):
            self._found.add(kind, case)

    def close(self) -> Entry:
        """INVALID if an operation went in circles; UNKNOWN where no attempts are told."""
        return self._found.decide(self.name, self._cases, "circles", TELLS_NONE, untold(self._untold))


def _circles(walk: Sequence[Attempt]) -> Iterator[str]:
    if any(after.tier < before.tier for before, after in pairwise(walk)):
        yield "tier decreases"
    runs = [walk[0]]
    runs += [a for b, a in pairwise(walk) if (a.route, a.tier) != (b.route, b.tier)]
    routes = [attempt.route for attempt in runs]
    if len(set(routes)) < len(routes):
        yield "route recurs"
