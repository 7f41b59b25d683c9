"""Fault windows: what each opening of a fault came to.

A window is opened and closed by every loading process on the clock of the master; the edges of all workers that
overlap are one window, from the first opening to the last closing that was seen. A worker that died inside of it saw
none, and keeps nothing open for the others. Nothing here decides; ``judge.recovery`` does. ``spans_of`` is the one
place where edges become windows: ``analysis`` takes it for runs that were never judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.judge.case import Case, ran, walks
from harness.judge.checkers.disturbances.ledger import Fate, balance, fate_of, struck_by
from harness.judge.checkers.fallbacks.fallbacks import Ways, gave_way, given_up, wrong_uses
from harness.load.faults.kinds import Fault
from harness.load.faults.kinds.what import Rules
from harness.words.operation import LABELS_KEPT, Attempt, Edge, Operation
from harness.words.place import PlaceKind

OPEN = "open"
RUN_ENDED = "the run ended"
"""Cause of the edge that closes what was still open at the end."""
APART_NS = 1_000_000_000
"""How much earlier than all others a worker that died may have opened a window: clocks and wake-ups differ a little."""


@dataclass(slots=True)
class FaultWindow:
    """One opening of a fault. Times in Unix nanoseconds; what was not measured is None."""

    fault: Fault
    start_ns: int
    end_ns: int | None  # None where nobody saw it close
    lasted: bool  # it was still open when the run ended
    hit: int = 0  # operations
    fates: Counter[Fate] = field(default_factory=Counter)
    first_fallback_ns: int | None = None
    wrong: Counter[str] = field(default_factory=Counter)
    given_up: Counter[tuple[str, ...]] = field(default_factory=Counter)
    first_hit_ns: int | None = None
    last_hit_ns: int | None = None
    recovered_ns: int | None = None

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
        }


class Span(NamedTuple):
    """One window of a fault by its edges. Times in Unix nanoseconds."""

    name: str  # of the fault
    start_ns: int
    end_ns: int | None  # None where nobody saw it close
    lasted: bool  # it was still open when the run ended


def windows_of(edges: Mapping[int, Iterable[Edge]], faults: Sequence[Fault]) -> list[FaultWindow]:
    """Return the windows that edges of faults, by worker, tell of, in order of their beginning."""
    by_name = {fault.name: fault for fault in faults}
    return [
        FaultWindow(by_name[span.name], span.start_ns, span.end_ns, span.lasted)
        for span in spans_of(edges)
        if span.name in by_name
    ]


def spans_of(edges: Mapping[int, Iterable[Edge]]) -> list[Span]:
    """Return the windows of all faults that edges of faults, by worker and in their order, tell of, by their begin."""
    spans: dict[str, list[Span]] = {}
    for seen in edges.values():
        opened: dict[str, int] = {}
        for edge in seen:
            if edge.after == OPEN:
                opened[edge.name] = edge.at_ns
            elif edge.name in opened:
                span = Span(edge.name, opened.pop(edge.name), edge.at_ns, edge.cause == RUN_ENDED)
                spans.setdefault(edge.name, []).append(span)
        for name, at_ns in opened.items():
            spans.setdefault(name, []).append(Span(name, at_ns, None, lasted=True))
    found = [span for of_fault in spans.values() for span in _merged(of_fault)]
    return sorted(found, key=lambda span: (span.start_ns, span.name))


def _merged(spans: list[Span]) -> list[Span]:
    """Return the windows of one fault: what overlaps between workers is one.

    What was not seen to close overlaps with what began before any of the others in it closed, and with no more: a
    worker that died took its window with it.
    """
    closed = [span for span in spans if span.end_ns is not None]
    merged: list[Span] = []
    for span in sorted(closed, key=lambda span: span.start_ns):
        if merged and span.start_ns <= (merged[-1].end_ns or 0):
            before = merged[-1]
            end_ns = max(before.end_ns or 0, span.end_ns or 0)
            merged[-1] = Span(span.name, before.start_ns, end_ns, before.lasted or span.lasted)
        else:
            merged.append(span)
    for span in sorted((span for span in spans if span.end_ns is None), key=lambda span: span.start_ns):
        place = next((k for k, each in enumerate(merged) if _same(each, span.start_ns)), None)
        if place is None:
            merged.append(span)
        else:
            first_ns = min(merged[place].start_ns, span.start_ns)
            merged[place] = merged[place]._replace(start_ns=first_ns)
    return merged


def _same(window: Span, at_ns: int) -> bool:
    """Whether a worker that opened at a moment, and was never seen to close, opened this window."""
    begins_ns = window.start_ns - APART_NS
    return begins_ns <= at_ns and (window.end_ns is None or at_ns <= window.end_ns)


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
        self._of: dict[str, list[FaultWindow]] = {}
        for window in windows:
            self._of.setdefault(window.fault.name, []).append(window)

    def add(self, case: Case) -> None:
        """Take one case."""
        self.ways.add(case)
        hit: set[int] = set()
        for injection in case.injections:
            window = self._window(injection.fault, injection.start_ns)
            if window is None:
                continue
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

    def _window(self, fault: str, at_ns: int) -> FaultWindow | None:
        """Return the window of a fault at a moment: the last that had begun, since clocks of hosts differ a little."""
        windows = self._of.get(fault, [])
        begun = [window for window in windows if window.start_ns <= at_ns]
        return begun[-1] if begun else next(iter(windows), None)

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
    for kind in {kind for walk in walks(case.attempts) for kind in wrong_uses(walk)}:
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
