"""Plots: a statistics frame and an axes in, the axes out. Without an axes, a figure of its own is made.

Where there is nothing to draw, the axes say in words what is missing. ``dark(ax)`` recolours for dark paper; ``save``
gives SVG and PNG, the same bytes for the same figure.
"""

from analysis.plots.distributions import before_after, latency_heat, percentile_curve, priority_ridge
from analysis.plots.load import latency_against_users, throughput_against_users
from analysis.plots.over_time import clocks_over_time, latency_by_throughput, latency_by_users, latency_over_time
from analysis.plots.routing import confusion_matrix, fallback_activation
from analysis.plots.style import (
    BLUE,
    DARK,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    PNG_DPI,
    PURPLE,
    SHADE,
    SIZE_IN,
    SKY,
    VERMILLION,
    YELLOW,
    dark,
    save,
    spread,
)
from analysis.plots.tails import tail_attribution
from analysis.plots.windows import shade_windows

__all__ = [
    "BLUE", "DARK", "GREEN", "GRID", "INK", "MUTED", "ORANGE", "PAPER", "PNG_DPI", "PURPLE", "SHADE", "SIZE_IN", "SKY",
    "VERMILLION", "YELLOW", "before_after", "clocks_over_time", "confusion_matrix", "dark", "fallback_activation",
    "latency_against_users", "latency_by_throughput", "latency_by_users", "latency_heat", "latency_over_time",
    "percentile_curve", "priority_ridge", "save", "shade_windows", "spread", "tail_attribution",
    "throughput_against_users",
]  # fmt: skip
