"""Statistics of one run about load: latency and throughput over time and against users, models, crossings."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from analysis import statistics
from analysis.run_statistics.common import Shared
from analysis.statistics import locust_statistics, steps
from harness.judge.criteria.series_fold import PERCENTILES

if TYPE_CHECKING:
    from analysis.statistics.fits import Fit


class OfLoad(Shared):
    """Latency and throughput over time and against load."""

    @cached_property
    def steps(self) -> pd.DataFrame:
        """Latency by step of a load shape, empty without one."""
        ran = self.totals.steps if self.totals is not None else ()
        return steps.latency_by_step(ran, self.series, self.windows if self.hidden is not None else None)

    @cached_property
    def latency_over_time(self) -> pd.DataFrame:
        """Latency by second."""
        if self.run.plain:
            return locust_statistics.latency_over_time(self.run.stats_history)
        return self._timed(statistics.latency_over_time(self.series))

    @cached_property
    def latency_by_users(self) -> pd.DataFrame:
        """Latency against users, one row per step where the run has steps, else per number of users."""
        if self.run.plain:
            return locust_statistics.latency_by_users(self.run.stats_history)
        if len(self.steps):
            return self.steps
        return statistics.latency_by_users(self.series, windows=self.hidden, from_second=self.steady_from_s)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Throughput and mean latency at each number of users, outside of faults and warm-up, without intervals."""
        if self.run.plain:
            return locust_statistics.load_levels(self.run.stats_history)
        return statistics.load_levels(self.series, intervals=False) if self.hidden is None else self._undisturbed

    @cached_property
    def levels_with_intervals(self) -> pd.DataFrame:
        """The same with intervals of p50, p95 and p99, which take longer than all the rest; of plain files without."""
        if self.run.plain:
            return self.levels
        return statistics.load_levels(self.series, windows=self.hidden, from_second=self.steady_from_s)

    @cached_property
    def hidden(self) -> pd.DataFrame | None:
        """What levels of load leave out: ``start_ns, end_ns`` of fault windows and of what is in no step, warmed up.

        None where that leaves no level: of such a run all is shown, and said to be.
        """
        return None if self._undisturbed.empty else self._disturbances

    @property
    def steady_from_s(self) -> int | None:
        """The Unix second in which the warm-up was over; None where none was found, or ``hidden`` is."""
        return None if self.hidden is None or self.totals is None else self.totals.steady_from_s

    @property
    def has_steps(self) -> bool:
        """Whether a load shape had steps."""
        return self.totals is not None and any(step.from_ns is not None for step in self.totals.steps)

    @cached_property
    def _disturbances(self) -> pd.DataFrame:
        ran = self.totals.steps if self.totals is not None else ()
        frame = pd.DataFrame(steps.outside(ran), columns=["start_ns", "end_ns"], dtype="Int64")
        return pd.concat([self.windows[["start_ns", "end_ns"]].astype("Int64"), frame], ignore_index=True)

    @cached_property
    def _undisturbed(self) -> pd.DataFrame:
        from_second = None if self.totals is None else self.totals.steady_from_s
        return statistics.load_levels(self.series, windows=self._disturbances, from_second=from_second, intervals=False)

    @cached_property
    def left_out_s(self) -> int | None:
        """Seconds that levels of load leave out, of those with users; None where faults and warm-up are in them."""
        if self.run.plain or self.hidden is None:
            return None
        seconds = statistics.load_seconds(self.series)
        return int(statistics.disturbed(seconds, self.hidden, self.steady_from_s).sum())

    @cached_property
    def throughputs(self) -> pd.DataFrame:
        """Throughput at each number of users, with intervals; of plain Locust files without."""
        if self.run.plain:
            columns = ["users", "users_min", "users_max", "seconds", "throughput_rps", "latency_of"]
            return self.levels[columns].assign(low_rps=math.nan, high_rps=math.nan)
        return statistics.throughput_intervals(self.series, windows=self.hidden, from_second=self.steady_from_s)

    @cached_property
    def by_throughput(self) -> pd.DataFrame:
        """Latency against throughput."""
        return statistics.latency_by_throughput(self.series, windows=self.hidden, from_second=self.steady_from_s)

    @cached_property
    def fits(self) -> list[Fit]:
        """The models fitted to ``levels``."""
        from analysis.statistics.fits import fit_models  # SciPy takes half a second to come

        return fit_models(self.levels)

    @cached_property
    def crossings(self) -> pd.DataFrame:
        """Where latency crosses the threshold of each criterion on a percentile: a row per criterion."""
        found = [
            statistics.latency_crossing(
                self.series, percent, threshold, windows=self.hidden, from_second=self.steady_from_s
            ).assign(criterion=name)
            for name, percent, threshold in self.thresholds
        ]
        empty = statistics.latency_crossing(self.series.iloc[:0], 95, 1.0).assign(criterion="").iloc[:0]
        return pd.concat(found, ignore_index=True) if found else empty

    @cached_property
    def thresholds(self) -> list[tuple[str, float, float]]:
        """Name, percentile and milliseconds of each criterion that bounds a percentile of latency from above."""
        entries = self.run.verdict.criteria if self.run.verdict is not None else ()
        return [
            (entry.name, float(PERCENTILES[metric]), number)
            for entry in entries
            if (metric := entry.metric) in PERCENTILES and entry.comparison in ("<", "<=")
            if metric is not None and (number := entry.number) is not None
        ]
