"""Five hypotheses of ROUTE-004 about fallback paths, put to the test by a run: each with its n."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from harness.judge.case import Case, primary_answered_first, ran, walks
from harness.judge.checkers.disturbances.fault_windows import FaultWindow, touches
from harness.judge.checkers.fallbacks.breakers import FORCED
from harness.judge.checkers.fallbacks.context_preservation import RouteHistory
from harness.judge.checkers.fallbacks.determinism import Determinism
from harness.judge.checkers.fallbacks.fallbacks import gave_way
from harness.judge.entry import Entry, Status
from harness.measure.histogram import Histogram
from harness.words.operation import LABELS_KEPT, AttemptOutcome, Edge, Operation

FEWEST = 20
"""Operations of either kind below which a ratio of medians says nothing."""


class FallbackLatency(NamedTuple):
    """What fallbacks of a primary take while its breaker is open, beside what it takes itself in clean time."""

    primary: str
    open_p50_ms: float
    open_operations: int
    clean_p50_ms: float
    clean_operations: int

    @property
    def x(self) -> float:
        """How many times as long."""
        return self.open_p50_ms / self.clean_p50_ms if self.clean_p50_ms else float("inf")


class Activation:
    """A fold: what became of operations whose primary gave way, how soon, and what a fallback costs."""

    def __init__(self, windows: Sequence[FaultWindow] = ()) -> None:
        self._windows = windows
        self.needed = 0
        self.activated = 0
        self.ended_ok = 0
        self.delay = Histogram()  # from the end of the primary's last attempt to the first one after it
        self._while_open: dict[str, Histogram] = {}  # by primary: responses of operations that found its breaker open
        self._clean: dict[str, Histogram] = {}  # by primary: responses of those it answered at once in clean time

    def add(self, case: Case) -> None:
        """Take one case."""
        operation = case.operation
        if primary_answered_first(case.attempts):
            self._add_clean(case)
        if not case.attempts or case.stopped or primary_answered_first(case.attempts):
            return
        walk = walks(case.attempts)[0]
        primary = [attempt for attempt in walk if attempt.tier == 0]
        if not primary or not gave_way(primary[-1]):
            return
        self.needed += 1
        after = next((attempt for attempt in walk if attempt.tier and ran(attempt)), None)
        if after is None:
            return
        self.activated += 1
        self.ended_ok += case.answered
        self.delay.add(max(0, after.start_ns - primary[-1].end_ns) // 1000)
        if case.answered and primary[-1].outcome == AttemptOutcome.REJECTED and primary[-1].breaker == "open":
            _add(self._while_open, primary[0].route, operation)

    def _add_clean(self, case: Case) -> None:
        operation = case.operation
        if case.answered and not case.injections and not any(touches(window, operation) for window in self._windows):
            _add(self._clean, case.attempts[0].route, operation)

    @property
    def slowest(self) -> FallbackLatency | None:
        """The primary whose fallbacks cost most in times of its own clean latency; None where none can be compared."""
        both = (
            (route, opened, clean)
            for route, opened in self._while_open.items()
            if (clean := self._clean.get(route)) is not None and min(len(opened), len(clean)) >= FEWEST
        )
        found = (FallbackLatency(route, _p50_ms(o), len(o), _p50_ms(c), len(c)) for route, o, c in both)
        return max(found, key=lambda latency: latency.x, default=None)

    @property
    def latency_x(self) -> float | None:
        """p50 of operations whose primary's breaker was open over the p50 of that primary in clean time."""
        return None if self.slowest is None else self.slowest.x

    def close(self, correctness: Entry) -> Entry:
        """VALID if every operation whose primary gave way went on to a fallback."""
        name, target = "fallback activation", "100 %"
        if not self.needed:
            return Entry(name, Status.UNKNOWN, None, target, "no operation's primary gave way", required=False)
        detail = f"n = {self.needed:,} operations whose primary gave way, {self.ended_ok:,} of them ended ok"
        p50, p95 = self.delay.percentiles_us((50.0, 95.0))
        if p50 is not None and p95 is not None:
            detail += f"; the next route began p50 {p50 / 1000:.3g} ms, p95 {p95 / 1000:.3g} ms after the primary's end"
        if (slowest := self.slowest) is not None:
            detail += (
                f"; with its breaker open p50 is at most {slowest.x:.3g} times the clean primary's "
                f"({slowest.primary}: {slowest.open_operations:,} and {slowest.clean_operations:,} operations)"
            )
        actual = f"{self.activated:,} of {self.needed:,}"
        if correctness.status is not Status.VALID:
            found = f"{detail}; {correctness.detail}"
            return Entry(name, correctness.status, actual, target, found, correctness.examples)
        return Entry(name, Status.VALID, actual, target, detail)

    def as_json(self) -> dict[str, object]:
        """Return ``totals.fallback_latency``: of the slowest primary the medians in milliseconds and their ratio."""
        found = self.slowest
        if found is None:
            return dict.fromkeys((*FallbackLatency._fields, "x"))
        return {**found._asdict(), "x": round(found.x, 6)}


def _add(by_route: dict[str, Histogram], route: str, operation: Operation) -> None:
    if route in by_route or len(by_route) < LABELS_KEPT:
        by_route.setdefault(route, Histogram()).add((operation.response_ns + 500) // 1000)


def _p50_ms(histogram: Histogram) -> float:
    found = histogram.percentile_us(50.0)
    assert found is not None
    return round(found / 1000, 6)


def of_breakers(edges: Collection[Edge], legality: Entry) -> Entry:
    """Return the entry on breaker transitions: as legal as the check of that name found them."""
    name, target = "breaker transitions", "0 illegal"
    own = [edge for edge in edges if not edge.cause.startswith(FORCED)]
    if not own:
        detail = "no breaker changed its state by itself"
        return Entry(name, Status.UNKNOWN, None, target, detail, required=False)
    kinds: dict[str, int] = {}
    for edge in own:
        kind = f"{edge.before} to {edge.after}"
        kinds[kind] = kinds.get(kind, 0) + 1
    counted = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items())[:LABELS_KEPT])
    detail = f"n = {len(own):,} edges of {len({edge.name for edge in own}):,} breakers: {counted}"
    if legality.status is Status.INVALID:
        return Entry(name, Status.INVALID, legality.actual, target, f"{detail}; {legality.detail}", legality.examples)
    return Entry(name, legality.status, "0 illegal", target, detail)


ASKED = frozenset({"state preservation", "breaker legality", "fallback correctness"})
"""Checkers whose entries the hypotheses look at."""


def hypotheses(
    checks: Mapping[str, Entry],
    edges: Collection[Edge],
    activation: Activation,
    determinism: Determinism,
    history: RouteHistory,
) -> list[Entry]:
    """Return five of the hypotheses in order; ``checks`` are the entries of the checkers by name."""
    preserved = checks["state preservation"]
    return [
        of_breakers(edges, checks["breaker legality"]),
        activation.close(checks["fallback correctness"]),
        preserved,
        determinism.close(),
        history.close(),
    ]
