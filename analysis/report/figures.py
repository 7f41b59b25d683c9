"""The plots of a report in their order: what each shows, how it is drawn, what it reads, and when there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from analysis import plots, wording
from analysis.report import readings, sentences
from analysis.run_statistics import Measured


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot of the report.

    ``name`` is that of the view it shows (``views.VIEWS``); ``lacks`` says why a run has nothing to draw, empty where
    it has.
    """

    name: str
    title: str
    section: str
    plot: Callable[[Measured], Axes]
    reading: Callable[[Measured], str]
    lacks: Callable[[Measured], str]


def _over_time(run: Measured) -> Axes:
    return _shaded(plots.latency_over_time(run.latency_over_time), run)


def _clocks(run: Measured) -> Axes:
    return _shaded(plots.clocks_over_time(run.clocks_over_time), run)


def _shaded(ax: Axes, run: Measured) -> Axes:
    """Shade fault windows where there are some, over axes that have data."""
    return plots.shade_windows(ax, run.activation) if len(run.activation) and ax.lines else ax


def _fallbacks(run: Measured) -> Axes:
    return plots.fallback_activation(run.served, run.activation, run.breakers)


def _no_latency(run: Measured) -> str:
    frame = run.latency_over_time
    return "" if frame["p95_ms"].notna().any() else wording.none_ended(frame)


def _no_series(run: Measured) -> str:
    """Say why there is nothing from histograms: they are RouteSwarm's own."""
    return "Locust's files have no histograms" if run.run.plain else _no_latency(run)


def _no_levels(run: Measured) -> str:
    return _too_few(run.levels)


def _no_throughputs(run: Measured) -> str:
    if lacks := _no_series(run):
        return lacks
    return "" if len(run.by_throughput) > 1 else "no two throughputs were held for two seconds each"


def _too_few(levels: pd.DataFrame) -> str:
    """Say why there is no growth to draw; a single point is the table's to tell."""
    if len(levels) > 1:
        return ""
    return "only one number of users was measured" if len(levels) else wording.too_few_at_any_users(levels)


def _no_users(run: Measured) -> str:
    return sentences.no_percentiles_by_users(run) or _too_few(run.latency_by_users)


def _no_percentiles(run: Measured) -> str:
    return "" if len(run.percentile_curve) else wording.none_ended(run.percentile_curve)


def _no_tail(run: Measured) -> str:
    if run.run.plain:
        return "Locust's files have no single operations"
    return "" if len(run.tail) else "too few operations ended ok to have a slowest 1 %, or no history was kept"


def _no_fallbacks(run: Measured) -> str:
    if run.run.plain:
        return "Locust's files name no tiers"
    if run.served.empty:
        return "no operation was recorded"
    if len(run.windows) or len(run.breakers) or (run.series["tier"] > 0).any():
        return ""
    return "no fault was injected, no breaker changed and no fallback served"


def _no_confusion(run: Measured) -> str:
    if run.run.plain:
        return "Locust's files name no expected routes"
    return "" if run.confusion.size else "no scenario with an expected route ended ok"


def _no_priorities(run: Measured) -> str:
    if lacks := _no_series(run):
        return lacks
    seen = run.density["priority"].unique()
    return "" if len(seen) > 1 else f"only priority {seen[0]} was sent"


FIGURES = (
    Figure("latency-over-time", "Latency over time", "latency", _over_time, sentences.over_time, _no_latency),
    Figure(
        "percentile-curve", "Latency by percentile", "latency",
        lambda run: plots.percentile_curve(run.percentile_curve),
        lambda run: readings.percentiles(run.percentile_curve), _no_percentiles,
    ),
    Figure(
        "latency-heat", "All latencies over time", "latency",
        lambda run: plots.latency_heat(run.heat, run.activation), lambda run: readings.heat(run.heat), _no_series,
    ),
    Figure(
        "tail-attribution", "What the slowest 1 % spent their time on", "latency",
        lambda run: plots.tail_attribution(run.tail), lambda run: readings.tail(run.tail), _no_tail,
    ),
    Figure(
        "latency-against-users", "Latency against users", "load",
        lambda run: plots.latency_by_users(run.latency_by_users), sentences.by_users, _no_users,
    ),
    Figure(
        "latency-and-models", "Latency against users, and what models say", "load",
        lambda run: plots.latency_against_users(run.levels, run.fits, left_out_s=run.left_out_s),
        sentences.models, _no_levels,
    ),
    Figure(
        "throughput-against-users", "Throughput against users", "load",
        lambda run: plots.throughput_against_users(run.levels, run.fits, left_out_s=run.left_out_s),
        sentences.throughputs, _no_levels,
    ),
    Figure(
        "latency-by-throughput", "Latency against throughput", "load",
        lambda run: plots.latency_by_throughput(run.by_throughput),
        sentences.by_throughput, _no_throughputs,
    ),
    Figure(
        "fallback-activation", "Who served, and faults", "fallbacks", _fallbacks,
        sentences.activation, _no_fallbacks,
    ),
    Figure(
        "confusion-matrix", "Expected against decided route", "routing",
        lambda run: plots.confusion_matrix(run.confusion, left_out=run.undecided),
        lambda run: readings.confusion(run.confusion, run.undecided), _no_confusion,
    ),
    Figure(
        "priorities", "Latency by priority", "routing",
        lambda run: plots.priority_ridge(run.density, run.priorities),
        lambda run: readings.priorities(run.priorities), _no_priorities,
    ),
    Figure(
        "clocks-over-time", "The four clocks over time", "clocks", _clocks,
        lambda run: wording.reading_clocks_over_time(run.clocks_over_time), _no_series,
    ),
)  # fmt: skip
"""The plots of a report, in their order."""
