"""The steps of a run with a load shape: a frame for plots, and rows of text for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.files.documents import Step
from analysis.statistics import MIN_COUNT, disturbed, ended_ok, percentiles
from analysis.wording import milliseconds, moment, number, rate, seconds
from harness.words.operation import Outcome

COLUMNS = ("users", "users_min", "users_max", "seconds", "count", "p50_ms", "p95_ms", "p99_ms")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as it is shown."""

    users: str
    begin: str
    warm_up: str
    measured: str
    operations: str
    throughput: str
    p50: str
    p95: str
    p99: str
    not_ok: str
    held: str


def latency_by_step(
    steps: Sequence[Step], series: pd.DataFrame | None = None, windows: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return one row per number of users, ascending: ``users, users_min, users_max, seconds, count, p50_ms, p95_ms,
    p99_ms``.

    ``count`` is of the operations that ended ok; steps with fewer than ``MIN_COUNT`` of them are left out, and so are
    those whose latency does not stand for the step. ``seconds`` are those after the warm-up. Steps with the same number
    of users are one row: their percentiles are those of the whole seconds of ``series`` within them; without such, the
    row is that of the step with the most operations. A step in which one of ``windows`` (``start_ns, end_ns``, Unix)
    was open has those of its whole seconds outside of them, and no row where these are too few.
    """
    known = [step for step in steps if step.p50_ms is not None and (step.ok or 0) >= MIN_COUNT]
    rows = []
    for users in sorted({step.users for step in known}):
        same = [step for step in known if step.users == users]
        struck = series is not None and any(_struck(step, windows) for step in same)
        merged = _merged(same, series, windows) if series is not None and (struck or len(same) > 1) else None
        if struck and merged is None:
            continue
        longest = max(same, key=lambda step: step.ok or 0)
        found = merged or (longest.seconds, longest.ok, longest.p50_ms, longest.p95_ms, longest.p99_ms)
        rows.append((users, users, users, *found))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS, "float64"))


def _struck(step: Step, windows: pd.DataFrame | None) -> bool:
    """Return whether a window was open in a step."""
    if windows is None or step.from_ns is None or step.to_ns is None:
        return False
    ends = windows["end_ns"].fillna(step.to_ns)
    return bool(((windows["start_ns"] < step.to_ns) & (ends > step.from_ns)).any())


def _merged(
    steps: Sequence[Step], series: pd.DataFrame, windows: pd.DataFrame | None = None
) -> tuple[float, ...] | None:
    """Return ``seconds, count`` and percentiles of the whole seconds within ``steps``, after their warm-ups."""
    inside = pd.Series(data=False, index=series.index)
    length_s = 0.0
    for step in steps:
        if step.from_ns is None or step.to_ns is None:
            continue
        begin = math.ceil(step.from_ns / 1e9 + (step.warm_up_s or 0.0))
        whole = series["second"].between(begin, math.floor(step.to_ns / 1e9) - 1)
        if _struck(step, windows):
            whole &= ~disturbed(series["second"], windows)
            length_s += series.loc[whole, "second"].nunique()
        else:
            length_s += step.seconds or 0.0
        inside |= whole
    found = percentiles(ended_ok(series[inside]), (), (50, 95, 99))
    if found.empty or found["count"].iloc[0] < MIN_COUNT:
        return None
    return (length_s, *(float(found[name].iloc[0]) for name in ("count", "p50_ms", "p95_ms", "p99_ms")))


def outside(steps: Sequence[Step]) -> list[tuple[int, int | None]]:
    """Return the stretches (Unix ns, both ends in them) that are in no step after its warm-up; none without steps.

    None as an end: to the end of the run. While users come or go between two steps, a second has the load of neither.
    """
    ran = sorted((step.from_ns, step.to_ns, step.warm_up_s or 0.0) for step in steps if step.from_ns and step.to_ns)
    found: list[tuple[int, int | None]] = []
    before_ns = 0
    for from_ns, to_ns, warm_up_s in ran:
        found.append((before_ns, from_ns + round(1e9 * warm_up_s) - 1))
        before_ns = to_ns
    return [*found, (before_ns, None)] if found else []


def rows_of(steps: Sequence[Step], clock_s: float) -> list[StepRow]:
    """Return the rows of the page, in the order in which the steps ran; times count from ``clock_s`` (Unix)."""
    return [_row(step, clock_s) for step in steps]


def _row(step: Step, clock_s: float) -> StepRow:
    if step.from_ns is None or step.operations is None:
        return StepRow(f"{step.users:,}", "not reached", *["—"] * 9)
    others = {outcome.value: getattr(step, outcome.value) for outcome in Outcome if outcome is not Outcome.OK}
    return StepRow(
        users=f"{step.users:,}",
        begin=moment(step.from_ns / 1e9 - clock_s),
        warm_up=_warm_up(step),
        measured=seconds(step.seconds),
        operations=number(step.operations),
        throughput="—" if step.throughput_rps is None else rate(step.throughput_rps),
        p50=milliseconds(step.p50_ms),
        p95=milliseconds(step.p95_ms),
        p99=milliseconds(step.p99_ms),
        not_ok=", ".join(f"{number(count)} {name}" for name, count in others.items() if count) or "0",
        held={True: "holds", False: "breaks", None: "not judged"}[step.held],
    )


def _warm_up(step: Step) -> str:
    if step.warm_up_s is not None:
        return seconds(step.warm_up_s)
    return "unknown" if step.warm_up_unknown is None else f"unknown: {step.warm_up_unknown}"
