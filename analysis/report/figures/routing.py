"""Decisions, and priorities."""

from __future__ import annotations

from analysis import plots
from analysis.report import readings
from analysis.report.figures.figure import Figure
from analysis.report.figures.lacking import no_series
from analysis.run_statistics import Measured


def _no_confusion(run: Measured) -> str:
    if run.run.plain:
        return "Locust's files name no expected routes"
    return "" if run.confusion.size else "no scenario with an expected route ended ok"


def _no_priorities(run: Measured) -> str:
    if lacks := no_series(run):
        return lacks
    seen = run.density["priority"].unique()
    return "" if len(seen) > 1 else f"only priority {seen[0]} was sent"


CONFUSION_MATRIX = Figure(
    place=100,
    name="confusion-matrix",
    title="Expected against decided route",
    section="routing",
    plot=lambda run: plots.confusion_matrix(run.confusion, left_out=run.undecided),
    reading=lambda run: readings.confusion(run.confusion, run.undecided),
    lacks=_no_confusion,
)
PRIORITIES = Figure(
    place=110,
    name="priorities",
    title="Latency by priority",
    section="routing",
    plot=lambda run: plots.priority_ridge(run.density, run.priorities),
    reading=lambda run: readings.priorities(run.priorities),
    lacks=_no_priorities,
)
