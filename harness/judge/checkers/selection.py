"""Which checks, hypotheses and totals a run gets besides those of every run, by its target and its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.judge.case import Case
from harness.judge.check import Decides, Fold, OfOperations, Where
from harness.judge.checkers.disturbances.fault_windows import WindowFold, changes_rules, windows_of
from harness.judge.checkers.disturbances.hypotheses import Activation, hypotheses
from harness.judge.checkers.disturbances.ledger import Ledger
from harness.judge.checkers.disturbances.overload import Overload
from harness.judge.checkers.disturbances.recovery import Recovery
from harness.judge.checkers.fallbacks.breakers import BreakerLegality, breakers_as_json
from harness.judge.checkers.fallbacks.chain_deadline import ChainDeadline
from harness.judge.checkers.fallbacks.context_preservation import RouteHistory, StatePreservation
from harness.judge.checkers.fallbacks.determinism import Determinism
from harness.judge.checkers.fallbacks.fallbacks import FallbackCorrectness, FallbackLoop, SilentFallback
from harness.judge.checkers.outcomes.silent_failure import SilentFailure
from harness.judge.entry import Entry, Status
from harness.load.faults.kinds import Fault
from harness.words.operation import Edge

_SEEN_OR_NOT_THERE = frozenset({BreakerLegality.name, ChainDeadline.name, StatePreservation.name})
"""Checks of what a target need not have: without it they are left out and not UNKNOWN."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What of a history is there to be judged."""

    attempts: int = 0  # rows
    injections: int = 0
    calls: int = 0
    untied_calls: int = 0  # those of them that carry no operation
    edges: Mapping[int, Sequence[Edge]] = ()  # type: ignore[assignment]  # by worker
    faults: tuple[Fault, ...] = ()  # of the plan; none where there was none
    chain_deadline_ms: float | None = None  # as the target's chains declare it


class CaseChecks:
    """The checks of one run that need cases.

    Args:
        seen: what is there.
        reference: routes of the baseline by scenario.
        users: concurrent users by Unix second.

    """

    def __init__(self, seen: Seen, reference: Mapping[str, str | None], users: Mapping[int, int]) -> None:
        edges = dict(seen.edges)
        self._breaker_edges = {w: [edge for edge in all_ if edge.what == "breaker"] for w, all_ in edges.items()}
        self._all_breaker_edges = [edge for seen_ in self._breaker_edges.values() for edge in seen_]
        fault_edges = {worker: [edge for edge in all_ if edge.what == "fault"] for worker, all_ in edges.items()}
        self._windows = windows_of(fault_edges, seen.faults)
        self._tells = seen.attempts > 0
        self._plan = bool(seen.faults)
        self._window_fold = WindowFold(self._windows, reference)
        self._ledger = Ledger(reference, seen.injections)
        self._activation = Activation(self._windows)
        self._determinism = Determinism()
        self._history = RouteHistory()
        self._overload = Overload(self._windows, users)
        self.silent_failure = SilentFailure(self._ledger)
        self.checkers: list[Decides[Case]] = []
        if self._tells or self._plan or seen.calls:
            self.checkers.append(SilentFallback(seen.calls, seen.untied_calls))
        if self._tells:
            self.checkers += [FallbackCorrectness(), FallbackLoop(), StatePreservation()]
            self.checkers.append(ChainDeadline(seen.chain_deadline_ms))
        if self._tells or self._all_breaker_edges:
            self.checkers.append(BreakerLegality(self._all_breaker_edges))
        if any(not fault.whole_window for fault in seen.faults) or seen.injections:
            self.checkers.append(self._ledger)
        if self._plan:
            self.checkers.append(OfOperations(Recovery(self._windows, users, self._breaker_edges)))
        of_equal_rules = Where(self._determinism, self.equal_rules)
        self.folds: list[Fold[Case]] = []
        if self._tells or self._plan:
            self.folds = [self._window_fold, self._activation, of_equal_rules, self._history, self._overload]

    @property
    def needed(self) -> bool:
        """Whether there is anything that needs cases; else operations do."""
        return bool(self.checkers)

    def undisturbed(self, case: Case) -> bool:
        """Whether an operation ran under the conditions of the baseline: no fault hit it or its rules."""
        return not case.injections and self.equal_rules(case)

    def equal_rules(self, case: Case) -> bool:
        """Whether an operation ran before any reload of its rules, and with the clock as it is."""
        return not any(changes_rules(window, case.operation) for window in self._windows)

    @property
    def latency_x(self) -> float | None:
        """Latency of fallbacks with the primary's breaker open, in times of the clean primary's."""
        return self._activation.latency_x

    def shown(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries that stand in the verdict."""
        return [e for e in entries if e.status is not Status.UNKNOWN or e.required or e.name not in _SEEN_OR_NOT_THERE]

    def hypotheses(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return what the run says on the hypotheses; none where its target tells no attempts and there was no plan."""
        if not self._tells and not self._plan:
            return []
        decided = {entry.name: entry for entry in entries}
        for checker in (BreakerLegality([]), FallbackCorrectness(), StatePreservation()):
            decided.setdefault(checker.name, checker.close())
        found = hypotheses(decided, self._all_breaker_edges, self._activation, self._determinism, self._history)
        return [*found, self._overload.close(decided[FallbackCorrectness.name])]

    def totals(self) -> dict[str, object]:
        """Return what ``totals`` of the verdict holds besides those of every run."""
        found: dict[str, object] = {}
        if self._all_breaker_edges:
            found["breakers"] = breakers_as_json(self._breaker_edges)
        if self._plan:
            found["ledger"] = self._ledger.as_json()
            found["faults"] = self._window_fold.as_json()
        if self._tells:
            found["fallback_latency"] = self._activation.as_json()
        return found
