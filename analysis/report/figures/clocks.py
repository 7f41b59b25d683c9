"""The four clocks."""

from __future__ import annotations

from matplotlib.axes import Axes

from analysis import plots, wording
from analysis.report.figures.figure import Figure, shaded
from analysis.report.figures.lacking import no_series
from analysis.run_statistics import Measured


def _clocks(run: Measured) -> Axes:
    return shaded(plots.clocks_over_time(run.clocks_over_time), run)


CLOCKS_OVER_TIME = Figure(
    place=120,
    name="clocks-over-time",
    title="The four clocks over time",
    section="clocks",
    plot=_clocks,
    reading=lambda run: wording.reading_clocks_over_time(run.clocks_over_time),
    lacks=no_series,
)
