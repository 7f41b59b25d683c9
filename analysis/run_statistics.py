"""What a run measured, each statistic computed once and when first asked for.

The report, the commands, ``export`` and the notebooks all take their numbers from here: one computation of each. Times
count from ``clock_s``, the begin of the load, as in the terminal and in a fault plan.

Statistics over time start from the series without the labels they do not use (``statistics.condensing``), those over
operations from the columns and rows they need: ten million operations fit into the memory of a laptop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis import statistics
from analysis.clock import load_began
from analysis.files import history
from analysis.files.documents import Totals
from analysis.run import Run
from analysis.statistics import locust_statistics, steps
from analysis.statistics.faults.judged_windows import as_judged, judged_windows
from harness.judge.criteria.series_fold import PERCENTILES
from harness.words.operation import STOPPED_ROUTE, Outcome

if TYPE_CHECKING:
    from analysis.statistics.fits import Fit

OVER_TIME = ("second", "users", "route", "outcome", "tier")
TIMES = ("elapsed_s", "elapsed_to_s", "start_s", "end_s", "first_fallback_s", "recovered_s")
"""Columns of statistics with seconds of the run."""
MOST_OPERATIONS = 50_000
"""Median operations whose spans are read: enough for a mean."""


class Measured:
    """The statistics of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._ahead: dict[str, Future[Any]] = {}

    @contextmanager
    def reading_ahead(self) -> Iterator[None]:
        """Read what plots need of the history on the other core meanwhile; who asks earlier waits for it.

        What goes wrong is raised where it is asked for.
        """
        with ThreadPoolExecutor(max_workers=1) as pool:
            if not self.run.plain:
                self._ahead = {"tail": pool.submit(self._read_tail)}
            if not self.run.plain and not self.judged:
                self._ahead["fallen"] = pool.submit(self._read_fallen)
            yield

    @cached_property
    def clock_s(self) -> float:
        """The Unix second that times count from: when the load began (see ``clock.load_began``)."""
        return load_began(self.run)

    def _timed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame whose times count from the first second of the series with them counted from ``clock_s``."""
        first = self.run.series["second"].min()
        shift = 0.0 if pd.isna(first) else int(first) - self.clock_s
        return frame.assign(**{name: frame[name] + shift for name in TIMES if name in frame}) if shift else frame

    @cached_property
    def series(self) -> pd.DataFrame:
        """The series by second, users, outcome and tier; of routes it tells the one of stopped operations alone."""
        whole = self.run.series
        stopped = whole["route"].where(whole["route"] == STOPPED_ROUTE, "")
        return statistics.condensed(whole.assign(route=stopped), OVER_TIME)

    @cached_property
    def by_priority(self) -> pd.DataFrame:
        """The series by priority, outcome and tier, of the response time alone."""
        return statistics.condensed(self.run.series, ("priority", "outcome", "tier"), clocks=("response",))

    @cached_property
    def steps(self) -> pd.DataFrame:
        """Latency by step of a load shape, empty without one."""
        ran = self.totals.steps if self.totals is not None else ()
        return steps.latency_by_step(ran, self.series, self.windows if self.hidden is not None else None)

    @cached_property
    def totals(self) -> Totals | None:
        """The totals of the verdict, None where the run was not judged."""
        return self.run.verdict.totals if self.run.verdict is not None else None

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
    def served(self) -> pd.DataFrame:
        """Who served, by second and tier."""
        return self._timed(statistics.served_over_time(self.series))

    @property
    def judged(self) -> bool:
        """Whether ``faults.csv`` says what the run's windows of faults came to."""
        return len(self.run.faults) > 0 and bool(self.run.faults["start_ns"].notna().all())

    @cached_property
    def windows(self) -> pd.DataFrame:
        """The windows of faults as they were judged; of a run that was not, those that its processes wrote down."""
        if self.judged:
            return judged_windows(self.run.faults)
        return statistics.fault_windows(self.run.edges, self.run.injections)

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
    def ended(self) -> pd.DataFrame:
        """When the outcome of each operation was known, which it was and on what tier."""
        return self.run.read("operations", ["end_ns", "tier", "outcome"])

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
    def density(self) -> pd.DataFrame:
        """Distribution of latency by priority."""
        return statistics.latency_density(self.by_priority)

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
