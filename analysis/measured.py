"""What a run measured, each statistic computed once and when first asked for.

Statistics over time start from the series without the labels they do not use (``statistics.condensing``), those over
operations from the columns and rows they need: ten million operations fit into the memory of a laptop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis import history, locust_files, statistics, steps
from analysis.documents import Totals
from analysis.judged_windows import as_judged
from analysis.run import Run
from harness.judge.criteria import parse_criterion
from harness.judge.window import PERCENTILES
from harness.words.errors import CriteriaError
from harness.words.operation import STOPPED_ROUTE, Outcome

if TYPE_CHECKING:
    from analysis.statistics.fits import Fit

OVER_TIME = ("second", "users", "route", "outcome", "tier")
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
                self._ahead = {"tail": pool.submit(self._read_tail), "fallen": pool.submit(self._read_fallen)}
            yield

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
        return steps.latency_by_step(ran, self.series, self.faults if self.hidden is not None else None)

    @cached_property
    def totals(self) -> Totals | None:
        """The totals of the verdict, None where the run was not judged."""
        return self.run.verdict.totals if self.run.verdict is not None else None

    @cached_property
    def latency_over_time(self) -> pd.DataFrame:
        """Latency by second."""
        if self.run.plain:
            return locust_files.latency_over_time(self.run.stats_history)
        return statistics.latency_over_time(self.series)

    @cached_property
    def latency_by_users(self) -> pd.DataFrame:
        """Latency against users, one row per step where the run has steps, else per number of users."""
        if self.run.plain:
            return locust_files.latency_by_users(self.run.stats_history)
        if len(self.steps):
            return self.steps
        return statistics.latency_by_users(self.series, windows=self.hidden, from_second=self.steady_from_s)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Throughput and mean latency at each number of users, outside of faults and warm-up, without intervals."""
        if self.run.plain:
            return locust_files.load_levels(self.run.stats_history)
        return statistics.load_levels(self.series, intervals=False) if self.hidden is None else self._undisturbed

    @cached_property
    def levels_with_intervals(self) -> pd.DataFrame:
        """The same with intervals of p50, p95 and p99, which take longer than all the rest; of plain files without."""
        if self.run.plain:
            return self.levels
        return statistics.load_levels(self.series, windows=self.hidden, from_second=self.steady_from_s)

    @cached_property
    def faults(self) -> pd.DataFrame:
        """The windows of faults as they were judged; of a run that was not, those that its processes wrote down."""
        return self.run.faults if len(self.run.faults) else self.windows

    @cached_property
    def hidden(self) -> pd.DataFrame | None:
        """What levels of load leave out: ``start_ns, end_ns`` of fault windows and of the warm-up of each step.

        None where that leaves no level: of such a run all is shown, and said to be.
        """
        return None if self._undisturbed.empty else self._disturbances

    @property
    def steady_from_s(self) -> int | None:
        """The Unix second in which the warm-up was over; None where none was found, or ``hidden`` is."""
        return None if self.hidden is None or self.totals is None else self.totals.steady_from_s

    @cached_property
    def _disturbances(self) -> pd.DataFrame:
        ran = self.totals.steps if self.totals is not None else ()
        warm_ups = [
            (step.from_ns, step.from_ns + round(1e9 * step.warm_up_s) - 1)
            for step in ran
            if step.from_ns is not None and step.warm_up_s
        ]
        frame = pd.DataFrame(warm_ups, columns=["start_ns", "end_ns"], dtype="Int64")
        return pd.concat([self.faults[["start_ns", "end_ns"]].astype("Int64"), frame], ignore_index=True)

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
            columns = ["users", "users_min", "users_max", "seconds", "throughput_rps"]
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
        found = []
        for entry in self.run.verdict.criteria if self.run.verdict is not None else ():
            try:
                criterion = parse_criterion(entry.name)
            except CriteriaError:  # of a later version
                continue
            if criterion.metric in PERCENTILES and criterion.compare in ("<", "<="):
                found.append((entry.name, float(PERCENTILES[criterion.metric]), criterion.number))
        return found

    @cached_property
    def percentile_curve(self) -> pd.DataFrame:
        """Percentiles of latency with intervals; of plain Locust files without."""
        if self.run.plain:
            return locust_files.percentile_curve(self.run.stats)
        return statistics.percentile_curve(self.series)

    @cached_property
    def heat(self) -> pd.DataFrame:
        """Operations by time and latency."""
        return statistics.latency_heat(self.series)

    @cached_property
    def clocks(self) -> pd.DataFrame:
        """The four clocks over the run."""
        return statistics.clocks(self.series)

    @cached_property
    def clocks_over_time(self) -> pd.DataFrame:
        """The four clocks by second."""
        return statistics.clocks_over_time(self.series)

    @cached_property
    def served(self) -> pd.DataFrame:
        """Who served, by second and tier."""
        return statistics.served_over_time(self.series)

    @cached_property
    def windows(self) -> pd.DataFrame:
        """The windows of faults."""
        return statistics.fault_windows(self.run.edges, self.run.injections)

    @cached_property
    def activation(self) -> pd.DataFrame:
        """What each window of a fault did to the tiers, delay and recovery as the run's judge measured them."""
        if self.windows.empty:  # a frame without rows, for nothing
            return statistics.fallback_activation(self.series.iloc[:0], self.windows)
        found = statistics.fallback_activation(self.series, self.windows, *self.fallen, self.run.injections)
        return as_judged(found, self.run.faults, int(self.series["second"].min()) if len(self.series) else 0)

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
        """Who served in each window of a fault: ``fault, start_s, end_s, served, count, share_pct``.

        By the whole seconds that a window touches, as ``activation`` counts operations.
        """
        parts = []
        for _, window in self.activation.iterrows():
            until = math.inf if pd.isna(window["end_s"]) else window["end_s"]
            at = self.served["elapsed_s"]
            inside = self.served[(at > window["start_s"] - 1) & (at < until)]
            counts = inside.groupby("served", observed=False)["count"].sum()
            part = counts.reset_index().assign(share_pct=100 * counts.to_numpy() / max(counts.sum(), 1))
            for place, name in enumerate(("fault", "start_s", "end_s")):
                part.insert(place, name, window[name])
            parts.append(part)
        names = ["fault", "start_s", "end_s", "served", "count", "share_pct"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)

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
        times = self.run.read("operations", ["id", "intended_ns", "end_ns"], filters=[("outcome", "=", "ok")])
        split = statistics.split_tail(times.assign(outcome="ok"))
        del times
        some = replace(split, median=split.median[:: max(len(split.median) // MOST_OPERATIONS, 1)])
        ids = np.concatenate((some.tail, some.median)).tolist()
        return statistics.tail_attribution(
            self.run.read("operations", ["id", "intended_ns", "start_ns", "entered_ns", "end_ns"], ids=ids),
            self.run.read("spans", ["operation", "stage", "kind", "start_ns", "end_ns"], ids=ids),
            split=some,
        )

    @cached_property
    def confusion(self) -> pd.DataFrame:
        """Expected against decided routes."""
        return statistics.confusion_matrix(self.run.series)

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
