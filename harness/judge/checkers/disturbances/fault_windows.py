"""Fault windows: what each opening of a fault came to.

A window is opened and closed by every loading process on the clock of the master; the edges of all workers that
overlap are one window, from the first opening to the last closing that was seen. A worker that died inside of it saw
none, and keeps nothing open for the others. Nothing here decides; ``recovery`` does. ``spans_of`` is the one place
where edges become windows, and ``Hits`` the one where injections find theirs: by the ordinals that both carry; in
histories of 0.1.0, which have none, by time. ``analysis`` takes both for runs that were never judged; of a judged run
``faults.csv`` has the windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.judge.case import Case, ran, walks
from harness.judge.checkers.disturbances.ledger import Fate, balance, fate_of, struck_by
from harness.judge.checkers.fallbacks.fallbacks import Ways, gave_way, given_up, wrong_uses
from harness.judge.evidence import Evidence
from harness.load.faults.kinds import Fault
from harness.load.faults.kinds.what import Rules
from harness.words.operation import FAULT_FAILED, LABELS_KEPT, THE_RUN_ENDED, Attempt, Edge, Operation, worker_of
from harness.words.place import PlaceKind

OPEN = "open"
APART_NS = 1_000_000_000
"""How much earlier than all others a worker that died may have opened a window: clocks and wake-ups differ a little."""


@dataclass(slots=True)
class FaultWindow:
    """One opening of a fault. Times in Unix nanoseconds; what was not measured is None."""

    fault: Fault
    start_ns: int
    end_ns: int | None  # None where nobody saw it close
    lasted: bool  # it was still open when the run ended
    failed: str | None = None  # why it could not be put in force or undone
    ordinals: tuple[tuple[int, int], ...] = ()  # each worker's part of it: worker, its ordinal of the window
    hit: int = 0  # operations
    fates: Counter[Fate] = field(default_factory=Counter)
    first_fallback_ns: int | None = None
    wrong: Counter[str] = field(default_factory=Counter)
    given_up: Counter[tuple[str, ...]] = field(default_factory=Counter)
    first_hit_ns: int | None = None
    last_hit_ns: int | None = None
    recovered_ns: int | None = None

    @property
    def span(self) -> Span:
        """What edges tell of it."""
        return Span(self.fault.name, self.start_ns, self.end_ns, self.lasted, self.failed, self.ordinals)

    @property
    def begins_ns(self) -> int:
        """When it began: for a window of operations, when the first one was hit."""
        return self.start_ns if self.fault.when.operations is None else self.first_hit_ns or self.start_ns

    @property
    def ends_ns(self) -> int | None:
        """When it was over: for a window of operations, when the last one was hit; None if not in this run."""
        if self.fault.when.operations is not None and self.last_hit_ns is not None:
            return self.last_hit_ns
        return None if self.lasted else self.end_ns

    @property
    def activation_delay_ms(self) -> float | None:
        """From its beginning to the first fallback of an operation it concerned."""
        return None if self.first_fallback_ns is None else (self.first_fallback_ns - self.begins_ns) / 1e6

    @property
    def recovery_s(self) -> float | None:
        """From its end to the first moment of the first three seconds that were as before."""
        if self.recovered_ns is None or self.ends_ns is None:
            return None
        return (self.recovered_ns - self.ends_ns) / 1e9

    def as_json(self, ways: Ways) -> dict[str, object]:
        """Return its row of ``faults.csv``; ``ways`` say which operations had a next route."""
        end_ns = self.end_ns if self.ends_ns is None else self.ends_ns
        delay_ms, recovery_s = self.activation_delay_ms, self.recovery_s
        return {
            "name": self.fault.name,
            "kind": self.fault.kind,
            "where": str(self.fault.where),
            "share": self.fault.share,
            "start_unix_s": round(self.begins_ns / 1e9, 6),
            "end_unix_s": None if end_ns is None else round(end_ns / 1e9, 6),
            "operations_hit": self.hit,
            **balance(self.fates),
            "activation_delay_ms": None if delay_ms is None else round(delay_ms, 3),
            "recovery_s": None if recovery_s is None else round(recovery_s, 3),
            "false_fallbacks": self.wrong["false"],
            "missed_fallbacks": sum(count for routes, count in self.given_up.items() if ways.went_on(routes)),
            "out_of_order": self.wrong["order"],
            "failed": self.failed,
        }


class Span(NamedTuple):
    """One window of a fault by its edges. Times in Unix nanoseconds."""

    name: str  # of the fault
    start_ns: int
    end_ns: int | None  # None where nobody saw it close
    lasted: bool  # it was still open when the run ended
    failed: str | None = None  # why it could not be put in force or undone
    ordinals: tuple[tuple[int, int], ...] = ()  # each worker's part of it: worker, its ordinal of the window

    def merged(self, other: Span) -> Span:
        """Return both as one window: of the last that was seen to close, if any was."""
        closed = [end_ns for end_ns in (self.end_ns, other.end_ns) if end_ns is not None]
        return Span(
            self.name,
            min(self.start_ns, other.start_ns),
            max(closed, default=None),
            self.lasted if other.end_ns is None else self.lasted or other.lasted,
            self.failed or other.failed,
            (*self.ordinals, *other.ordinals),
        )


def windows_of(edges: Mapping[int, Iterable[Edge]], faults: Sequence[Fault]) -> list[FaultWindow]:
    """Return the windows that edges of faults, by worker, tell of, in order of their beginning."""
    by_name = {fault.name: fault for fault in faults}
    return [
        FaultWindow(by_name[span.name], *span[1:])  # the fields of a span, in their order
        for span in spans_of(edges)
        if span.name in by_name
    ]


def windows_in(evidence: Evidence) -> list[FaultWindow]:
    """Return the windows of one run; ask for them by ``evidence.once``, since what they come to is counted in them."""
    return windows_of(evidence.fault_edges, evidence.facts.faults)


def spans_of(edges: Mapping[int, Iterable[Edge]]) -> list[Span]:
    """Return the windows of all faults that edges of faults, by worker and in their order, tell of, by their begin."""
    spans: dict[str, list[Span]] = {}
    for worker, seen in edges.items():
        opened: dict[tuple[str, int | None], Span] = {}
        for edge in seen:
            key = edge.name, edge.window
            if edge.after == OPEN:
                ordinals = () if edge.window is None else ((worker, edge.window),)
                opened[key] = Span(edge.name, edge.at_ns, None, lasted=True, ordinals=ordinals)
            elif key in opened:
                ended, failed = edge.cause == THE_RUN_ENDED, _failure(edge)
                span = opened.pop(key)._replace(end_ns=edge.at_ns, lasted=ended, failed=failed)
                spans.setdefault(edge.name, []).append(span)
        for (name, _), span in opened.items():
            spans.setdefault(name, []).append(span)
    found = [span for of_fault in spans.values() for span in _merged(of_fault)]
    return sorted(found, key=lambda span: (span.start_ns, span.name))


def _failure(edge: Edge) -> str | None:
    return edge.cause.removeprefix(FAULT_FAILED) if edge.cause.startswith(FAULT_FAILED) else None


def _merged(spans: list[Span]) -> list[Span]:
    """Return the windows of one fault: what overlaps between workers is one.

    What was not seen to close overlaps with what began before any of the others in it closed, and with no more: a
    worker that died took its window with it.
    """
    closed = [span for span in spans if span.end_ns is not None]
    merged: list[Span] = []
    for span in sorted(closed, key=lambda span: span.start_ns):
        if merged and span.start_ns <= (merged[-1].end_ns or 0):
            merged[-1] = merged[-1].merged(span)
        else:
            merged.append(span)
    for span in sorted((span for span in spans if span.end_ns is None), key=lambda span: span.start_ns):
        place = next((k for k, each in enumerate(merged) if _same(each, span.start_ns)), None)
        if place is None:
            merged.append(span)
        else:
            merged[place] = merged[place].merged(span)
    return merged


def _same(window: Span, at_ns: int, late_ns: int = 0) -> bool:
    """Whether a moment of a worker whose closing was never seen, or ``late_ns`` after one, is of this window."""
    begins_ns = window.start_ns - APART_NS
    return begins_ns <= at_ns and (window.end_ns is None or at_ns <= window.end_ns + late_ns)


class Hits:
    """Finds the window that a hit belongs to: one of ``windows``, in order of their beginning."""

    def __init__(self, windows: Iterable[Span]) -> None:
        self._by_ordinal: dict[tuple[str, int, int], int] = {}
        self._of: dict[str, list[tuple[int, Span]]] = {}  # by fault: place and window
        for place, window in enumerate(windows):
            self._of.setdefault(window.name, []).append((place, window))
            for worker, ordinal in window.ordinals:
                self._by_ordinal[window.name, worker, ordinal] = place

    def place(self, operation: int, fault: str, ordinal: int | None, at_ns: int) -> int | None:
        """Return the place of the window of an injection; None where it is in none of them.

        Where no ordinal says which (none is written down, or its edges are lost): the last that had begun, or else the
        next, and none more than a second* away from the hit, since clocks of hosts differ a little.
        """
        if ordinal is not None and (place := self._by_ordinal.get((fault, worker_of(operation), ordinal))) is not None:
            return place
        near = [(place, window) for place, window in self._of.get(fault, []) if _same(window, at_ns, APART_NS)]
        begun = [place for place, window in near if window.start_ns <= at_ns]
        return begun[-1] if begun else near[0][0] if near else None


class WindowFold:
    """A fold of cases into the windows they fall into.

    Args:
        windows: in order of their beginning.
        reference: as for ``ledger.fate_of``.

    """

    def __init__(self, windows: Sequence[FaultWindow], reference: Mapping[str, str | None]) -> None:
        self.windows = windows
        self.ways = Ways()
        self._reference = reference
        self._hits = Hits(window.span for window in windows)

    def add(self, case: Case) -> None:
        """Take one case."""
        self.ways.add(case)
        hit: set[int] = set()
        for injection in case.injections:
            place = self._hits.place(case.operation.id, injection.fault, injection.window, injection.start_ns)
            if place is None:
                continue
            window = self.windows[place]
            window.fates[fate_of(case, injection, self._reference)] += 1
            at_ns = injection.start_ns
            window.first_hit_ns = at_ns if window.first_hit_ns is None else min(window.first_hit_ns, at_ns)
            window.last_hit_ns = at_ns if window.last_hit_ns is None else max(window.last_hit_ns, at_ns)
            window.hit += id(window) not in hit
            hit.add(id(window))
        if case.attempts or case.operation.tier:
            for window in self.windows:
                if id(window) in hit or concerns(window, case):
                    _note(window, case)

    def as_json(self) -> list[dict[str, object]]:
        """Return the rows of ``faults.csv``."""
        return [window.as_json(self.ways) for window in self.windows]


def concerns(window: FaultWindow, case: Case) -> bool:
    """Whether an operation that ran while a window was open took the place where its fault is put.

    Of a route: it has an attempt there, also a rejected one. Of what is on for a window as a whole: any operation.
    """
    fault = window.fault
    if not touches(window, case.operation):
        return False
    place = fault.where.place
    if place.kind is PlaceKind.ROUTE:
        return any(place.takes(attempt.route, attempt.tier) for attempt in case.attempts)
    return fault.whole_window


def touches(window: FaultWindow, operation: Operation) -> bool:
    """Whether an operation ran while a window was open."""
    return operation.end_ns >= window.start_ns and (window.end_ns is None or operation.start_ns <= window.end_ns)


def changes_rules(window: FaultWindow, operation: Operation) -> bool:
    """Whether routing may have decided an operation by other rules than those of the baseline, for a window's fault."""
    rules = window.fault.what.rules
    if rules is Rules.FROM_THEN_ON:
        return operation.end_ns >= window.start_ns
    return rules is Rules.WHILE_OPEN and touches(window, operation)


