"""What a plot of the report is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from analysis import plots
from analysis.run_statistics import Measured


@dataclass(frozen=True, slots=True)
class Figure:
    """One plot of the report and of the notebooks, made where it is declared: a module of this folder.

    ``place`` is where it stands among all of them. ``name`` is that of the view it shows: one of ``views.VIEWS``, or
    what ``frame`` returns. ``lacks`` says why a run has nothing to draw, empty where it has.
    """

    place: int
    name: str
    title: str
    section: str
    plot: Callable[[Measured], Axes]
    reading: Callable[[Measured], str]
    lacks: Callable[[Measured], str]
    frame: Callable[[Measured], pd.DataFrame] | None = None


def shaded(ax: Axes, run: Measured) -> Axes:
    """Shade fault windows where there are some, over axes that have data."""
    return plots.shade_windows(ax, run.activation) if len(run.activation) and ax.lines else ax
