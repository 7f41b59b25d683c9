"""Routing under faults: fallback activation with breaker states, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.plots.style import (
    AREAS,
    BLUE,
    CHARACTER_PT,
    GRID,
    INK,
    MUTED,
    ORANGE,
    VERMILLION,
    End,
    label_ends,
    no_data,
    note,
    shorten,
    size_pt,
    styled,
)
from analysis.plots.windows import MOST_LISTED, shade_windows
from analysis.statistics.faults.served import NOT_OK
from analysis.wording import delay, recovery

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_PT, BAND = 18.0, 0.6
"""Height of the row of a breaker, and of the band in it as a share of the row."""
MOST_BREAKERS = 6
BREAKER_IN, WINDOW_IN = 0.25, 0.17
"""How much higher a figure of its own is for each breaker and each window listed."""
STATES = {"closed": (0.12, MUTED), "half_open": (0.5, ORANGE), "open": (1.0, VERMILLION)}
"""Height, as a share of the band, and colour of a breaker's state."""
MOST_ROUTES = 12
DENSEST = 0.55
"""How dense a cell is that has all of its row: its count has to be read."""
OTHERS = "(others)"


def fallback_activation(
    served: pd.DataFrame,
    activation: pd.DataFrame | None = None,
    breakers: pd.DataFrame | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw who served, second by second: shares stacked, breaker states as bands under them, fault windows over them.

    ``served`` as from ``statistics.served_over_time`` by ``tier`` or ``route``, ``activation`` as from
    ``statistics.fallback_activation``, ``breakers`` as from ``statistics.worst_states``. Windows are numbered; a list
    under the axis says the activation delay (▼ on the axis) and recovery (▲) of each, and what was not there. A figure
    of its own is as high as that needs.
    """
    rows = list(breakers.groupby("breaker", sort=True)) if breakers is not None else []
    windows = activation if activation is not None else pd.DataFrame(columns=["fault", "start_s", "end_s"])
    more_in = BREAKER_IN * min(len(rows), MOST_BREAKERS) + WINDOW_IN * min(len(windows), MOST_LISTED)
    ax = styled(ax, "Who served, per second", "time since the load began (s)", "share of operations (%)", more_in)
    if served.empty or not served["count"].sum():
        return no_data(ax, "no operation was recorded")
    seconds = np.sort(served["elapsed_s"].unique().astype(np.float64))
    zero_s = int(served["second"].iloc[0]) - float(served["elapsed_s"].iloc[0])
    begin, end = min(float(seconds[0]), 0.0), float(seconds[-1]) + 1
    ax.set_xlim(begin, end)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    ends = _stack(ax, served, seconds)
    names = [shorten(str(name), 14) for name, _ in rows[:MOST_BREAKERS]]
    _scale(ax, names, 10.0)
    _mark(ax, windows)
    note(ax, " ".join(_said(windows, names, len(rows), ends)))
    if len(windows):
        shade_windows(ax, windows, [_says(row) for _, row in windows.iterrows()], over=True)
    row = 100 * ROW_PT / max(size_pt(ax)[1] - ROW_PT * len(names), 3 * ROW_PT)
    _scale(ax, names, row)
    for place, (_, part) in enumerate(rows[:MOST_BREAKERS]):
        _band(ax, part, -(place + 1) * row, row * BAND, (zero_s, begin, end))
    label_ends(ax, ends)
    return ax


def _stack(ax: Axes, served: pd.DataFrame, seconds: NDArray[np.float64]) -> list[End]:
    """Draw the shares as steps, one a second; return their names, at the heights of the shares of the whole run."""
    table = served.pivot_table(index="elapsed_s", columns="served", values="count", aggfunc="sum", observed=True)
    table.columns = table.columns.astype("str")
    failed = table.pop(NOT_OK) if NOT_OK in table else None
    if len(table.columns) > len(AREAS):
        rest = table.iloc[:, len(AREAS) - 1 :].sum(axis=1)
        table = table.iloc[:, : len(AREAS) - 1].assign(**{OTHERS: rest})
    colours = [*AREAS[: len(table.columns)], INK]
    if failed is not None:
        table[NOT_OK] = failed
    total = table.sum(axis=1).to_numpy(dtype=np.float64)
    edges = np.append(seconds, seconds[-1] + 1)
    bottom, below = np.zeros(len(seconds)), 0.0
    ends = []
    for colour, name in zip(colours, table.columns, strict=False):
        with np.errstate(invalid="ignore", divide="ignore"):
            top = bottom + 100 * table[name].to_numpy(dtype=np.float64) / total
        ax.fill_between(
            edges, np.append(bottom, bottom[-1]), np.append(top, top[-1]), step="post", color=colour, linewidth=0,
            label=name,
        )  # fmt: skip
        share = 100 * float(table[name].sum()) / total.sum()
        ends.append(End(shorten(name, 18), float(edges[-1]), below + share / 2, swatch=colour))
        below += share
        bottom = np.where(np.isfinite(top), top, 0.0)
    return ends


def _scale(ax: Axes, names: Sequence[str], row: float) -> None:
    """Set limits and ticks of the y axis: shares, and below them a row for each breaker, ``row`` percent high."""
    ax.set_ylim(-len(names) * row, 100)
    middles = [-(place + 1 - BAND / 2) * row for place in range(len(names))]
    ax.set_yticks([*reversed(middles), 0, 25, 50, 75, 100], [*reversed(names), "0", "25", "50", "75", "100"])


def _band(ax: Axes, states: pd.DataFrame, low: float, height: float, axis: tuple[float, float, float]) -> None:
    """Draw the states of a breaker as a band of heights; ``axis``: the Unix second of its 0, its begin and its end."""
    zero_s, first, last = axis
    for state, begin, end in zip(states["state"], states["start_ns"], states["end_ns"], strict=True):
        left = first if pd.isna(begin) else int(begin) / 1e9 - zero_s
        right = last if pd.isna(end) else int(end) / 1e9 - zero_s
        share, colour = STATES.get(str(state), STATES["closed"])
        band = Rectangle((left, low), right - left, height * share, facecolor=colour, edgecolor="none", linewidth=0)
        ax.add_patch(band)


def _mark(ax: Axes, windows: pd.DataFrame) -> None:
    """Mark first fallbacks and recoveries on the upper edge."""
    if windows.empty:
        return
    for column, marker in (("first_fallback_s", "v"), ("recovered_s", "^")):
        x = windows[column].dropna().to_numpy(dtype=np.float64)
        ax.plot(
            x, np.full(len(x), 97.0), linestyle="", marker=marker, markersize=8, color=INK, markeredgecolor="white",
            label=column, zorder=5,
        )  # fmt: skip


def _says(window: pd.Series) -> str:
    """Return activation delay and recovery of a window in words."""
    took_s, back_s = float(window["activation_delay_s"]), float(window["recovery_s"])
    first = "no fallback" if np.isnan(took_s) else f"▼ {delay(took_s, window['resolution_s'])}"
    missing = str(window["missing"])
    unknown = "not recovered" if "had not recovered" in missing else "recovery unknown"
    unknown = "recovery with that of another" if "another window was open" in missing else unknown
    return f"{first}, {unknown if np.isnan(back_s) else f'▲ {recovery(back_s)}'}"


def _said(windows: pd.DataFrame, names: Sequence[str], breakers: int, ends: Sequence[End]) -> list[str]:
    """Return how to read the plot, and what was not there."""
    read = "▼ first fallback after a window's begin, ▲ recovery after its end."
    said = [read if len(windows) else "No fault window was recorded."]
    if names:
        more = f" Not shown: {breakers - len(names)} more." if breakers > len(names) else ""
        said.append(f"Breakers: low closed, high open, between half open.{more}")
    else:
        said.append("No breaker told of a change.")
    labels = [end.label for end in ends]
    if labels == [NOT_OK]:
        said.append("No operation ended ok.")
    elif "primary" in labels and not any(label.startswith("tier ") for label in labels):
        said.append("No fallback served.")
    return said


def confusion_matrix(matrix: pd.DataFrame, ax: Axes | None = None, *, left_out: int = 0) -> Axes:
    """Draw expected routes (rows) against decided ones (columns); ``matrix`` as from ``statistics.confusion_matrix``.

    Each cell has its count, and its shade is its share of its row, as the key beside says; right decisions are framed.
    ``left_out`` operations whose decision nobody told are counted under the axis.
    """
    ax = styled(ax, "Expected against decided route", "decided route", "expected route")
    if matrix.empty:
        return no_data(ax, "no scenario with an expected route ended ok")
    shown = _few(_few(matrix).T).T
    shares = shown.div(shown.sum(axis=1).where(lambda total: total > 0), axis=0).fillna(0.0)
    part = shares.to_numpy(dtype=np.float64)
    for y, expected in enumerate(shown.index):
        for x, decided in enumerate(shown.columns):
            count, right = int(shown.iloc[y, x]), expected == decided != OTHERS  # type: ignore[arg-type]
            ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=BLUE, alpha=DENSEST * part[y, x], linewidth=0))
            if right:
                frame = Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, fill=False, edgecolor=INK, linewidth=1.2)
                ax.add_patch(frame)
            colour = INK if count else MUTED
            size = 9 if len(shown.columns) <= 8 else 7
            ax.text(x, y, f"{count:,}", ha="center", va="center", color=colour, fontsize=size)
    ax.set_xlim(-0.5, len(shown.columns) - 0.5)
    ax.set_ylim(len(shown.index) - 0.5, -0.5)
    ax.set_xticks(range(len(shown.columns)), [shorten(str(name), 14) for name in shown.columns])
    longest = max(len(label.get_text()) for label in ax.get_xticklabels())
    if longest * CHARACTER_PT * len(shown.columns) > size_pt(ax)[0]:
        ax.tick_params(axis="x", rotation=90)
    ax.set_yticks(range(len(shown.index)), [shorten(str(name), 18) for name in shown.index])
    ax.grid(visible=False)
    for edge in np.arange(0.5, len(shown.index) - 0.5):
        ax.axhline(edge, color=GRID, linewidth=0.7, zorder=0)
    wrong = int(matrix.to_numpy().sum()) - sum(
        int(matrix.loc[route, route]) for route in matrix.index if route in matrix.columns
    )
    total = int(matrix.to_numpy().sum())
    said = f"{total:,} operations that ended ok, {wrong:,} decided for another route than expected."
    unknown = f" Not in it: {left_out:,} that fell back and did not tell which route was asked first."
    note(ax, f"{said} A fallback counts where it was decided for, not where it ended.{unknown if left_out else ''}")
    _key(ax)
    return ax


def _key(ax: Axes) -> None:
    """Say beside the matrix what the shade of a cell and its frame mean."""
    shades = [
        Patch(facecolor=to_rgba(BLUE, DENSEST * share), edgecolor=GRID, linewidth=0.7, label=f"{100 * share:.0f} %")
        for share in (1.0, 0.75, 0.5, 0.25, 0.0)
    ]
    right = Patch(fill=False, edgecolor=INK, linewidth=1.2, label="as expected")
    key = ax.legend(
        handles=[*shades, right], title="share of the\nexpected route", loc="upper left", bbox_to_anchor=(1.01, 1.0),
        fontsize=8, title_fontsize=8, frameon=False, labelcolor=INK, borderaxespad=0.0,
    )  # fmt: skip
    key.get_title().set_color(INK)


def _few(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix with its rarest rows put together, so that at most ``MOST_ROUTES`` are left."""
    if len(matrix) <= MOST_ROUTES:
        return matrix
    order = matrix.sum(axis=1).sort_values(ascending=False, kind="stable").index
    kept = matrix.loc[order[: MOST_ROUTES - 1]].sort_index()
    kept.loc[OTHERS] = matrix.loc[order[MOST_ROUTES - 1 :]].sum()
    return kept