def _note(window: FaultWindow, case: Case) -> None:
    """Count what an operation that a window concerns did with its fallbacks."""
    for kind in dict.fromkeys(kind for walk in walks(case.attempts) for kind in wrong_uses(walk)):
        window.wrong[kind] += 1
    routes = given_up(case)
    if routes is not None and (routes in window.given_up or len(window.given_up) < LABELS_KEPT):
        window.given_up[routes] += 1
    at_ns = _first_fallback(window, case)
    if at_ns is not None and (window.first_fallback_ns is None or at_ns < window.first_fallback_ns):
        window.first_fallback_ns = at_ns


def _first_fallback(window: FaultWindow, case: Case) -> int | None:
    """Return when an operation first went on to a higher tier than one that the fault had struck, in the window."""
    if not case.attempts:
        at_ns = case.operation.end_ns
        return at_ns if case.operation.tier and at_ns >= window.start_ns else None
    later = (_next_tier(attempt, case.attempts) for attempt in _struck_in(window, case))
    return min((at_ns for at_ns in later if at_ns is not None and at_ns >= window.start_ns), default=None)


def _struck_in(window: FaultWindow, case: Case) -> list[Attempt]:
    """Return the attempts that a fault had a hand in: those it hit, and those of its route that gave way.

    What is on for the window as a whole (fewer slots, a breaker forced open) hits none: any that gave way may be its
    doing. So may any after a fault that struck a stage and not an attempt.
    """
    hits = [injection for injection in case.injections if injection.fault == window.fault.name]
    found = [attempt for hit in hits if (attempt := struck_by(case.attempts, hit)) is not None]
    place = window.fault.where.place
    if place.kind is PlaceKind.ROUTE:
        found += [a for a in case.attempts if place.takes(a.route, a.tier) and gave_way(a)]
    elif window.fault.whole_window or not found:
        found = [attempt for attempt in case.attempts if gave_way(attempt)]
    return found


def _next_tier(attempt: Attempt, attempts: Sequence[Attempt]) -> int | None:
    """Return when the first attempt of a higher tier after one began that was executed; None where there was none."""
    walk = next(walk for walk in walks(attempts) if attempt in walk)
    later = walk[walk.index(attempt) + 1 :]
    return next((other.start_ns for other in later if other.tier > attempt.tier and ran(other)), None)
