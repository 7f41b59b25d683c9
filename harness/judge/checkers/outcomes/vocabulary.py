"""Whether operations were decided for routes that the corpus knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.judge.entry import EXAMPLES, Entry, Status
from harness.load.corpus.corpus import Scenario
from harness.words.operation import LABELS_KEPT, OTHER, Operation, Outcome

NAME = "route vocabulary"
NAMED_SHARE = 0.5
"""Share of the scenarios with an expected route from which on a route that none of them expects is a concern.

A corpus that gives an expected route to a few scenarios only does not claim to name all routes.
"""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The routes that a corpus names as expected, and whether it names those of most scenarios."""

    routes: frozenset[str]
    of_most: bool

    @classmethod
    def of(cls, scenarios: Iterable[Scenario]) -> Vocabulary | None:
        """Return the vocabulary of some scenarios, None where they name no route."""
        count = named = 0
        routes = set()
        for scenario in scenarios:
            count += 1
            if scenario.expected_route is not None:
                named += 1
                routes.add(scenario.expected_route)
        return cls(frozenset(routes), named >= NAMED_SHARE * count) if routes else None


class UnknownRoutes:
    """A fold of operations: those that ended ok and were decided for a route that is not in the vocabulary.

    Args:
        vocabulary: None where the corpus names no route; then nothing is counted.

    """

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        self._vocabulary = vocabulary
        self._cases = 0
        self._routes: dict[str, int] = {}
        self._examples: list[int] = []

    def add(self, operation: Operation) -> None:
        """Take one operation; those without a usable route are for other checks."""
        if self._vocabulary is None or operation.outcome is not Outcome.OK or operation.flag is not None:
            return
        route = operation.decided_route
        if route is None:
            return
        self._cases += 1
        if route in self._vocabulary.routes:
            return
        if route not in self._routes and len(self._routes) >= LABELS_KEPT:
            route = OTHER
        self._routes[route] = self._routes.get(route, 0) + 1
        if len(self._examples) < EXAMPLES:
            self._examples.append(operation.id)

    @property
    def count(self) -> int | None:
        """Operations with an unknown route; None where the corpus names no route."""
        return None if self._vocabulary is None else sum(self._routes.values())

    def row(self) -> Entry | None:
        """Return the row of the verdict, None where every route was known.

        It is never INVALID: that a route is wrong, only the expected route of its own scenario can say (accuracy).
        """
        if not self._routes or self._vocabulary is None:
            return None
        count = sum(self._routes.values())
        most = sorted(self._routes.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{route} {number:,}" for route, number in most[:5]) + (", …" if len(most) > 5 else "")
        detail = f"routes that the corpus names nowhere: {shown}, in {count:,} of {self._cases:,} operations"
        concern = f"{count:,} operations went to routes that the corpus names nowhere"
        return Entry(
            NAME,
            Status.VALID,
            f"{count:,} unknown",
            None,
            detail,
            tuple(self._examples),
            required=False,
            concern=concern if self._vocabulary.of_most else None,
        )
