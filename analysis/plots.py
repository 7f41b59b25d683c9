"""Plots: a statistics frame and an axes in, the axes out. Without an axes, a figure of its own is made.

Object-oriented matplotlib only: no pyplot, no global state, no window. Colours are from Okabe and Ito's set
for colour-blind readers; what they tell is said a second time by a label at the line.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAPER, INK, MUTED, GRID, SHADE = "#ffffff", "#1f2328", "#59636e", "#d8dee4", "#eff2f5"
BLUE, VERMILLION, PURPLE = "#0072b2", "#d55e00", "#b0578d"
"""Okabe and Ito's blue and vermillion; their reddish purple, darkened to be read as text on white."""

SIZE_IN = (8.0, 4.2)
PNG_DPI = 160
LOG_FROM = 30.0
"""Highest over lowest latency from which the axis is logarithmic: a linear one would flatten the median."""
MARKERS_UP_TO = 40
"""Points up to which each is marked: beyond, markers cover the line."""
LABEL_GAP = 0.055
"""Least distance between two labels at the lines' ends, as a share of the axes' height."""


@dataclass(frozen=True, slots=True)
class Line:
    """How one column is drawn."""

    column: str
    label: str
    colour: str
    width: float


LINES = (
    Line("p99_ms", "p99", PURPLE, 1.2),
    Line("p95_ms", "p95", VERMILLION, 2.2),
    Line("p50_ms", "p50", BLUE, 1.6),
)
CLOCK_LINES = (
    Line("response_ms", "response", INK, 3.0),
    Line("service_ms", "service", BLUE, 1.6),
    Line("queue_ms", "queue", VERMILLION, 1.6),
    Line("lag_ms", "lag", PURPLE, 1.6),
)
"""From the longest to the shortest, as a rule; the response time lies under the service time it mostly consists of."""


def latency_over_time(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw p50, p95 and p99 per second; ``frame`` as from ``statistics.latency_over_time``.

    Shaded are the seconds before the highest number of users was reached and those in which users left.
    Says 'no data' for an empty frame.
    """
    ax = _styled(ax, "Latency over time", "time since the first operation (s)", "latency of ok operations (ms)")
    return _over_time(ax, frame, LINES)


def clocks_over_time(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the p95 of the four clocks per second; ``frame`` as from ``statistics.clocks_over_time``.

    Shaded as in ``latency_over_time``. Says 'no data' for an empty frame.
    """
    ax = _styled(ax, "The four clocks over time", "time since the first operation (s)", "p95 of ok operations (ms)")
    return _over_time(ax, frame, CLOCK_LINES)


def _over_time(ax: Axes, frame: pd.DataFrame, lines: Sequence[Line]) -> Axes:
    """Draw columns of a frame with a row per second."""
    if not _has_latency(frame, lines):
        return _no_data(ax, "no operation ended ok")
    elapsed = frame["elapsed_s"].to_numpy(dtype=np.float64)
    _scale(ax, frame, elapsed, lines)
    _shade_edges(ax, frame)
    _draw_lines(ax, frame, elapsed, lines)
    return ax


def latency_by_users(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw p50, p95 and p99 against users; ``frame`` as from ``statistics.latency_by_users``.

    Says 'no data' for an empty frame.
    """
    ax = _styled(ax, "Latency against users", "concurrent users", "latency of ok operations (ms)")
    if not _has_latency(frame, LINES):
        return _no_data(ax, "no number of users had 20 operations that ended ok")
    users = frame["users"].to_numpy(dtype=np.float64)
    _scale(ax, frame, users, LINES)
    _draw_lines(ax, frame, users, LINES)
    return ax


def save(ax: Axes, kind: Literal["svg", "png"], salt: str) -> bytes:
    """Return the figure of ``ax`` as a file; the same figure and ``salt`` always give the same bytes.

    ``salt`` is what the ids inside an SVG are made from: give each figure of a page its own.
    """
    figure = ax.figure
    buffer = io.BytesIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type")) if kind == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "path", "font.family": "DejaVu Sans"}):
        figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata)  # type: ignore[union-attr]
    return buffer.getvalue()


def _styled(ax: Axes | None, title: str, x_label: str, y_label: str) -> Axes:
    """Return ``ax``, or the axes of a new figure, with title, units, light grid and no box."""
    if ax is None:
        figure = Figure(figsize=SIZE_IN, layout="constrained", facecolor=PAPER)
        FigureCanvasAgg(figure)
        ax = figure.subplots()
    ax.set_facecolor(PAPER)
    ax.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    ax.set_xlabel(x_label, color=INK)
    ax.set_ylabel(y_label, color=INK)
    ax.tick_params(colors=MUTED, labelcolor=MUTED, length=3)
    ax.grid(visible=True, color=GRID, linewidth=0.7)
    ax.set_axisbelow(True)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
    return ax


def _no_data(ax: Axes, reason: str) -> Axes:
    """Say in the axes that there is nothing to draw, and why."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.text(0.5, 0.5, f"no data: {reason}", ha="center", va="center", color=MUTED, transform=ax.transAxes)
    return ax


def _has_latency(frame: pd.DataFrame, lines: Sequence[Line]) -> bool:
    return any(bool(frame[line.column].notna().any()) for line in lines)


def _scale(ax: Axes, frame: pd.DataFrame, x: NDArray[np.float64], lines: Sequence[Line]) -> None:
    """Set both axes' limits: latency from 0, or logarithmic where a linear axis would hide the median."""
    values = frame[[line.column for line in lines]].to_numpy(dtype=np.float64)
    lowest, highest = max(float(np.nanmin(values)), 0.001), max(float(np.nanmax(values)), 0.001)
    if highest / lowest > LOG_FROM:
        ax.set_yscale("log")
        ax.set_ylabel(f"{ax.get_ylabel()}, log scale")
        span = highest / lowest
        ax.set_ylim(lowest / span**0.06, highest * span**0.12)
        subdivisions = (1.0, 2.0, 5.0) if highest / lowest < 1000 else (1.0,)
        ax.yaxis.set_major_locator(LogLocator(base=10, subs=subdivisions))
        ax.yaxis.set_minor_locator(NullLocator())
    else:
        ax.set_ylim(0, highest * 1.12)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    left, right = float(x[0]), float(x[-1])
    margin = (right - left) * 0.015 or 1.0
    ax.set_xlim(left - margin, right + margin)
    if left == right:
        ax.set_xticks([left], [f"{left:,.6g}"])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))


