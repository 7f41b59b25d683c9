"""What the slowest operations spent their time on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.plots.style import INK, MUTED, SKY, VERMILLION, no_data, note, shorten, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 12


def tail_attribution(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a bar per component: its mean time in median operations, and what the tail adds to it.

    ``frame`` as from ``statistics.tail_attribution``. Components beyond the twelfth are put together.
    """
    ax = styled(ax, "What the slowest 1 % spent their time on", "mean time per operation (ms)", "")
    if frame.empty:
        return no_data(ax, "too few operations ended ok to have a tail, or no history was kept")
    shown = _few(frame)
    places = np.arange(len(shown))
    tail, median = (shown[name].to_numpy(dtype=np.float64) for name in ("tail_ms", "median_ms"))
    ax.barh(places, np.minimum(tail, median), height=0.62, color=SKY, label="median")
    ax.barh(places, np.maximum(tail - median, 0), left=median, height=0.62, color=VERMILLION, label="extra")
    ax.set_ylim(len(shown) - 0.4, -0.6)
    highest = float(tail.max())
    ax.set_xlim(0, highest * 1.32 if highest > 0 else 1.0)  # room for the labels
    for place, row in zip(places, shown.itertuples(), strict=True):
        extra, part = float(row.extra_ms), float(row.extra_pct)  # type: ignore[arg-type]
        text = f"{extra:+,.3g} ms ({part:.0f} %)" if abs(part) >= 0.5 else f"{extra:+,.2g} ms"
        ax.annotate(
            text,
            xy=(float(tail[place]), place),
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
    note(ax, "Light: median operations (p45 to p55). Strong: what operations beyond p99 add to that.")
    return ax


def _few(frame: pd.DataFrame) -> pd.DataFrame:
    """Return at most ``MOST_BARS`` rows; the rest, which add least, as one."""
    if len(frame) <= MOST_BARS:
        return frame
    order = frame["extra_ms"].abs().sort_values(ascending=False, kind="stable").index
    kept, rest = frame.loc[sorted(order[: MOST_BARS - 1])], frame.loc[order[MOST_BARS - 1 :]]
    sums = rest[["tail_ms", "median_ms", "extra_ms", "extra_pct", "dominates_pct"]].sum()
    others = pd.DataFrame([{"component": f"{len(rest)} others", "kind": "", **sums.to_dict()}])
    return pd.concat([kept, others], ignore_index=True)
