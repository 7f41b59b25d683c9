"""The routes that a corpus names as expected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.load.corpus.corpus import Scenario

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