def _shade_edges(ax: Axes, frame: pd.DataFrame) -> None:
    """Shade the seconds before the highest number of users was reached and those in which they left; name both."""
    elapsed = frame["elapsed_s"].to_numpy(dtype=np.float64)
    users = frame["users"].to_numpy(dtype=np.float64)
    low, high = ax.get_xlim()
    reached = low
    if np.isfinite(users).any() and (top := int(np.nanargmax(users))) > 0:
        reached = float(elapsed[top])
        ax.axvspan(low, reached, color=SHADE, linewidth=0, zorder=0)
        _name_shade(
            ax, reached, f"users rising to {int(users[top]):,}", inside_left=(reached - low) > 0.3 * (high - low)
        )
    leaving = np.flatnonzero(frame["winding_down"].to_numpy(dtype=np.bool_))
    if len(leaving):
        begin = float(elapsed[max(leaving[0] - 1, 0)])
        ax.axvspan(begin, high, color=SHADE, linewidth=0, zorder=0)
        if begin - reached > 0.55 * (high - low):  # room for both names
            _name_shade(ax, begin, "users leaving ▸", inside_left=True)


def _name_shade(ax: Axes, x: float, name: str, *, inside_left: bool) -> None:
    """Write ``name`` at the top of the axes, left of ``x`` or, with an arrow to it, right of it."""
    text, side = (f"{name} ", "right") if inside_left else (f" ◂ {name}", "left")
    ax.text(x, 0.985, text, ha=side, va="top", fontsize=9, color=MUTED, transform=ax.get_xaxis_transform())


def _draw_lines(ax: Axes, frame: pd.DataFrame, x: NDArray[np.float64], lines: Sequence[Line]) -> None:
    """Draw each column and write its name at its last point."""
    ends: list[tuple[Line, float, float]] = []
    for line in lines:
        y = frame[line.column].to_numpy(dtype=np.float64)
        drawn = np.isfinite(y)
        marker = "o" if len(x) <= MARKERS_UP_TO or _has_islands(drawn) else ""
        ax.plot(x, y, color=line.colour, linewidth=line.width, marker=marker, markersize=3.5, label=line.label)
        if drawn.any():
            end = int(np.flatnonzero(drawn)[-1])
            ends.append((line, float(x[end]), float(y[end])))
    _label_ends(ax, ends)


def _has_islands(drawn: NDArray[np.bool_]) -> bool:
    """Return whether a point has no neighbour to draw a line to: without a marker it would be invisible."""
    padded = np.concatenate(([False], drawn, [False]))
    return bool((padded[1:-1] & ~padded[:-2] & ~padded[2:]).any())


def _label_ends(ax: Axes, ends: Sequence[tuple[Line, float, float]]) -> None:
    """Write the lines' names right of their last points, moved apart where they would overlap."""
    to_axes = ax.transData + ax.transAxes.inverted()
    wanted = [float(to_axes.transform((x, y))[1]) for _, x, y in ends]
    for (line, x, _), height in zip(ends, spread(wanted, LABEL_GAP), strict=True):
        ax.annotate(
            line.label,
            xy=(x, height),
            xycoords=ax.get_xaxis_transform(),
            xytext=(9, 0),
            textcoords="offset points",
            color=line.colour,
            fontsize=9,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Return ``heights``, given from high to low, moved up as little as keeps each ``gap`` above the next."""
    moved: list[float] = []
    for height in reversed(heights):
        moved.append(max(height, moved[-1] + gap) if moved else height)
    return moved[::-1]
