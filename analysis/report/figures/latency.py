"""Plots of latency over time and by percentile."""

from __future__ import annotations

from matplotlib.axes import Axes

from analysis import plots, wording
from analysis.report import readings, sentences
from analysis.report.figures.figure import Figure, shaded
from analysis.report.figures.lacking import no_latency, no_series
from analysis.run_statistics import Measured


def _over_time(run: Measured) -> Axes:
    return shaded(plots.latency_over_time(run.latency_over_time), run)


def _no_percentiles(run: Measured) -> str:
    return "" if len(run.percentile_curve) else wording.none_ended(run.percentile_curve)


def _no_tail(run: Measured) -> str:
    if run.run.plain:
        return "Locust's files have no single operations"
    return "" if len(run.tail) else "too few operations ended ok to have a slowest 1 %, or no history was kept"


LATENCY_OVER_TIME = Figure(
    place=10,
    name="latency-over-time",
    title="Latency over time",
    section="latency",
    plot=_over_time,
    reading=sentences.over_time,
    lacks=no_latency,
)
PERCENTILE_CURVE = Figure(
    place=20,
    name="percentile-curve",
    title="Latency by percentile",
    section="latency",
    plot=lambda run: plots.percentile_curve(run.percentile_curve),
    reading=lambda run: readings.percentiles(run.percentile_curve),
    lacks=_no_percentiles,
)
LATENCY_HEAT = Figure(
    place=30,
    name="latency-heat",
    title="All latencies over time",
    section="latency",
    plot=lambda run: plots.latency_heat(run.heat, run.activation),
    reading=lambda run: readings.heat(run.heat),
    lacks=no_series,
)
TAIL_ATTRIBUTION = Figure(
    place=40,
    name="tail-attribution",
    title="What the slowest 1 % spent their time on",
    section="latency",
    plot=lambda run: plots.tail_attribution(run.tail),
    reading=lambda run: readings.tail(run.tail),
    lacks=_no_tail,
)
