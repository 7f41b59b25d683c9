"""Fault windows over any plot with time on its x axis: shaded, and named in lanes above the axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.transforms import ScaledTranslation

from analysis.plots.style import INK, MUTED, VERMILLION, cut, literal, retitle, size_pt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LANES = 4
LANE_PT = 13.0
"""Height of a lane; its text has 8 pt."""
CHARACTER_PT = 4.6
"""Width of a character of that text, as a rule."""
SHADE_ALPHA = 0.1


def shade_windows(ax: Axes, windows: pd.DataFrame, says: Sequence[str] | None = None) -> Axes:
    """Shade each window and write its name above the axes, and what ``says`` says of it; return the axes.

    ``windows`` need ``fault, start_s, end_s`` (seconds on the axis; NaN where it never closed), as from
    ``statistics.fallback_activation``. Call it last: it takes the limits of the x axis as they are.
    """
    low, high = ax.get_xlim()
    per_pt = (high - low) / size_pt(ax)[0]
    texts = [cut(str(name)) for name in windows["fault"]]
    if says is not None:
        texts = [f"{text}: {more}" if more else text for text, more in zip(texts, says, strict=True)]
    lanes: list[float] = []
    left_out = 0
    for text, start, end in zip(texts, windows["start_s"], windows["end_s"], strict=True):
        begin, until = max(float(start), low), high if pd.isna(end) else min(float(end), high)
        if begin > high or until < low:
            continue
        ax.axvspan(begin, until, color=VERMILLION, alpha=SHADE_ALPHA, linewidth=0, zorder=0.5)
        for edge in (begin, until) if until < high else (begin,):
            ax.axvline(edge, color=VERMILLION, linestyle=(0, (3, 2)), linewidth=1.0, zorder=4)
        left_out += not _name(ax, text, begin, until, lanes, per_pt)
    if left_out:
        lanes.append(high)
        _write(ax, f"and {left_out:,} more windows, shaded", low, len(lanes) - 1, "left", MUTED)
    retitle(ax, ax.get_title(loc="left"), LANE_PT * len(lanes))
    return ax


def _name(ax: Axes, text: str, begin: float, until: float, lanes: list[float], per_pt: float) -> bool:
    """Write a window's name into the first lane with room, over a bar as long as it; return whether there was one.

    A lane is the place up to which it is written on. A name begins with its window, or ends with the axes where it
    would leave them. ``per_pt`` is how much of the x axis a point is.
    """
    low, high = ax.get_xlim()
    room = max(int((high - low) / per_pt / CHARACTER_PT) - 2, 12)
    text = cut(text, room)
    width = (len(text) + 2) * CHARACTER_PT * per_pt
    left = max(min(begin, high - width), low)
    right = max(left + width, until)
    for lane, taken in enumerate(lanes):
        if taken <= left:
            lanes[lane] = right
            break
    else:
        if len(lanes) == MOST_LANES:
            return False
        lanes.append(right)
        lane = len(lanes) - 1
    if left < begin:
        _write(ax, text, high if left > low else low, lane, "right" if left > low else "left", INK)
    else:
        _write(ax, text, left, lane, "left", INK)
    _bar(ax, begin, until, lane)
    return True


def _bar(ax: Axes, begin: float, until: float, lane: int) -> None:
    """Draw a bar under the text of a lane."""
    lift = ScaledTranslation(0, (2 + LANE_PT * lane) / 72, ax.figure.dpi_scale_trans)
    transform = ax.get_xaxis_transform() + lift
    ax.plot(
        [begin, until], [1, 1], color=VERMILLION, linewidth=2, solid_capstyle="butt", transform=transform,
        clip_on=False, label="window",
    )  # fmt: skip


def _write(ax: Axes, text: str, x: float, lane: int, side: str, colour: str) -> None:
    ax.annotate(
        literal(text),
        xy=(x, 1),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, 4 + LANE_PT * lane),
        textcoords="offset points",
        ha=side,
        va="bottom",
        fontsize=8,
        color=colour,
        annotation_clip=False,
    )
