"""The steps of a run with a load shape: a frame for plots, and rows of text for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.documents import Step
from analysis.statistics import MIN_COUNT
from analysis.wording import milliseconds, number
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


def latency_by_step(steps: Sequence[Step]) -> pd.DataFrame:
    """Return one row per step, by users: ``users, users_min, users_max, seconds, count, p50_ms, p95_ms, p99_ms``.

    ``count`` is of the operations that ended ok; steps with fewer than ``MIN_COUNT`` of them are left out, and so are
    those whose latency does not stand for the step. ``seconds`` are those after the warm-up.
    """
    rows = [
        (step.users, step.users, step.users, step.seconds, step.ok, step.p50_ms, step.p95_ms, step.p99_ms)
        for step in sorted(steps, key=lambda step: (step.users, step.from_ns or 0))
        if step.p50_ms is not None and (step.ok or 0) >= MIN_COUNT
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(COLUMNS, "float64"))


def rows_of(steps: Sequence[Step]) -> list[StepRow]:
    """Return the rows of the page, in the order in which the steps ran."""
    start_ns = min((step.from_ns for step in steps if step.from_ns is not None), default=0)
    return [_row(step, start_ns) for step in steps]


def _row(step: Step, start_ns: int) -> StepRow:
    if step.from_ns is None or step.operations is None:
        return StepRow(f"{step.users:,}", "not reached", *["—"] * 9)
    others = {outcome.value: getattr(step, outcome.value) for outcome in Outcome if outcome is not Outcome.OK}
    return StepRow(
        users=f"{step.users:,}",
        begin=f"{(step.from_ns - start_ns) / 1e9:,.1f} s",
        warm_up=_warm_up(step),
        measured="—" if step.seconds is None else f"{step.seconds:,.1f} s",
        operations=number(step.operations),
        throughput="—" if step.throughput_rps is None else f"{number(step.throughput_rps)} /s",
        p50=milliseconds(step.p50_ms),
        p95=milliseconds(step.p95_ms),
        p99=milliseconds(step.p99_ms),
        not_ok=", ".join(f"{number(count)} {name}" for name, count in others.items() if count) or "0",
        held={True: "holds", False: "breaks", None: "not judged"}[step.held],
    )


def _warm_up(step: Step) -> str:
    if step.warm_up_s is not None:
        return f"{step.warm_up_s:,.1f} s"
    return "unknown" if step.warm_up_unknown is None else f"unknown: {step.warm_up_unknown}"
