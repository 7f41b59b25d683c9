"""Who served, and what faults and breakers had to do with it."""

from __future__ import annotations

from matplotlib.axes import Axes

from analysis import plots
from analysis.report import sentences
from analysis.report.figures.figure import Figure
from analysis.run_statistics import Measured


def _fallbacks(run: Measured) -> Axes:
    return plots.fallback_activation(run.served, run.activation, run.breakers)


def _no_fallbacks(run: Measured) -> str:
    if run.run.plain:
        return "Locust's files name no tiers"
    if run.served.empty:
        return "no operation was recorded"
    if len(run.windows) or len(run.breakers) or (run.series["tier"] > 0).any():
        return ""
    return "no fault was injected, no breaker changed and no fallback served"


FALLBACK_ACTIVATION = Figure(
    place=90,
    name="fallback-activation",
    title="Who served, and faults",
    section="fallbacks",
    plot=_fallbacks,
    reading=sentences.activation,
    lacks=_no_fallbacks,
)
