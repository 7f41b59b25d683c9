"""Routing under faults: fallback activation with breaker states, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle
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
from analysis.statistics.routing import NOT_OK

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
    ax = styled(ax, "Who served, per second", "time since the first operation (s)", "share of operations (%)", more_in)
    if served.empty or not served["count"].sum():
        return no_data(ax, "no operation was recorded")
    first, seconds = int(served["second"].min()), np.sort(served["elapsed_s"].unique())
    length = int(seconds[-1]) + 1
    ax.set_xlim(0, length)
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
        _band(ax, part, -(place + 1) * row, row * BAND, (first, length))
    label_ends(ax, ends)
    return ax


def _stack(ax: Axes, served: pd.DataFrame, seconds: NDArray[np.int64]) -> list[End]:
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


def _band(ax: Axes, states: pd.DataFrame, low: float, height: float, seconds: tuple[int, int]) -> None:
    """Draw the states of a breaker as a band of heights over ``seconds``: the first (Unix), and how many."""
    first, length = seconds
    for state, begin, end in zip(states["state"], states["start_ns"], states["end_ns"], strict=True):
        left = 0.0 if pd.isna(begin) else (int(begin) - first * 1_000_000_000) / 1e9
        right = float(length) if pd.isna(end) else (int(end) - first * 1_000_000_000) / 1e9
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
    delay, recovery, step = window["activation_delay_s"], window["recovery_s"], window["resolution_s"]
    first = "no fallback" if pd.isna(delay) else f"▼ {delay:,.0f} s ±1 s" if step else f"▼ {delay:,.2f} s"
    missing = str(window["missing"])
    unknown = "not recovered" if "had not recovered" in missing else "recovery unknown"
    unknown = "recovery with that of another" if "another window was open" in missing else unknown
    back = unknown if pd.isna(recovery) else f"▲ {recovery:,.0f} s"
    return f"{first}, {back}"


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


def confusion_matrix(matrix: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw expected routes (rows) against decided ones (columns); ``matrix`` as from ``statistics.confusion_matrix``.

    Each cell has its count, and is the darker the larger its share of its row; right decisions are framed.
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
            ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=BLUE, alpha=0.55 * part[y, x], linewidth=0))
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
    note(ax, f"{int(matrix.to_numpy().sum()):,} operations that ended ok, {wrong:,} on another route than expected.")
    return ax


def _few(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the matrix with its rarest rows put together, so that at most ``MOST_ROUTES`` are left."""
    if len(matrix) <= MOST_ROUTES:
        return matrix
    order = matrix.sum(axis=1).sort_values(ascending=False, kind="stable").index
    kept = matrix.loc[order[: MOST_ROUTES - 1]].sort_index()
    kept.loc[OTHERS] = matrix.loc[order[MOST_ROUTES - 1 :]].sum()
    return kept
