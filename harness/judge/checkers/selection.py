"""What a run is judged by: the checkers that it gets, its hypotheses, and what both add to the totals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.judge.case import Case
from harness.judge.check import Fold, FoldsOperations, Guarded, Where, show
from harness.judge.checker import OfCases
from harness.judge.checkers.disturbances.fault_windows import WindowFold, changes_rules, windows_in
from harness.judge.checkers.disturbances.hypotheses import ASKED, Activation, hypotheses
from harness.judge.checkers.disturbances.ledger import Ledger
from harness.judge.checkers.disturbances.overload import Overload
from harness.judge.checkers.fallbacks.context_preservation import RouteHistory
from harness.judge.checkers.fallbacks.determinism import Determinism
from harness.judge.checkers.registry import AnyChecker, registered
from harness.judge.documents import Totals
from harness.judge.entry import Entry, Status
from harness.judge.evidence import Evidence, Need
from harness.words.operation import Operation

_DECLARED = frozenset(Totals.__struct_fields__)
"""Totals with a field of their own; others stand under their checker's name."""


def selected(evidence: Evidence) -> list[Guarded]:
    """Return the checkers that a run gets, in the order of their rows."""
    return [
        Guarded.made(checker, partial(evidence.once, checker.of))
        for checker in registered()
        if not checker.needs or not checker.needs.isdisjoint(evidence.there)
    ]


class Checks:
    """The checks of one run, and the folds of its hypotheses."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._tells = Need.ATTEMPTS in evidence.there
        self._plan = Need.PLAN in evidence.there
        self._guarded = selected(evidence)
        self._windows = evidence.once(windows_in)
        self._window_fold = WindowFold(self._windows, evidence.reference)
        self._activation = Activation(self._windows)
        self._determinism = Determinism()
        self._history = RouteHistory()
        self._overload = Overload(self._windows, evidence.users)
        self._entries: dict[str, Entry] = {}

    @property
    def need_cases(self) -> bool:
        """Whether there is anything that needs cases; else operations do."""
        return any(isinstance(each.checker, OfCases) for each in self._guarded)

    @property
    def of_cases(self) -> list[Fold[Case]]:
        """What is to be fed every case: checkers, and folds of hypotheses and windows."""
        folds = [self._fed_cases(each) for each in self._guarded]
        if self._tells or self._plan:
            of_equal_rules = Where(self._determinism, self.equal_rules)
            folds += [self._window_fold, self._activation, of_equal_rules, self._history, self._overload]
        return folds

    @property
    def of_operations(self) -> list[Fold[Operation]]:
        """What is to be fed every operation, where nothing needs cases: then nothing disturbed any of them."""
        return [*self._guarded]

    def see_events(self) -> None:
        """Show what happened in the run, in order of time, to the checkers that want it."""
        show(self._evidence.events, self._guarded)

    def _fed_cases(self, guarded: Guarded) -> Fold[Case]:
        fold: Fold[Case] = guarded if isinstance(guarded.checker, OfCases) else FoldsOperations(guarded)
        return Where(fold, self.undisturbed) if guarded.checker.undisturbed else fold

    def undisturbed(self, case: Case) -> bool:
        """Whether an operation ran under the conditions of the baseline: no fault hit it or its rules."""
        return not case.injections and self.equal_rules(case)

    def equal_rules(self, case: Case) -> bool:
        """Whether an operation ran before any reload of its rules, and with the clock as it is."""
        return not any(changes_rules(window, case.operation) for window in self._windows)

    def close(self) -> list[Entry]:
        """Decide, after the last one: return the rows that stand in the verdict, in their order."""
        entries = {each.checker.name: each.close() for each in self._guarded}
        self._entries = {name: entry for name, entry in entries.items() if entry is not None}
        return [
            self._entries[each.checker.name]
            for each in self._guarded
            if each.checker.name in self._entries and not self._left_out(each.checker)
        ]

    def _left_out(self, checker: AnyChecker) -> bool:
        entry = self._entries[checker.name]
        return checker.left_out and entry.status is Status.UNKNOWN and not entry.required

    @property
    def measured(self) -> dict[str, float | None]:
        """What criteria ask checks for, by name; without those that could not be decided."""
        found: dict[str, float | None] = {
            each.checker.name: each.percent
            for each in self._guarded
            if each.checker.metric is not None and self._decided(each.checker.name)
        }
        found["fallback latency"] = self._activation.latency_x
        return found

    def _decided(self, name: str) -> bool:
        return name in self._entries and self._entries[name].status is not Status.UNKNOWN

    def hypotheses(self) -> list[Entry]:
        """Return what the run says on the hypotheses; none where its target tells no attempts and there was no plan."""
        if not self._tells and not self._plan:
            return []
        edges = [edge for seen in self._evidence.breaker_edges.values() for edge in seen]
        decided = self._with_those_of_no_row()
        found = hypotheses(decided, edges, self._activation, self._determinism, self._history)
        return [*found, self._overload.close(decided["fallback correctness"])]

    def _with_those_of_no_row(self) -> Mapping[str, Entry]:
        """Return all entries by name, also of those the hypotheses ask for that this run did not get: of nothing."""
        unfed = [checker for checker in registered() if checker.name in ASKED and checker.name not in self._entries]
        closed = {each.name: Guarded.made(each, partial(self._evidence.once, each.of)).close() for each in unfed}
        return self._entries | {name: entry for name, entry in closed.items() if entry is not None}

    def totals(self) -> dict[str, object]:
        """Return what checks, windows and hypotheses add to ``totals`` of the verdict."""
        found: dict[str, object] = {}
        of_checks: dict[str, dict[str, object]] = {}
        for each in self._guarded:
            for name, total in each.totals().items():
                if name in _DECLARED:
                    found[name] = total
                else:
                    of_checks.setdefault(each.checker.name, {})[name] = total
        if of_checks:
            found["checks"] = of_checks
        if self._plan:
            found.setdefault(
                "ledger", self._evidence.once(Ledger.of).as_json()
            )  # also where its faults hit no operation
            found["faults"] = self._window_fold.as_json()
        if self._tells:
            found["fallback_latency"] = self._activation.as_json()
        return found
