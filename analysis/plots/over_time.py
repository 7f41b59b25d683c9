"""Latency per second, by users and by throughput, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.plots.style import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    PURPLE,
    SHADE,
    VERMILLION,
    End,
    Line,
    has_values,
    label_ends,
    no_data,
    note,
    scale_steps,
    scale_values,
    styled,
)
from analysis.wording import latency_of, none_ended, too_few_at_any_users

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CUT_OFF = "cut off"
"""Label of the points of the seconds in which the run began and ended."""
MARKERS_UP_TO = 40
"""Points up to which each is marked: beyond, markers cover the line."""

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
    ax = styled(ax, "Latency over time", "time since the load began (s)", f"latency of {latency_of(frame)} (ms)")
    return _over_time(ax, frame, LINES)


def clocks_over_time(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the p95 of the four clocks per second; ``frame`` as from ``statistics.clocks_over_time``.

    Shaded as in ``latency_over_time``. Says 'no data' for an empty frame.
    """
    ax = styled(ax, "The four clocks over time", "time since the load began (s)", "p95 of ok operations (ms)")
    return _over_time(ax, frame, CLOCK_LINES)


def _over_time(ax: Axes, frame: pd.DataFrame, lines: Sequence[Line]) -> Axes:
    """Draw columns of a frame with a row per second."""
    if not has_values(frame, [line.column for line in lines]):
        return no_data(ax, none_ended(frame))
    elapsed = frame["elapsed_s"].to_numpy(dtype=np.float64)
    _scale(ax, frame, elapsed, lines)
    _shade_edges(ax, frame)
    _draw_lines(ax, frame, elapsed, lines, cut_off=frame["cut_off"].to_numpy(dtype=np.bool_))
    return ax


def latency_by_users(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw p50, p95 and p99 against users; ``frame`` as from ``statistics.latency_by_users``.

    Says 'no data' for an empty frame.
    """
    ax = styled(ax, "Latency against users", "concurrent users", f"latency of {latency_of(frame)} (ms)")
    if not has_values(frame, [line.column for line in LINES]):
        return no_data(ax, too_few_at_any_users(frame))
    users = frame["users"].to_numpy(dtype=np.float64)
    _scale(ax, frame, users, LINES)
    _draw_lines(ax, frame, users, LINES)
    return ax


def latency_by_throughput(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw p50, p95 and p99 against throughput; ``frame`` as from ``statistics.latency_by_throughput``.

    Says 'no data' for an empty frame.
    """
    ax = styled(ax, "Latency against throughput", "ended ok per second", "latency of ok operations (ms)")
    if not has_values(frame, [line.column for line in LINES]):
        return no_data(ax, "no throughput was held for two seconds, outside the run's first and last second")
    rates = frame["throughput_rps"].to_numpy(dtype=np.float64)
    _scale(ax, frame, rates, LINES)
    _draw_lines(ax, frame, rates, LINES)
    seconds, points = int(frame["seconds"].sum()), len(frame)
    note(ax, f"Seconds of like throughput together: {seconds:,} in {points:,} {'point' if points == 1 else 'points'}.")
    return ax


def _scale(ax: Axes, frame: pd.DataFrame, x: NDArray[np.float64], lines: Sequence[Line]) -> None:
    """Set both axes' limits."""
    scale_values(ax, frame[[line.column for line in lines]].to_numpy(dtype=np.float64))
    scale_steps(ax, float(x[0]), float(x[-1]))


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
    ax.text(
        x, 0.985, text, ha=side, va="top", fontsize=9, color=MUTED, transform=ax.get_xaxis_transform(), zorder=5,
        bbox={"facecolor": SHADE if inside_left else PAPER, "edgecolor": "none", "pad": 1},  # over edges of windows
    )  # fmt: skip


def _draw_lines(
    ax: Axes,
    frame: pd.DataFrame,
    x: NDArray[np.float64],
    lines: Sequence[Line],
    cut_off: NDArray[np.bool_] | None = None,
) -> None:
    """Draw each column and write its name at its last point; points ``cut_off`` are rings beside the line."""
    ends: list[End] = []
    values = frame[[line.column for line in lines]].to_numpy(dtype=np.float64)
    apart = np.zeros(len(x), dtype=np.bool_) if cut_off is None else cut_off
    if not np.isfinite(values[~apart]).any():  # nothing else to draw
        apart = np.zeros(len(x), dtype=np.bool_)
    for line in lines:
        whole = frame[line.column].to_numpy(dtype=np.float64)
        y = np.where(apart, np.nan, whole)
        drawn = np.isfinite(y)
        marker = "o" if len(x) <= MARKERS_UP_TO or _has_islands(drawn) else ""
        ax.plot(x, y, color=line.colour, linewidth=line.width, marker=marker, markersize=3.5, label=line.label)
        rings = apart & np.isfinite(whole)
        if rings.any():
            ax.plot(
                x[rings], whole[rings], linestyle="", marker="o", markersize=5, markerfacecolor="none",
                markeredgecolor=line.colour, label=CUT_OFF,
            )  # fmt: skip
        if drawn.any():
            end = int(np.flatnonzero(drawn)[-1])
            ends.append(End(line.label, float(x[-1]), float(y[end]), line.colour))
    if (apart & np.isfinite(values).any(axis=1)).any():
        note(ax, "○ part of a second only: the run began or ended in it.")
    label_ends(ax, ends)


def _has_islands(drawn: NDArray[np.bool_]) -> bool:
    """Return whether a point has no neighbour to draw a line to: without a marker it would be invisible."""
    padded = np.concatenate(([False], drawn, [False]))
    return bool((padded[1:-1] & ~padded[:-2] & ~padded[2:]).any())
