"""Circuit breakers: legal edges, no calls through an open one, and every edge with its cause.

A breaker tells its own edges (``what="breaker"`` in the history); attempts tell in which state they found it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

from harness.judge.case import QUOTES, Case, quoted, ran
from harness.judge.checker import OfCases
from harness.judge.entry import EXAMPLES, Entry, Status, zero_of
from harness.judge.evidence import Evidence, Need
from harness.words.operation import LABELS_KEPT, OTHER, Edge

LEGAL = frozenset({("closed", "open"), ("open", "half_open"), ("half_open", "closed"), ("half_open", "open")})
"""Source: Circuit Breaker pattern (Azure Architecture Center), resilience4j."""

FORCED = ("forced open", "reset")
"""How the causes of edges begin that were made from outside."""

ALL_OPEN = "all breakers open"
"""How the reason of an attempt begins that was let through because all breakers were open."""

EDGES_KEPT = 200

NOT_JUDGED = "thresholds, open time and number of probes not judged"
"""What a breaker's settings allow stands in no history: when it opens, for how long, and how many probes it permits."""


class BreakerLegality(OfCases):
    """Breakers move along legal edges, and no call goes through an open one.

    Edges forced from outside may be any. How many probes a breaker permits, and its thresholds, stand in no history:
    they are not judged. Nor is it judged whether an edge begins where the one before it ended, since several breakers
    may have one name.
    """

    name = "breaker legality"
    place = 100
    needs = frozenset({Need.ATTEMPTS, Need.BREAKER_EDGES})
    left_out = True
    means = "a circuit breaker made a step that it may not make, or let a call through while it was open"
    advice = "Check the breaker's thresholds and that nothing passes it while it is open."
    invalid_when = (
        "an edge that is not closed → open → half_open → {closed, open} and was not forced; or an attempt was executed "
        'under an open breaker without "all breakers open". Thresholds, open time and number of probes are not judged, '
        "and its detail says so first"
    )
    unknown_when = "no attempt was made under a breaker, and no breaker tells its edges"
    not_judged = ("thresholds and probes of breakers",)
    source = "Azure Architecture Center, resilience4j"

    def __init__(self, edges: Sequence[Edge] | Mapping[int, Sequence[Edge]]) -> None:
        self._by_worker = dict(edges) if isinstance(edges, Mapping) else {0: edges}
        self._edges = [edge for seen in self._by_worker.values() for edge in seen]
        self._cases = 0
        self._through = 0
        self._examples: list[int] = []
        self._quotes: list[str] = []

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.breaker_edges)

    def add(self, case: Case) -> None:
        """Look at the attempts of one operation."""
        for attempt in case.attempts:
            if attempt.breaker is None or not ran(attempt):
                continue
            self._cases += 1
            if attempt.breaker != "open" or (attempt.reason or "").startswith(ALL_OPEN):
                continue
            self._through += 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(case.operation.id)
            if len(self._quotes) < QUOTES:
                self._quotes.append(quoted(case))

    def close(self) -> Entry:
        """INVALID for an illegal edge or a call let through; UNKNOWN where no breaker was seen."""
        illegal = [edge for edge in self._edges if not is_legal(edge)]
        n = self._cases + len(self._edges)
        if not n:
            return Entry(self.name, Status.UNKNOWN, None, "0", "no breaker tells of itself", required=False)
        seen = f"{len(self._edges):,} edges, {self._cases:,} attempts under a breaker"
        if not illegal and not self._through:
            detail = f"{NOT_JUDGED}, illegal edges and calls while open: {zero_of(n)}; {seen}"
            return Entry(self.name, Status.VALID, "0", "0", detail)
        parts = [f"{edge.name}: {edge.before} to {edge.after} ({edge.cause})" for edge in illegal[:QUOTES]]
        detail = f"{len(illegal):,} illegal edges, {self._through:,} calls let through while open; {seen}; {NOT_JUDGED}"
        found = tuple(self._examples)
        actual = f"{len(illegal) + self._through:,}"
        return Entry(self.name, Status.INVALID, actual, "0", f"{detail}, e.g. {'; '.join(parts + self._quotes)}", found)

    def totals(self) -> dict[str, object]:
        """Return ``breakers``, where there are edges."""
        return {"breakers": breakers_as_json(self._by_worker)} if self._edges else {}


def is_legal(edge: Edge) -> bool:
    """Whether a breaker may make an edge."""
    return (edge.before, edge.after) in LEGAL or edge.cause.startswith(FORCED)


def breakers_as_json(edges: Mapping[int, Sequence[Edge]]) -> dict[str, object]:
    """Return ``totals.breakers``: how many edges of which kind by breaker, and the first ones with their causes.

    ``edges`` are those of breakers by worker; ``at_unix_s`` are seconds since the Unix epoch.
    """
    in_order = sorted((edge.at_ns, worker, edge) for worker, seen in edges.items() for edge in seen)
    counts: dict[str, Counter[str]] = {}
    for _, _, edge in in_order:
        name = edge.name if edge.name in counts or len(counts) < LABELS_KEPT else OTHER
        counts.setdefault(name, Counter())[f"{edge.before} to {edge.after}"] += 1
    return {
        "count": len(in_order),
        "by_breaker": {name: dict(sorted(kinds.items())) for name, kinds in sorted(counts.items())},
        "edges": [
            {
                "at_unix_s": round(at_ns / 1e9, 6),
                "worker": worker,
                "breaker": edge.name,
                "before": edge.before,
                "after": edge.after,
                "cause": edge.cause,
            }
            for at_ns, worker, edge in in_order[:EDGES_KEPT]
        ],
    }
