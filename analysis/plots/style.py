"""What all plots share: colours, axes with units and no box, words instead of empty panels, labels, and files.

Object-oriented matplotlib only: no pyplot, no global state, no window. Colours are from Okabe and Ito's set for
colour-blind readers; what they tell is said a second time by a label, a width or a height.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import same_color, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from harness.words.errors import printable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PAPER, INK, MUTED, GRID, SHADE = "#ffffff", "#1f2328", "#59636e", "#d8dee4", "#eff2f5"
BLUE, VERMILLION, PURPLE = "#0072b2", "#d55e00", "#b0578d"
"""Okabe and Ito's blue and vermillion; their reddish purple, darkened to be read as text on white."""
GREEN, ORANGE, SKY, YELLOW = "#009e73", "#e69f00", "#56b4e8", "#d9cb32"
"""Okabe and Ito's for areas; the yellow darkened. None of them is for text."""
AREAS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, YELLOW, MUTED)
"""Colours of areas side by side; if there are more, the last is of the others together."""

DARK = {
    PAPER: "#14181d", INK: "#e6e9ec", MUTED: "#9aa5b1", GRID: "#2f363e", SHADE: "#1d232a", BLUE: "#56b4e9",
    VERMILLION: "#f58a3c", PURPLE: "#dd93bd", GREEN: "#2bbd94", ORANGE: "#f0b429", SKY: "#8fd0f5", YELLOW: "#efe26a",
}  # fmt: skip
"""What stands for each colour on dark paper."""

SIZE_IN = (8.0, 4.2)
PNG_DPI = 160
LOG_FROM = 30.0
"""Highest over lowest latency from which the axis is logarithmic: a linear one would flatten the median."""
LABEL_PT = 12.0
"""Least distance between two labels at the lines' ends."""
CHARACTER_PT = 5.5
"""Width of a character of 10 pt, as a rule."""
_END = "end of a line"
"""Which texts of an axes are labels at the ends of lines."""
NAME_LIMIT = 26
"""Characters of a name in a plot; a longer one keeps its begin."""


@dataclass(frozen=True, slots=True)
class Line:
    """How one column is drawn."""

    column: str
    label: str
    colour: str
    width: float


def save(ax: Axes, kind: Literal["svg", "png"], salt: str) -> bytes:
    """Return the figure of ``ax`` as a file; the same figure and ``salt`` always give the same bytes.

    ``salt`` is what the ids inside an SVG are made from: give each figure of a page its own.
    """
    figure = ax.figure
    buffer = io.BytesIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type")) if kind == "svg" else {"Software": None}
    settings = mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "path", "font.family": "DejaVu Sans"})
    with settings, _boxes_for_unknown_glyphs():
        figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=metadata)  # type: ignore[union-attr]
    return buffer.getvalue()


@contextmanager
def _boxes_for_unknown_glyphs() -> Iterator[None]:
    """Draw boxes for characters that the font lacks, such as CJK, without a warning for each: tables have them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def dark(ax: Axes) -> Axes:
    """Recolour what is drawn in ``ax`` and its figure for dark paper, and return ``ax``."""
    figure = ax.figure
    for axes in figure.axes:  # a colour bar has axes of its own
        for artist in (axes, *axes.findobj()):
            _recolour(artist)
    figure.patch.set_facecolor(DARK[PAPER])
    return ax


def _recolour(artist: Artist) -> None:
    if isinstance(artist, Text | Line2D):
        artist.set_color(_on_dark(artist.get_color()))
    if isinstance(artist, Text) and (box := artist.get_bbox_patch()) is not None:
        _recolour(box)
    if isinstance(artist, Line2D):
        artist.set_markerfacecolor(_on_dark(artist.get_markerfacecolor()))
        artist.set_markeredgecolor(_on_dark(artist.get_markeredgecolor()))
    if isinstance(artist, Patch):
        artist.set_facecolor(_on_dark(artist.get_facecolor()))
        artist.set_edgecolor(_on_dark(artist.get_edgecolor()))
    if isinstance(artist, Collection) and artist.get_array() is None:
        artist.set_facecolor([_on_dark(colour) for colour in artist.get_facecolor()])
        artist.set_edgecolor([_on_dark(colour) for colour in artist.get_edgecolor()])


def _on_dark(colour: Any) -> Any:
    """Return the colour for dark paper, as opaque as before; one that is not ours stays."""
    if isinstance(colour, str) and colour in ("none", "auto"):
        return colour
    rgba = to_rgba(colour)
    for light, on_dark in DARK.items():
        if same_color(rgba[:3], light):
            return (*to_rgba(on_dark)[:3], rgba[3])
    return colour


def styled(ax: Axes | None, title: str, x_label: str, y_label: str, more_in: float = 0.0) -> Axes:
    """Return ``ax``, or the axes of a new figure, with title, units, light grid and no box.

    A new figure is ``more_in`` inches higher than others.
    """
    if ax is None:
        figure = Figure(figsize=(SIZE_IN[0], SIZE_IN[1] + more_in), layout="constrained", facecolor=PAPER)
        FigureCanvasAgg(figure)
        ax = figure.subplots()
    else:
        ax.figure.patch.set_facecolor(PAPER)  # else titles stand dark on the paper of a dark notebook
    ax.set_facecolor(PAPER)
    retitle(ax, title)
    ax.set_xlabel(x_label, color=INK)
    ax.set_ylabel(y_label, color=INK)
    ax.tick_params(colors=MUTED, labelcolor=MUTED, length=3)
    ax.grid(visible=True, color=GRID, linewidth=0.7)
    ax.set_axisbelow(True)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(MUTED)
    return ax


def no_data(ax: Axes, reason: str) -> Axes:
    """Say in the axes that there is nothing to draw, and why."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    text = textwrap.fill(f"no data: {reason}", 60)
    ax.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=ax.transAxes)
    return ax


