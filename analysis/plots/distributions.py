"""Distributions of latency: percentile curves, before and after, heat map over time, priorities as ridges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from analysis.plots.style import (
    BLUE,
    INK,
    MUTED,
    PURPLE,
    VERMILLION,
    End,
    label_ends,
    no_data,
    note,
    retitle,
    scale_values,
    shorten,
    styled,
)
from analysis.plots.windows import shade_windows
from analysis.statistics import nines
from analysis.wording import latency_of, none_ended

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = (BLUE, VERMILLION, PURPLE, MUTED)
DASHES = ("-", (0, (4, 1.5)))
"""Lines of the first and of the second curve of each colour."""
NINES_TICKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)
NO_NAME = "(none)"
MOST_RIDGES = 10
HEAT = ListedColormap(colormaps["plasma"](np.linspace(0.2, 0.92, 128)))
"""Both ends can be seen on white and on dark paper."""


def percentile_curve(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw latency by percentile on an axis of nines, with its interval; ``frame`` as from
    ``statistics.percentile_curve``.

    There is a curve for each value of what the statistic was taken by (``label``, ``route``, ...), those of the most
    operations where there are more than eight.
    """
    ax = styled(ax, "Latency by percentile", f"percentile of {latency_of(frame)} (%)", "latency (ms)")
    if frame.empty:
        return no_data(ax, none_ended(frame))
    curves = _curves(frame)
    shown = curves[: len(CURVES) * len(DASHES)]
    columns = ["value_ms", "low_ms", "high_ms"]
    scale_values(ax, pd.concat([part for _, part in shown])[columns].to_numpy(dtype=np.float64))
    last = max(nines(float(part["percent"].max())) for _, part in shown)
    ax.set_xlim(-0.02 * max(last, 0.3), max(last, 0.3) * 1.02)
    ticks = [percent for percent in NINES_TICKS if nines(percent) <= last + 1e-9]
    ax.set_xticks([nines(percent) for percent in ticks], [f"{percent:g}" for percent in ticks])
    ends = []
    for place, (name, part) in enumerate(shown):
        colour, dashes = CURVES[place % len(CURVES)], DASHES[place // len(CURVES)]
        x = part["percent"].map(nines).to_numpy(dtype=np.float64)
        y = part["value_ms"].to_numpy(dtype=np.float64)
        low, high = (part[column].to_numpy(dtype=np.float64) for column in ("low_ms", "high_ms"))
        ax.fill_between(x, low, high, color=colour, alpha=0.18 if place < len(CURVES) else 0.1, linewidth=0)
        ax.plot(x, y, color=colour, linestyle=dashes, linewidth=1.8, marker="o", markersize=3.5, label=name)
        if name:
            dashed = " ╌" if place >= len(CURVES) else ""
            ends.append(End(f"{shorten(name, 16)}{dashed}", ax.get_xlim()[1], float(y[-1]), colour))
    note(ax, _of_curves(pd.concat([part for _, part in shown]), len(curves) - len(shown)))
    label_ends(ax, ends)
    return ax


def _curves(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return name and rows of each curve, that of the most operations first; in their order where they are labelled."""
    by = [str(name) for name in frame.columns[: list(frame.columns).index("percent")]]
    by = ["label"] if "label" in frame else by
    if not by:
        return [("", frame)]
    found = [(", ".join(str(each) or NO_NAME for each in key), part) for key, part in frame.groupby(by, sort=False)]
    if by == ["label"] and len(found) <= len(CURVES):  # none is dropped: as the caller has them
        return found
    return sorted(found, key=lambda each: -int(each[1]["count"].max()))


def _of_curves(frame: pd.DataFrame, left_out: int) -> str:
    """Return what the bands are."""
    curves = "curve is" if left_out == 1 else "curves are"
    more = f" {left_out} further {curves} not shown." if left_out else ""
    known = frame["low_ms"].notna()
    if not known.any():
        why = "Locust's files give no interval" if "latency_of" in frame else "Too few seconds for an interval"
        return f"{why}.{more}"
    some = "" if known.all() else " One is too short for it."
    return f"Shaded: 95 % interval, from blocks of {frame.loc[known, 'block_s'].max():.0f} s.{some}{more}"


def before_after(before: pd.DataFrame, after: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw two percentile curves over one another, named 'before' and 'after'; frames as for ``percentile_curve``."""
    both = pd.concat([frame.assign(label=name) for name, frame in (("before", before), ("after", after))])
    ax = percentile_curve(both, ax)
    retitle(ax, "Latency by percentile, before and after")
    absent = [name for name, frame in (("before", before), ("after", after)) if frame.empty]
    if len(absent) == 1:
        note(ax, f"No operation of the run '{absent[0]}' ended ok.")
    return ax


def latency_heat(frame: pd.DataFrame, windows: pd.DataFrame | None = None, ax: Axes | None = None) -> Axes:
    """Draw how many operations had which latency when; ``frame`` as from ``statistics.latency_heat``.

    ``windows`` (with ``fault, start_s, end_s``) are shaded and named. Cells without operations are left blank.
    """
    ax = styled(ax, "Latency of ok operations over time", "time since the load began (s)", "latency (ms), log scale")
    if frame.empty:
        return no_data(ax, "no operation ended ok")
    times = np.unique(np.concatenate([frame["elapsed_s"], frame["elapsed_to_s"]]))
    ratio = float(frame["high_ms"].iloc[0] / frame["low_ms"].iloc[0])
    first = float(frame["low_ms"].min())
    size = round(float(np.log(frame["high_ms"].max() / first) / np.log(ratio)))
    levels = first * ratio ** np.arange(size + 1)
    cells = np.full((size, len(times) - 1), np.nan)
    row = np.rint(np.log(frame["low_ms"].to_numpy(dtype=np.float64) / first) / np.log(ratio)).astype(int)
    cells[row, np.searchsorted(times, frame["elapsed_s"].to_numpy())] = frame["count_rps"].to_numpy(dtype=np.float64)
    low, high = float(np.nanmin(cells)), float(np.nanmax(cells))
    ax.set_yscale("log")
    ax.grid(visible=False)
    mesh = ax.pcolormesh(
        times,
        levels,
        np.ma.masked_invalid(cells),
        cmap=HEAT,
        norm=LogNorm(low, max(high, low * 1.001)),
        rasterized=True,
    )
    ax.set_xlim(min(0.0, float(times[0])), float(times[-1]))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    many = levels[-1] / levels[0] >= 1000
    ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0,) if many else (1.0, 2.0, 5.0)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    _colour_bar(ax, mesh, low, high)
    return shade_windows(ax, windows) if windows is not None and len(windows) else ax


def _colour_bar(ax: Axes, mesh: object, low: float, high: float) -> None:
    """Draw the scale of counts, or say the count where there is one only."""
    if high <= low:
        note(ax, f"Every cell: {low:,.3g} operations per second.")
        return
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, aspect=30)  # type: ignore[arg-type]
    bar.set_label("operations per second", color=INK)
    bar.ax.tick_params(colors=MUTED, labelcolor=MUTED, length=3)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if high / low < 200 else (1.0,)))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.3g}"))


