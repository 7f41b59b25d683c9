"""What the slowest operations spent their time on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.plots.style import BLUE, INK, MUTED, VERMILLION, no_data, note, shorten, styled
from analysis.wording import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 10
BAR = 0.34
"""Height of one of the two bars of a component."""


def tail_attribution(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw two bars per component: its mean time in the median operations, and in the slowest.

    ``frame`` as from ``statistics.tail_attribution``. Of the bar of the slowest the first part is what median
    operations of the same routes take, the rest what the slowest take beyond that; where they take less, a hollow part
    ends where those do. Components beyond the tenth are put together.
    """
    ax = styled(ax, "What the slowest 1 % spent their time on", "mean time per operation (ms)", "")
    if frame.empty:
        return no_data(ax, "too few operations ended ok to have a tail, or no history was kept")
    shown = _few(frame)
    places = np.arange(len(shown))
    tail, same, median = (shown[name].to_numpy(dtype=np.float64) for name in ("tail_ms", "same_routes_ms", "median_ms"))
    ax.barh(places - BAR / 2, median, height=BAR, color=MUTED, label=MEDIAN)
    ax.barh(places + BAR / 2, np.minimum(tail, same), height=BAR, color=BLUE, label=SAME_ROUTES)
    ax.barh(places + BAR / 2, np.maximum(tail - same, 0), left=same, height=BAR, color=VERMILLION, label=SLOWER)
    less = tail < same
    ax.barh(
        places[less] + BAR / 2, (same - tail)[less], left=tail[less], height=BAR, fill=False, edgecolor=BLUE,
        linewidth=0.8, label="_less",
    )  # fmt: skip
    ax.set_ylim(len(shown) - 0.4, -0.6)
    highest = float(np.max([tail, same, median]))
    ax.set_xlim(0, highest * 1.32 if highest > 0 else 1.0)  # room for the labels
    for place, row in zip(places, shown.itertuples(), strict=True):
        extra, part = float(row.extra_ms), float(row.extra_pct)  # type: ignore[arg-type]
        share, digits = (f" ({part:.0f} %)", 3) if abs(part) >= 0.5 else ("", 1)
        ax.annotate(
            f"{_beyond(extra, digits)} ms{share}",
            xy=(float(max(tail[place], same[place], median[place])), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK if abs(part) >= 5 else MUTED,
        )
    ax.set_yticks(places, [shorten(str(name), 20) for name in shown["component"]])
    ax.grid(visible=False, axis="y")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.legend(loc="best", fontsize=9, frameon=False, labelcolor=INK)
    note(
        ax,
        "Numbers: what the slowest take beyond the median operations (p45 to p55 of all). As usual: what the median "
        "operations of the slowest ones' own routes take.",
    )
    return ax


def _beyond(extra_ms: float, digits: int) -> str:
    """Return a difference with its sign; one below a microsecond, which no clock here tells, is 0."""
    if abs(extra_ms) < 0.0005:
        return "0"
    return f"{'+' if extra_ms > 0 else ''}{number(extra_ms, digits)}"


MEDIAN, SAME_ROUTES, SLOWER = "median operations", "slowest 1 %: as usual on their routes", "slowest 1 %: beyond that"


def _few(frame: pd.DataFrame) -> pd.DataFrame:
    """Return at most ``MOST_BARS`` rows; the rest, which add least, as one."""
    if len(frame) <= MOST_BARS:
        return frame
    order = frame["extra_ms"].abs().sort_values(ascending=False, kind="stable").index
    kept, rest = frame.loc[sorted(order[: MOST_BARS - 1])], frame.loc[order[MOST_BARS - 1 :]]
    sums = rest.drop(columns=["component", "kind"]).sum()
    others = pd.DataFrame([{"component": f"{len(rest)} others", "kind": "", **sums.to_dict()}])
    return pd.concat([kept, others], ignore_index=True)