def note(ax: Axes, text: str) -> None:
    """Write ``text`` under the label of the x axis, in lines that fit the axes; nothing for an empty text."""
    if text:
        lines = textwrap.fill(text, max(int(size_pt(ax)[0] / CHARACTER_PT), 24))
        ax.set_xlabel(f"{ax.get_xlabel()}\n{lines}")


def size_pt(ax: Axes) -> tuple[float, float]:
    """Return how wide and high the axes are with what is drawn so far, in points; the layout is done for that."""
    figure = ax.figure
    engine = figure.get_layout_engine()
    with _boxes_for_unknown_glyphs():
        if engine is None:
            figure.draw_without_rendering()  # type: ignore[union-attr]
        else:
            engine.execute(figure)  # type: ignore[arg-type]  # what drawing begins with; the rest of it moves no axes
    box = ax.get_window_extent()
    return float(box.width * 72 / figure.dpi), float(box.height * 72 / figure.dpi)


def retitle(ax: Axes, title: str, lanes_pt: float = 0.0) -> None:
    """Set the title, ``lanes_pt`` points above its place."""
    pad = 6.0 + lanes_pt if lanes_pt else None
    ax.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=pad)


def has_values(frame: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Return whether any of the columns has a value."""
    return any(bool(frame[column].notna().any()) for column in columns)


def shorten(name: str, limit: int = NAME_LIMIT) -> str:
    """Return ``name`` of at most ``limit`` characters, on one line, to be drawn as it is."""
    return literal(cut(name, limit))


def cut(text: str, limit: int = NAME_LIMIT) -> str:
    """Return ``text`` of at most ``limit`` characters, on one line, without any that XML or a terminal cannot take.

    matplotlib writes texts into comments of an SVG as they are.
    """
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def literal(text: str) -> str:
    """Return ``text`` so that matplotlib draws it as it is: two dollars would be a formula."""
    return text.replace("$", r"\$")


def scale_values(ax: Axes, values: NDArray[np.float64]) -> None:
    """Set the limits of the y axis for latencies: from 0, or logarithmic where a linear axis would hide the median."""
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


def scale_steps(ax: Axes, left: float, right: float) -> None:
    """Set limits and ticks of an x axis of seconds or users."""
    margin = (right - left) * 0.015 or 1.0
    ax.set_xlim(left - margin, right + margin)
    if left == right:
        ax.set_xticks([left], [f"{left:,.6g}"])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))


@dataclass(frozen=True, slots=True)
class End:
    """A label to be written right of a point; with ``swatch`` a square of that colour stands before it."""

    label: str
    x: float
    y: float
    colour: str = INK
    swatch: str | None = None


def label_ends(ax: Axes, ends: Sequence[End]) -> None:
    """Write labels right of their points, moved apart where they would overlap; in any order."""
    to_axes = ax.transData + ax.transAxes.inverted()
    # on a logarithmic axis 0 lies at minus infinity
    found = [(max(float(to_axes.transform((end.x, end.y))[1]), 0.0), end) for end in ends]
    placed = sorted(found, key=lambda pair: -pair[0])
    heights = spread([height for height, _ in placed], LABEL_PT / size_pt(ax)[1] if len(ends) > 1 else 0.0)
    for (_, end), height in zip(placed, heights, strict=True):
        parts = [("■", end.swatch, 0), (end.label, end.colour, 12)] if end.swatch else [(end.label, end.colour, 0)]
        for text, colour, shift in parts:
            ax.annotate(
                text,
                xy=(end.x, height),
                xycoords=ax.get_xaxis_transform(),
                xytext=(9 + shift, 0),
                textcoords="offset points",
                color=colour,
                fontsize=9,
                fontweight="bold",
                va="center",
                annotation_clip=False,
                label=_END,  # not its gid: that would be an id of the SVG
            )


def spread_ends(ax: Axes) -> None:
    """Move labels of ``label_ends`` apart again, after the axes became lower."""
    labels = [text for text in ax.texts if isinstance(text, Annotation) and text.get_label() == _END]
    before = sorted({float(label.xy[1]) for label in labels}, reverse=True)
    if len(before) > 1:
        after = dict(zip(before, spread(before, LABEL_PT / size_pt(ax)[1]), strict=True))
        for label in labels:
            label.xy = (label.xy[0], after[float(label.xy[1])])


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Return ``heights``, given from high to low, moved up as little as keeps each ``gap`` above the next.

    What would come to stand above 1 is moved down again, as far as there is room down to 0.
    """
    moved: list[float] = []
    for height in reversed(heights):
        moved.append(max(height, moved[-1] + gap) if moved else height)
    limit = max(1.0, gap * (len(heights) - 1))
    for place in range(len(moved) - 1, -1, -1):
        moved[place] = min(moved[place], limit)
        limit = moved[place] - gap
    return moved[::-1]
