"""The sentences under the plots of one run, from its ``Measured``: the same in report, terminal and notebook."""

from __future__ import annotations

from analysis import wording
from analysis.report import readings
from analysis.run_statistics import Measured
from analysis.statistics import locust_statistics


def over_time(run: Measured) -> str:
    """Say where the p95 of most seconds lay, which was the slowest, and in which fault window it was highest."""
    said = wording.reading_over_time(run.latency_over_time)
    return said + readings.faults_in_latency(run.latency_over_time, run.activation)


def by_users(run: Measured) -> str:
    """Say how latency grows with users, and where it crosses the thresholds of the criteria."""
    if lacks := no_percentiles_by_users(run):
        return f"No data: {lacks}."
    said = f"{wording.reading_by_users(run.latency_by_users)} {readings.crossings(run.crossings)}".strip()
    return said + left_out(run)


def no_percentiles_by_users(run: Measured) -> str:
    """Say why plain Locust files give no percentiles by number of users; empty where they do, and for other runs."""
    if not run.run.plain or len(run.latency_by_users):
        return ""
    if run.run.stats_history.empty:
        return "Locust's files have no history"
    covers = locust_statistics.covers(run.run.stats_history)
    if covers != "window":
        return {
            "so far": "percentiles over time are of everything so far, but for --csv-full-history",
            "not told": "nothing tells whether percentiles over time are of the last seconds or of everything so far",
        }[covers]
    return f"no number of users was held for {locust_statistics.WINDOW_S} seconds, which is what a percentile covers"


def clocks(run: Measured) -> str:
    """Say whose time the response time was."""
    return "No data: Locust's files tell one clock." if run.run.plain else wording.reading_clocks(run.clocks)


def models(run: Measured) -> str:
    """Say where the knee of the best model is, and how well it fits."""
    return readings.models(run.levels, run.fits) + left_out(run)


def throughputs(run: Measured) -> str:
    """Say how throughput grows with users, and where it is saturated."""
    return readings.throughputs(run.throughputs, run.fits) + left_out(run)


def by_throughput(run: Measured) -> str:
    """Say what p95 was at the lowest and the highest throughput."""
    return readings.by_throughput(run.by_throughput) + left_out(run)


def activation(run: Measured) -> str:
    """Say how soon fallbacks began after each window of a fault, and how much they served."""
    return (
        "No data: no operation was recorded." if run.served.empty else readings.activation(run.activation, run.served)
    )


def left_out(run: Measured) -> str:
    """Say what the levels of load leave out; of plain Locust files nobody knows faults or warm-up."""
    if run.run.plain:
        return ""
    return readings.left_out(run.left_out_s, faults=len(run.windows) > 0, steps=run.has_steps)
