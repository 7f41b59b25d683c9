"""The statistics of a run by name: what the report draws, and what ``export`` writes.

Each starts from what the run has: its own series and history, or, where there is none, what plain Locust files say.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis import statistics
from analysis.run import Run
from analysis.run_statistics import Measured

WITHIN_MS = 500.0
"""Bound of goodput where no criterion names one: that of the default criteria."""


def latency_over_time(run: Run) -> pd.DataFrame:
    """Return latency by second; columns as ``statistics.latency_over_time``."""
    return Measured(run).latency_over_time


def latency_by_users(run: Run) -> pd.DataFrame:
    """Return latency against users, one row per step where the run has steps, else per number of users.

    Columns as ``statistics.latency_by_users``; with steps as ``steps.latency_by_step``.
    """
    return Measured(run).latency_by_users


def latency_by_route(run: Run) -> pd.DataFrame:
    """Return latency by route: ``route, count, min_ms, p50_ms, ..., max_ms``, of operations that ended ok."""
    return statistics.percentiles(statistics.ended_ok(run.series), ["route"])


def _littles_law(run: Measured) -> pd.DataFrame:
    times = run.run.read("operations", ["intended_ns", "end_ns"])
    return statistics.littles_law(run.series, times if len(times) else None)


def _wrong_fallbacks(run: Measured) -> pd.DataFrame:
    operations, attempts = run.fallen
    return statistics.wrong_fallbacks(operations, attempts if attempts is not None else run.run.attempts)


def _inversions(run: Measured) -> pd.DataFrame:
    found = run.inversions
    return statistics.priority_inversions(run.run.calls) if found is None else found


def _fairness(run: Measured) -> pd.DataFrame:
    columns = ["worker", "user", "user_class", "priority", "intended_ns", "end_ns", "outcome"]
    return statistics.fairness(run.run.read("operations", columns))


def _goodput(run: Measured) -> pd.DataFrame:
    return statistics.goodput(run.series, min((ms for *_, ms in run.thresholds), default=WITHIN_MS))


def _of_fits(name: str) -> Callable[[Measured], pd.DataFrame]:
    def found(run: Measured) -> pd.DataFrame:
        from analysis.statistics import fits

        frame: pd.DataFrame = getattr(fits, name)(run.fits)
        return frame

    return found


VIEWS: dict[str, Callable[[Measured], pd.DataFrame]] = {
    "latency-over-time": lambda run: run.latency_over_time,
    "latency-against-users": lambda run: run.latency_by_users,
    "latency-by-route": lambda run: latency_by_route(run.run),
    "latency-by-throughput": lambda run: run.by_throughput,
    "latency-crossings": lambda run: run.crossings,
    "percentile-curve": lambda run: run.percentile_curve,
    "latency-heat": lambda run: run.heat,
    "latency-by-priority": lambda run: run.density,
    "latency-and-models": lambda run: run.levels_with_intervals,
    "throughput-against-users": lambda run: run.throughputs,
    "models": _of_fits("fit_table"),
    "model-parameters": _of_fits("parameter_table"),
    "model-residuals": _of_fits("residual_table"),
    "model-curves": _of_fits("fitted_curves"),
    "littles-law": _littles_law,
    "throughput": lambda run: statistics.throughput(run.series),
    "goodput": _goodput,
    "clocks": lambda run: run.clocks,
    "clocks-over-time": lambda run: run.clocks_over_time,
    "tail-attribution": lambda run: run.tail,
    "route-shares": lambda run: statistics.route_shares(run.run.series),
    "routes-over-time": lambda run: statistics.shares_over_time(run.run.series, "route"),
    "tiers-over-time": lambda run: statistics.shares_over_time(run.series),
    "served-over-time": lambda run: run.served,
    "confusion-matrix": lambda run: run.confusion.reset_index(),
    "fault-windows": lambda run: run.windows,
    "fallback-activation": lambda run: run.activation,
    "served-in-windows": lambda run: run.served_in_windows,
    "wrong-fallbacks": _wrong_fallbacks,
    "switch-delays": lambda run: statistics.switch_delays(run.run.attempts),
    "breaker-states": lambda run: run.breaker_states,
    "breakers": lambda run: run.breakers,
    "priorities": lambda run: run.priorities,
    "priority-inversions": _inversions,
    "fairness": _fairness,
}
"""What can be exported, and computed, by name."""
