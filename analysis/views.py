"""The statistics of a run by name: what the report draws, and what ``export`` writes.

Each takes what the run has: its own series, or, where there is none, what plain Locust files say.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from analysis import locust_files, statistics, steps
from analysis.run import Run


def latency_over_time(run: Run) -> pd.DataFrame:
    """Return latency by second; columns as ``statistics.latency_over_time``."""
    if run.plain:
        return locust_files.latency_over_time(run.stats_history)
    return statistics.latency_over_time(run.series)


def latency_by_users(run: Run) -> pd.DataFrame:
    """Return latency against users, one row per step where the run has steps, else per number of users.

    Columns as ``statistics.latency_by_users``; with steps as ``steps.latency_by_step``.
    """
    if run.plain:
        return locust_files.latency_by_users(run.stats_history)
    totals = run.verdict.totals if run.verdict is not None else None
    frame = steps.latency_by_step(totals.steps if totals is not None else ())
    return frame if len(frame) else statistics.latency_by_users(run.series)


def latency_by_route(run: Run) -> pd.DataFrame:
    """Return latency by route: ``route, count, min_ms, p50_ms, ..., max_ms``, of operations that ended ok."""
    return statistics.percentiles(statistics.ended_ok(run.series), ["route"])


VIEWS: dict[str, Callable[[Run], pd.DataFrame]] = {
    "latency-over-time": latency_over_time,
    "latency-against-users": latency_by_users,
    "latency-by-route": latency_by_route,
    "throughput": lambda run: statistics.throughput(run.series),
    "clocks": lambda run: statistics.clocks(run.series),
    "clocks-over-time": lambda run: statistics.clocks_over_time(run.series),
}
