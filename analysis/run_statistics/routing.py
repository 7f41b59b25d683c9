"""Statistics of one run about routing: who served, fallbacks, breakers, decided routes, priorities."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from analysis import statistics
from analysis.files import history
from analysis.run_statistics.common import Shared
from analysis.statistics.faults.judged_windows import as_judged
from harness.words.operation import Outcome


class OfRouting(Shared):
    """Who served, and whether rightly."""

    @cached_property
    def served(self) -> pd.DataFrame:
        """Who served, by second and tier."""
        return self._timed(statistics.served_over_time(self.series))

    @cached_property
    def activation(self) -> pd.DataFrame:
        """What each window of a fault did to the tiers; delay, recovery and wrong fallbacks as they were judged."""
        if self.windows.empty:  # a frame without rows, for nothing
            return statistics.fallback_activation(self.series.iloc[:0], self.windows)
        if self.judged:
            found = statistics.fallback_activation(self.series, self.windows, counted=self.ended)
            return self._timed(as_judged(found, self.run.faults))
        of_fallen = (*self.fallen, self.run.injections)
        return self._timed(statistics.fallback_activation(self.series, self.windows, *of_fallen, counted=self.ended))

    @cached_property
    def fallen(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """Operations that a fallback, a further attempt or an outcome but ok sets apart, and their attempts.

        Of the others there is nothing to say: they were served by their first attempt. None for attempts that the
        target does not tell.
        """
        found = self._ahead.get("fallen")
        return self._read_fallen() if found is None else found.result()

    def _read_fallen(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        columns = ["id", "intended_ns", "start_ns", "end_ns", "tier", "outcome"]
        apart: history.Alternatives = [
            [("tier", ">", 0)],
            [("attempts", ">", 1)],
            [("outcome", "!=", Outcome.OK.value)],
        ]
        operations = self.run.read("operations", columns, filters=apart).astype({"outcome": "str"})
        if not self.has_attempts:
            return operations, None
        ids = operations["id"].tolist() or self.run.read("operations", ["id"], filters=[("tier", "=", 0)])["id"][:1]
        return operations, self.run.read("attempts", ids=ids)

    @cached_property
    def has_attempts(self) -> bool:
        """Whether the target tells its attempts."""
        return history.rows_of(self.run.path / "history", "attempts") > 0

    @cached_property
    def served_in_windows(self) -> pd.DataFrame:
        """Who served in each window of a fault: ``window, fault, served, count, share_pct``."""
        return statistics.served_in_windows(self.series, self.windows, self.ended)

    @cached_property
    def breaker_states(self) -> pd.DataFrame:
        """Visits of breakers to states, by worker."""
        return statistics.breaker_states(self.run.edges)

    @cached_property
    def breakers(self) -> pd.DataFrame:
        """Each breaker's worst state in any worker over time."""
        return statistics.worst_states(self.breaker_states)

    @cached_property
    def confusion(self) -> pd.DataFrame:
        """Expected against decided routes, from the history; without one those of tier 0, from the series."""
        return statistics.confusion_matrix(self._routed)

    @cached_property
    def undecided(self) -> int:
        """Operations with an expected route of which nobody told which route was asked first."""
        return statistics.undecided(self._routed)

    @property
    def _routed(self) -> pd.DataFrame:
        rows = self.run.read("operations", ["expected_route", "route", "asked_route", "tier", "outcome"])
        return rows if len(rows) else self.run.series

    @cached_property
    def inversions(self) -> pd.DataFrame | None:
        """Calls that waited in front of a backend while a less urgent one was dispatched; None without calls."""
        columns = ["backend", "priority", "arrived_ns", "started_ns", "ended_ns"]
        calls = self.run.read("calls", columns)
        return statistics.priority_inversions(calls) if len(calls) else None

    @cached_property
    def priorities(self) -> pd.DataFrame:
        """Priorities side by side."""
        return statistics.priority_classes(self.by_priority, self.inversions)
