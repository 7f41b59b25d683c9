"""Fault windows over any plot with time on its x axis: shaded, with a bar over the axes, named there or in a list."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.transforms import ScaledTranslation

from analysis.plots.style import INK, VERMILLION, cut, literal, retitle, size_pt, spread_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LANES = 4
"""Lanes of names: what needs more is numbered and listed under the axis."""
MOST_LISTED = 8
LANE_PT = 13.0
"""Height of a lane; its text has 8 pt."""
CHARACTER_PT = 4.6
"""Width of a character of that text, as a rule."""
SHADE_ALPHA = 0.1
OVER_ALPHA = 0.16
"""How dense windows are that lie over what is drawn: areas have to show through."""


@dataclass(frozen=True, slots=True)
class _Window:
    """A window as far as it lies on the axis, the text over its bar, and in which lane that is."""

    begin: float
    until: float
    text: str
    lane: int = 0


def shade_windows(ax: Axes, windows: pd.DataFrame, says: Sequence[str] | None = None, *, over: bool = False) -> Axes:
    """Shade each window, draw a bar over the axes as long as it, and name it; return the axes.

    ``windows`` need ``fault`` or ``name``, ``start_s``, ``end_s`` (seconds on the axis; NaN where it never closed), as
    ``statistics.fallback_activation`` and ``Run.faults`` have them. Names stand over their bars. Where they do not fit,
    or there is more to say of each (``says``), the bars are numbered and a list under the axis has the names of the
    first eight. ``over`` shades over what is drawn, for areas that would hide it. Call it last: it takes the limits of
    the x axis as they are.
    """
    low, high = ax.get_xlim()
    names = windows["fault" if "fault" in windows else "name"]
    found: list[_Window] = []
    lines: list[str] = []
    for place, (name, start, end) in enumerate(zip(names, windows["start_s"], windows["end_s"], strict=True)):
        begin, until = max(float(start), low), high if pd.isna(end) else min(float(end), high)
        if begin <= high and until >= low:
            found.append(_Window(begin, until, cut(str(name))))
            lines.append(cut(str(name)) if says is None else f"{cut(str(name))}: {says[place]}")
            _shade(ax, begin, until, over=over)
    named = _in_lanes(ax, found) if says is None else None
    if named is None:
        shown = found[:MOST_LISTED]
        named = _in_lanes(ax, [replace(each, text=str(k + 1)) for k, each in enumerate(shown)], MOST_LISTED) or []
        _list(ax, lines)
    for window in named:
        _name(ax, window)
    retitle(ax, ax.get_title(loc="left"), LANE_PT * (1 + max((each.lane for each in named), default=-1)))
    spread_ends(ax)
    return ax


def _shade(ax: Axes, begin: float, until: float, *, over: bool) -> None:
    colour, alpha, order = (INK, OVER_ALPHA, 2.5) if over else (VERMILLION, SHADE_ALPHA, 0.5)
    ax.axvspan(begin, until, color=colour, alpha=alpha, linewidth=0, zorder=order)
    for edge in (begin, until) if until < ax.get_xlim()[1] else (begin,):
        ax.axvline(edge, color=VERMILLION, linestyle=(0, (3, 2)), linewidth=1.0, zorder=4)


def _in_lanes(ax: Axes, windows: Sequence[_Window], most: int = MOST_LANES) -> list[_Window] | None:
    """Return the windows in lanes in which their texts do not meet, each beginning with its bar; None if they do."""
    low, high = ax.get_xlim()
    per_pt = (high - low) / size_pt(ax)[0]
    lanes: list[float] = []  # the place up to which each is written on
    placed = []
    for window in windows:
        right = window.begin + (len(window.text) + 2) * CHARACTER_PT * per_pt
        if right > high and len(window.text) > 2:
            return None
        lane = next((place for place, taken in enumerate(lanes) if taken <= window.begin), len(lanes))
        if lane == most:
            return None
        lanes[lane : lane + 1] = [max(right, window.until)]
        placed.append(replace(window, lane=lane))
    return placed


def _name(ax: Axes, window: _Window) -> None:
    """Draw a bar and, over its begin, a text."""
    lift = ScaledTranslation(0, (2 + LANE_PT * window.lane) / 72, ax.figure.dpi_scale_trans)
    transform = ax.get_xaxis_transform() + lift
    ax.plot(
        [window.begin, window.until], [1, 1], color=VERMILLION, linewidth=2, solid_capstyle="butt",
        transform=transform, clip_on=False, label="window",
    )  # fmt: skip
    ax.annotate(
        literal(window.text),
        xy=(window.begin, 1),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, 4 + LANE_PT * window.lane),
        textcoords="offset points",
        ha="left",
        va="bottom",
        fontsize=8,
        color=INK,
        annotation_clip=False,
    )


def _list(ax: Axes, lines: Sequence[str]) -> None:
    """Write numbered lines under the label of the x axis, side by side where they fit; what is beyond eight is counted.

    The order is down the first column, then down the next.
    """
    width = size_pt(ax)[0]
    room = max(int(width / CHARACTER_PT), 24)
    shown = [f"{k + 1}  {line}" for k, line in enumerate(lines[:MOST_LISTED])]
    if (more := len(lines) - MOST_LISTED) > 0:
        shown.append("1 more window is shaded" if more == 1 else f"{more:,} more windows are shaded")
    columns = max(min(room // (max(map(len, shown), default=room) + 3), len(shown)), 1)
    if columns == 1:
        shown = [textwrap.fill(line, room, subsequent_indent="    ") for line in shown]
    rows = math.ceil(len(shown) / columns)
    label = ax.xaxis.label.get_window_extent()
    under_pt = (label.y0 - ax.get_window_extent().y0) * 72 / ax.figure.dpi - 4
    for column in range(math.ceil(len(shown) / rows) if shown else 0):
        ax.annotate(
            literal("\n".join(shown[column * rows : (column + 1) * rows])),
            xy=(0, 0),
            xycoords="axes fraction",
            xytext=(column * width / columns, under_pt),
            textcoords="offset points",
            va="top",
            fontsize=8,
            linespacing=1.25,
            color=INK,
            annotation_clip=False,
        )
