"""Statistics of one run about latency: its distribution, its four clocks, and where the slowest spent their time."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from analysis import statistics
from analysis.run_statistics.common import Shared
from analysis.statistics import locust_statistics

MOST_OPERATIONS = 50_000
"""Median operations whose spans are read: enough for a mean."""


class OfLatency(Shared):
    """Distributions of latency."""

    @cached_property
    def percentile_curve(self) -> pd.DataFrame:
        """Percentiles of latency with intervals; of plain Locust files without."""
        if self.run.plain:
            return locust_statistics.percentile_curve(self.run.stats)
        return statistics.percentile_curve(self.series)

    @cached_property
    def heat(self) -> pd.DataFrame:
        """Operations by time and latency."""
        return self._timed(statistics.latency_heat(self.series))

    @cached_property
    def clocks(self) -> pd.DataFrame:
        """The four clocks over the run."""
        return statistics.clocks(self.series)

    @cached_property
    def clocks_over_time(self) -> pd.DataFrame:
        """The four clocks by second."""
        return self._timed(statistics.clocks_over_time(self.series))

    @cached_property
    def tail(self) -> pd.DataFrame:
        """What the slowest operations spent their time on."""
        found = self._ahead.get("tail")
        return self._read_tail() if found is None else found.result()

    def _read_tail(self) -> pd.DataFrame:
        columns = ["id", "intended_ns", "end_ns", "route", "tier"]
        times = self.run.read("operations", columns, filters=[("outcome", "=", "ok")])
        some = statistics.split_tail(times.assign(outcome="ok")).thinned(MOST_OPERATIONS)
        del times
        ids = some.ids().tolist()
        return statistics.tail_attribution(
            self.run.read("operations", [*columns, "start_ns", "entered_ns"], ids=ids),
            self.run.read("spans", ["operation", "stage", "kind", "start_ns", "end_ns"], ids=ids),
            split=some,
        )

    @cached_property
    def density(self) -> pd.DataFrame:
        """Distribution of latency by priority."""
        return statistics.latency_density(self.by_priority)
