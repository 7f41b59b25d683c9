"""Five hypotheses of ROUTE-004 about fallback paths, put to the test by a run: each with its n."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from harness.judge.breakers import FORCED
from harness.judge.case import Case, quoted, ran, straight, walks
from harness.judge.entry import EXAMPLES, Entry, Status
from harness.judge.fallbacks import gave_way
from harness.judge.fault_windows import FaultWindow
from harness.judge.state import RouteHistory
from harness.measure.histogram import Histogram
from harness.words.operation import LABELS_KEPT, AttemptOutcome, Edge, Operation

REPEATS = 100
"""Repeats of a scenario that ROUTE-004 asks for."""


class Activation:
    """A fold: what became of operations whose primary gave way, how soon, and what a fallback costs."""

    def __init__(self, windows: Sequence[FaultWindow] = ()) -> None:
        self._windows = windows
        self.needed = 0
        self.activated = 0
        self.ended_ok = 0
        self.delay = Histogram()  # from the end of the primary's last attempt to the first one after it
        self.while_open = Histogram()  # responses of operations whose primary's breaker was open
        self.clean = Histogram()  # responses of operations by the primary in clean time

    def add(self, case: Case) -> None:
        """Take one case."""
        operation = case.operation
        if not case.attempts or straight(case.attempts):
            self._add_clean(case)
            return
        if case.stopped:
            return
        walk = walks(case.attempts)[0]
        primary = [attempt for attempt in walk if attempt.tier == 0]
        if not primary or not gave_way(primary[-1]):
            self._add_clean(case)
            return
        self.needed += 1
        after = next((attempt for attempt in walk if attempt.tier and ran(attempt)), None)
        if after is None:
            return
        self.activated += 1
        self.ended_ok += case.answered
        self.delay.add(max(0, after.start_ns - primary[-1].end_ns) // 1000)
        if case.answered and primary[-1].outcome == AttemptOutcome.REJECTED and primary[-1].breaker == "open":
            self.while_open.add((operation.response_ns + 500) // 1000)

    def _add_clean(self, case: Case) -> None:
        operation = case.operation
        if not case.answered or operation.tier or case.injections:
            return
        if not any(touches(window, operation) for window in self._windows):
            self.clean.add((operation.response_ns + 500) // 1000)

    @property
    def latency_x(self) -> float | None:
        """p50 of operations whose primary's breaker was open over the p50 of the primary in clean time."""
        opened, clean = self.while_open.percentile_us(50.0), self.clean.percentile_us(50.0)
        return None if opened is None or not clean else opened / clean

    def close(self, correctness: Entry) -> Entry:
        """VALID if every operation whose primary gave way went on to a fallback."""
        name, target = "fallback activation", "100 %"
        if not self.needed:
            return Entry(name, Status.UNKNOWN, None, target, "no operation's primary gave way", required=False)
        detail = f"n = {self.needed:,} operations whose primary gave way, {self.ended_ok:,} of them ended ok"
        p50, p95 = self.delay.percentiles_us((50.0, 95.0))
        if p50 is not None and p95 is not None:
            detail += f"; the next route began p50 {p50 / 1000:.3g} ms, p95 {p95 / 1000:.3g} ms after the primary's end"
        if self.latency_x is not None:
            detail += (
                f"; with its breaker open p50 is {self.latency_x:.3g} times the clean primary's "
                f"({len(self.while_open):,} and {len(self.clean):,} operations)"
            )
        actual = f"{self.activated:,} of {self.needed:,}"
        if correctness.status is Status.INVALID:
            return Entry(name, Status.INVALID, actual, target, f"{detail}; {correctness.detail}", correctness.examples)
        return Entry(name, Status.VALID, actual, target, detail)

    def as_json(self) -> dict[str, object]:
        """Return ``totals.fallback_latency``: medians in milliseconds, and their ratio."""
        opened, clean = self.while_open.percentile_us(50.0), self.clean.percentile_us(50.0)
        return {
            "breaker_open_p50_ms": None if opened is None else round(opened / 1000, 6),
            "breaker_open_operations": len(self.while_open),
            "clean_primary_p50_ms": None if clean is None else round(clean / 1000, 6),
            "clean_primary_operations": len(self.clean),
            "x": None if self.latency_x is None else round(self.latency_x, 6),
        }


def touches(window: FaultWindow, operation: Operation) -> bool:
    """Whether an operation ran while a window was open."""
    return operation.end_ns >= window.start_ns and (window.end_ns is None or operation.start_ns <= window.end_ns)


class Determinism:
    """A fold: each scenario's decided route over its repeats, of operations that no fault hit."""

    def __init__(self) -> None:
        self._first: dict[str, str | None] = {}
        self._repeats: dict[str, int] = {}
        self._different = 0
        self._examples: list[Case] = []

    def add(self, case: Case) -> None:
        """Compare one operation with the first one of its scenario."""
        if not case.answered or case.injections:
            return
        route, scenario = case.operation.decided_route, case.operation.scenario
        if route is None:
            return
        seen = self._repeats[scenario] = self._repeats.get(scenario, -1) + 1
        if not seen:
            self._first[scenario] = route
        elif route != self._first[scenario]:
            self._different += 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(case)

    def close(self) -> Entry:
        """INVALID if a route differs; UNKNOWN where no scenario came back ``REPEATS`` times."""
        name, target = "determinism", f"0 differ, a scenario with {REPEATS} repeats"
        n, most = sum(self._repeats.values()), max(self._repeats.values(), default=0)
        detail = f"n = {n:,} repeats of {len(self._repeats):,} scenarios, of one at most {most:,}"
        if self._different:
            found = tuple(case.operation.id for case in self._examples)
            detail = f"{detail}; e.g. {'; '.join(quoted(case) for case in self._examples[:3])}"
            return Entry(name, Status.INVALID, f"{self._different:,} differ", target, detail, found)
        status = Status.VALID if most >= REPEATS else Status.UNKNOWN
        return Entry(name, status, "0 differ" if n else None, target, detail, required=False)


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


def hypotheses(
    checks: Mapping[str, Entry],
    edges: Collection[Edge],
    activation: Activation,
    determinism: Determinism,
    history: RouteHistory,
) -> list[Entry]:
    """Return the five hypotheses in order; ``checks`` are the entries of the checkers by name."""
    preserved = checks["state preservation"]
    return [
        of_breakers(edges, checks["breaker legality"]),
        activation.close(checks["fallback correctness"]),
        preserved,
        determinism.close(),
        history.close(),
    ]
