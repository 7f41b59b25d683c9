"""Whether operations were decided for routes that the corpus knows."""

from __future__ import annotations

from typing import Self

from harness.judge.checker import OfOperations
from harness.judge.entry import EXAMPLES, Entry, Status
from harness.judge.evidence import Evidence
from harness.load.corpus.vocabulary import Vocabulary
from harness.words.operation import LABELS_KEPT, OTHER, Operation, Outcome


class UnknownRoutes(OfOperations):
    """No operation that ended ok was decided for a route that the corpus does not name.

    Never INVALID: that a route is wrong, only the expected route of its own scenario can say (accuracy).

    Args:
        vocabulary: None where the corpus names no route; then nothing is counted.

    """

    name = "route vocabulary"
    place = 140
    required = False
    means = "never INVALID: operations went to routes that no scenario of the corpus expects"
    advice = "A new route? Give a scenario that expects it. Else look at the examples."
    invalid_when = (
        "never: that a route is wrong, only the expected route of the operation's own scenario can say. The row is "
        "there where operations that ended ok were decided for a route that no scenario of the corpus expects"
    )
    unknown_when = "never: without such a route, or where the corpus expects none, there is no row"
    source = "ours"

    def __init__(self, vocabulary: Vocabulary | None) -> None:
        self._vocabulary = vocabulary
        self._cases = 0
        self._routes: dict[str, int] = {}
        self._examples: list[int] = []

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.facts.vocabulary)

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

    def totals(self) -> dict[str, object]:
        """Return ``unknown_route``."""
        return {"unknown_route": self.count}

    def close(self) -> Entry | None:
        """Return the row of the verdict, None where every route was known."""
        if not self._routes or self._vocabulary is None:
            return None
        count = sum(self._routes.values())
        most = sorted(self._routes.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{route} {number:,}" for route, number in most[:5]) + (", …" if len(most) > 5 else "")
        detail = f"routes that the corpus names nowhere: {shown}, in {count:,} of {self._cases:,} operations"
        concern = f"{count:,} operations went to routes that the corpus names nowhere"
        return Entry(
            self.name,
            Status.VALID,
            f"{count:,} unknown",
            None,
            detail,
            tuple(self._examples),
            required=False,
            concern=concern if self._vocabulary.of_most else None,
        )
