"""What rows of validity on vitals have in common: each worker is judged by itself, and the worst one is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from harness.judge.entry import Entry, Status
from harness.measure.histogram import Histogram
from harness.measure.vitals import Vitals

LAG_PERCENT = 95.0
"""The percentile of lags that is judged: what one moment in twenty meets, as the p95 is what one operation in twenty
meets. Rarer stalls are shown (p99, largest); in a run of seconds one of them is chance.
"""


class OfWorker(NamedTuple):
    """What one worker's part in a row is; the largest is the worst."""

    broken: bool
    share: float
    worker: int
    detail: str
    actual: str = ""
    target: str | None = None  # where it is another than that of the others


def status_of(broken: bool) -> Status:
    """Return the status of a row that is broken or not."""
    return Status.INVALID if broken else Status.VALID


def unknown_row(name: str, target: str | None, why: str) -> Entry:
    """Return a row that lacks what it looks at: it is not required."""
    return Entry(name, Status.UNKNOWN, None, target, why, required=False)


def grouped(vitals: Iterable[Vitals]) -> dict[int, list[Vitals]]:
    """Return the vitals of each worker."""
    rows: dict[int, list[Vitals]] = {}
    for row in vitals:
        rows.setdefault(row.worker, []).append(row)
    return rows


def named(worker: int, of: int) -> str:
    """Return how a detail begins that is of one worker of several."""
    return f"worker {worker}: " if of > 1 else ""


def merged_of(histograms: Iterable[Histogram]) -> Histogram:
    """Return the histogram of all of them."""
    merged = Histogram()
    for histogram in histograms:
        merged.merge(histogram.counts)
    return merged


def in_ms(histogram: Histogram, percent: float) -> float | None:
    """Return a percentile in milliseconds, None of nothing."""
    value = histogram.percentile_us(percent)
    return None if value is None else value / 1000


def shown_ms(milliseconds: float) -> str:
    """Return a time as rows show it."""
    return f"{milliseconds:,.3f} ms" if milliseconds < 10 else f"{milliseconds:,.1f} ms"
