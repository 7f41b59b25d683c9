"""Latency and throughput against concurrent users, with the models fitted to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.plots.style import (
    BLUE,
    INK,
    MUTED,
    PURPLE,
    SHADE,
    VERMILLION,
    End,
    label_ends,
    no_data,
    note,
    retitle,
    scale_steps,
    scale_values,
    spread_ends,
    styled,
)
from analysis.wording import latency_of, located, number, too_few_at_any_users

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from analysis.statistics.fits import Estimate, Fit

STYLES = {"linear": (PURPLE, (0, (1, 1.2))), "mmc": (BLUE, (0, (6, 2))), "usl": (VERMILLION, (0, (4, 1.5, 1, 1.5)))}
"""Colour and dashes of each model."""
SHORT = {"linear": "linear", "mmc": "M/M/c", "usl": "USL"}
ONE_LINE = 0.005
"""Difference between two curves, as a share of their height, up to which they are seen as one: half a line's width."""


def latency_against_users(
    levels: pd.DataFrame, fits: Sequence[Fit], ax: Axes | None = None, *, left_out_s: int | None = None
) -> Axes:
    """Draw the mean response time of each level, the fitted models, and the knee of the best one with its interval.

    ``levels`` as from ``statistics.load_levels``, ``fits`` as from ``fits.fit_models``. What is not known is said under
    the axis, and how many seconds of faults and warm-up are left out: ``left_out_s``, by default those of ``levels``.
    """
    latency = f"mean latency of {latency_of(levels)} (ms)"
    ax = styled(ax, "Latency against users, and what models say", "concurrent users", latency)
    return _against_users(
        ax, levels, fits, "mean_ms", lambda fit, users: fit.response_ms(users), "knee", lambda fit: fit.knee,
        left_out_s,
    )  # fmt: skip


def throughput_against_users(
    levels: pd.DataFrame, fits: Sequence[Fit], ax: Axes | None = None, *, left_out_s: int | None = None
) -> Axes:
    """Draw the throughput of each level, what the fitted models make of it, and the saturation point with its interval.

    As ``latency_against_users``; the models were fitted to the response time.
    """
    ended = f"{latency_of(levels)}, per second" if "latency_of" in levels else "ended ok per second"
    ax = styled(ax, "Throughput against users, by models of latency", "concurrent users", ended)
    return _against_users(
        ax, levels, fits, "throughput_rps", lambda fit, users: fit.throughput_rps(users), "saturation point",
        lambda fit: fit.saturation, left_out_s,
    )  # fmt: skip


def _against_users(
    ax: Axes,
    levels: pd.DataFrame,
    fits: Sequence[Fit],
    column: str,
    modelled: Callable[[Fit, np.ndarray], np.ndarray],
    name: str,
    found: Callable[[Fit], Estimate],
    left_out_s: int | None,
) -> Axes:
    if levels.empty or not levels[column].notna().any():
        return no_data(ax, f"{too_few_at_any_users(levels)}, outside the run's first and last second")
    users, values = levels["users"].to_numpy(dtype=np.float64), levels[column].to_numpy(dtype=np.float64)
    from analysis.statistics.fits import best_fit, ranked_fits  # whoever has fits has waited for SciPy already

    grid = np.linspace(users.min(), users.max(), 200)
    best, first = best_fit(fits), next(iter(ranked_fits(fits)), None)
    curves = [(fit, modelled(fit, grid)) for fit in fits if fit.theta is not None]
    scale_values(ax, np.concatenate([values, *(curve for _, curve in curves)]))
    scale_steps(ax, float(users.min()), float(users.max()))
    for fit, curve in curves:
        colour, dashes = STYLES[fit.model.name]
        chosen = fit is first
        ax.plot(
            grid, curve, color=colour, linestyle="-" if chosen else dashes, linewidth=2.2 if chosen else 1.1,
            label=fit.model.name, zorder=3 if chosen else 2,
        )  # fmt: skip
    ax.plot(users, values, linestyle="", marker="o", markersize=4.5, color=INK, label="measured", zorder=4)
    ends = [*_ends(curves, float(grid[-1]), best, first), End("● measured", float(users[-1]), float(values[-1]))]
    if first is not None:
        _locate(ax, name if first is best else f"{SHORT[first.model.name]}'s {name}", found(first))
    label_ends(ax, ends)  # before the note, whose lines are to fit beside them
    note(ax, _said(levels, fits, name, found, left_out_s))
    spread_ends(ax)
    return ax