def priority_ridge(density: pd.DataFrame, classes: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the distribution of latency of each priority, the most urgent on top, with its p50 and p95.

    ``density`` as from ``statistics.latency_density``, ``classes`` as from ``statistics.priority_classes``; with its
    ``inverted`` the calls that waited while a less urgent one was dispatched are counted at the right.
    """
    ax = styled(ax, "Latency of ok operations by priority, 9 most urgent", "latency (ms), log scale", "priority")
    if density.empty:
        return no_data(ax, "no operation ended ok")
    present = sorted(density["priority"].unique(), reverse=True)[:MOST_RIDGES]
    rows = classes.set_index("priority")
    middle = np.sqrt(density["low_ms"] * density["high_ms"])
    tallest = float(density["share_pct"].max())
    ax.set_xscale("log")
    ends = []
    right = float(density["high_ms"].max())
    for place, priority in enumerate(present):
        base = len(present) - 1 - place
        part = density["priority"] == priority
        x = middle[part].to_numpy(dtype=np.float64)
        height = 0.9 * density.loc[part, "share_pct"].to_numpy(dtype=np.float64) / tallest
        ax.fill_between(x, base, base + height, step="mid", color=BLUE, alpha=0.35, linewidth=0, zorder=2)
        ax.plot(
            x, base + height, drawstyle="steps-mid", color=BLUE, linewidth=1.0, zorder=3, label=f"priority {priority}"
        )
        for column, colour, marker in (("p50_ms", INK, "|"), ("p95_ms", VERMILLION, "d")):
            value = float(rows.loc[priority, column]) if priority in rows.index else float("nan")
            ax.plot([value], [base + 0.08], linestyle="", marker=marker, markersize=7, color=colour, zorder=4)
        if "inverted" in rows:
            ends.append(End(f"{int(rows.loc[priority, 'inverted']):,} inverted", right, base + 0.3, MUTED))
    ax.set_yticks(range(len(present)), [str(priority) for priority in reversed(present)])
    ax.set_ylim(-0.15, len(present))
    few = right / float(density["low_ms"].min()) < 200
    ax.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    one = " Only one priority was sent." if len(present) == 1 else ""
    counted = "" if "inverted" in rows else " Inversions are unknown: no backend told its calls."
    note(ax, f"Height: share of the priority's operations. | p50, ◆ p95.{one}{counted}")
    label_ends(ax, ends)
    return ax