def _ends(curves: Sequence[tuple[Fit, np.ndarray]], right: float, best: Fit | None, first: Fit | None) -> list[End]:
    """Return a label for each curve; curves that lie on one another have one, in the colour of the one on top."""
    groups: list[list[tuple[Fit, np.ndarray]]] = []
    for fit, curve in curves:
        same = (group for group in groups if np.allclose(curve, group[0][1], rtol=ONE_LINE, atol=0.0))
        group = next(same, None)
        if group is None:
            groups.append(group := [])
        group.append((fit, curve))
    ends = []
    for group in groups:
        top, curve = next((pair for pair in group if pair[0] is first), group[-1])
        names = " = ".join(SHORT[fit.model.name] for fit, _ in group)
        is_best = " (best)" if any(fit is best for fit, _ in group) else ""
        ends.append(End(f"{names}{is_best}", right, float(curve[-1]), STYLES[top.model.name][0]))
    return ends


def _locate(ax: Axes, name: str, at: Estimate) -> None:
    """Draw a line at a number of users, its interval shaded, its name over the axes."""
    if math.isnan(at.value):
        return
    low, high = ax.get_xlim()
    ax.axvspan(max(at.low, low), min(at.high, high), color=SHADE, linewidth=0, zorder=0.4)
    ax.axvline(at.value, color=MUTED, linewidth=1.2, zorder=1)
    middle = (at.value - low) / (high - low)
    ax.annotate(
        f"{name} at {located(at.value, at.low, at.high)}",
        xy=(at.value, 1),
        xycoords=ax.get_xaxis_transform(),
        xytext=(0, 3),
        textcoords="offset points",
        ha="left" if middle < 0.33 else "right" if middle > 0.67 else "center",
        va="bottom",
        fontsize=9,
        color=INK,
        annotation_clip=False,
    )
    retitle(ax, ax.get_title(loc="left"), 14)


def _said(
    levels: pd.DataFrame,
    fits: Sequence[Fit],
    name: str,
    found: Callable[[Fit], Estimate],
    left_out_s: int | None,
) -> str:
    """Return what the points are, which model is the best, and what is not known."""
    from analysis.statistics.fits import close_fits, ranked_fits

    points = f"{_counted(len(levels), 'level')}{_left_out(levels, left_out_s)}."
    if not (ranked := ranked_fits(fits)):
        reasons = [fit.missing for fit in fits if fit.missing]
        return f"{points} No model: {reasons[0]}." if reasons else f"{points} No model was fitted."
    first = ranked[0]
    error = f"typically {number(100 * math.sqrt(first.rss / len(first.users)), 2)} % off"
    close = [SHORT[fit.model.name] for fit in close_fits(fits)]
    alike = f"Fit alike: {', '.join(close)}; {error}." if close else ""
    said = f"{points} {alike or f'Best fit: {first.model.label}, {error}.'}"
    if math.isfinite(found(first).low):
        said += " Shade: its 95 % interval."
    missing = [reason for reason in first.missing.split("; ") if name in reason]
    return f"{said} {missing[0][0].upper()}{missing[0][1:]}." if missing else said


def _left_out(levels: pd.DataFrame, seconds: int | None) -> str:
    """Return how much the levels leave out, and why they may."""
    if seconds is None:
        if "left_out_s" not in levels or levels["left_out_s"].isna().all():
            return ", faults and warm-up not left out"
        seconds = int(levels["left_out_s"].sum())
    return f", {_counted(seconds, 'second')} left out (faults, warm-up, between steps)" if seconds else ""


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
