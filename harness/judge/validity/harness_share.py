"""The row of validity on harness lag: how much of the response time is the harness's own."""

from __future__ import annotations

from collections.abc import Sequence

from harness.judge.entry import Entry
from harness.judge.validity.per_worker import (
    LAG_PERCENT,
    OfWorker,
    grouped,
    in_ms,
    merged_of,
    named,
    shown_ms,
    status_of,
    unknown_row,
)
from harness.measure.histogram import Histogram, bucket_of
from harness.measure.vitals import Vitals
from harness.words.operation import Flag, Operation

HARNESS_SHARE = 0.10
"""Largest harness lag, as a share of the p95 of the response times: a tenth shows in the digits people read."""

FEWEST_OPERATIONS = 20
"""Operations of a worker whose lag is judged by itself: with fewer, the p95 is the largest."""


class HarnessLag:
    """A fold of operations: harness lag beside response time by worker, of all that were not stopped with the run.

    Harness lag is (start - intended) + (resumed - end): the operation waits for the harness, before and after it runs.
    """

    def __init__(self) -> None:
        self._of: dict[int, tuple[Histogram, Histogram]] = {}  # worker -> lags, responses

    def add(self, operation: Operation) -> None:
        """Take one operation."""
        if operation.flag is Flag.STOPPED:
            return
        of = self._of.get(operation.worker)
        if of is None:
            of = self._of[operation.worker] = Histogram(), Histogram()
        for histogram, value_ns in zip(of, (operation.lag_ns, operation.response_ns), strict=True):
            bucket = bucket_of(max(value_ns + 500, 0) // 1000)
            histogram.counts[bucket] = histogram.counts.get(bucket, 0) + 1

    @property
    def response_p95_ms(self) -> float | None:
        """The p95 of the response times of all workers, None where there was no operation."""
        return in_ms(merged_of(responses for _, responses in self._of.values()), LAG_PERCENT)

    def close(self, vitals: Sequence[Vitals], floor_ms: float | None = None) -> Entry:
        """INVALID if a worker's own part of the p95 of its lag is over ``HARNESS_SHARE`` of that of its response.

        While an operation waits for the harness, steps of others may run: that wait is the target's own load on its
        core. So the lag counts by the share of busy time that was neither the target's nor spent without a processor.
        At full speed with 100 users and 0.1 ms of target per operation the lag as such was 21 % of the p95, and the
        harness's part of it 5 %. Workers with fewer than ``FEWEST_OPERATIONS`` are judged only where no other is.

        Where a tenth of the p95 is below ``floor_ms``, the p95 of the noise floor, the lag is judged by that: criteria
        are not decided on less, and of a target that answers at once the harness is most of the response.
        """
        name, target = "harness share", f"<= {HARNESS_SHARE:.0%} of p95"
        if not self._of:
            return unknown_row(name, target, "no operation to look at")
        many = [worker for worker, (lags, _) in self._of.items() if len(lags) >= FEWEST_OPERATIONS] or list(self._of)
        by_worker = grouped(vitals)
        found = (self._judge(worker, by_worker.get(worker, []), floor_ms or 0.0) for worker in many)
        judged = [row for row in found if row is not None]
        if not judged:
            return unknown_row(name, target, "no vitals of the loading processes")
        worst = max(judged)
        detail = named(worst.worker, len(self._of)) + worst.detail
        return Entry(name, status_of(worst.broken), worst.actual, worst.target or target, detail)

    def _judge(self, worker: int, vitals: Sequence[Vitals], floor_ms: float) -> OfWorker | None:
        """Return what the lag of one worker is, None where it is not known."""
        lag_ms, response_ms = (in_ms(histogram, LAG_PERCENT) for histogram in self._of[worker])
        shares = _busy_shares(vitals)
        if lag_ms is None or not response_ms or shares is None:
            return None
        rest, own = shares
        own_ms = lag_ms * own
        limit_ms = HARNESS_SHARE * response_ms
        detail = (
            f"p95 of harness lag {shown_ms(lag_ms)}, of it the harness's own {shown_ms(own_ms)}, response "
            f"{shown_ms(response_ms)}; of the busy time {rest:.0%} was not steps of the target, {own:.0%} without "
            "waiting for a processor"
        )
        if limit_ms >= floor_ms:
            return OfWorker(own_ms > limit_ms, own_ms / limit_ms, worker, detail, f"{own_ms / response_ms:.1%} of p95")
        actual, target = f"p95 {shown_ms(own_ms)}", f"<= {shown_ms(floor_ms)} (noise floor)"
        return OfWorker(own_ms > floor_ms, own_ms / floor_ms, worker, detail, actual, target)


def _busy_shares(vitals: Sequence[Vitals]) -> tuple[float, float] | None:
    """Return which share of the time that was not idle was not the target's, and that without what was waited for.

    Waiting for a processor meets the target's steps and the rest alike, and a process that wakes up waits before it is
    busy at all: what it ran is set against all that it was ready to. None where nothing was busy.
    """
    rest_ms = sum(row.rest_ms for row in vitals)
    busy_ms = rest_ms + sum(row.steps_ms for row in vitals)
    if not busy_ms:
        return None
    ran_ms, waited_ms = sum(row.cpu_ms for row in vitals), sum(row.waited_ms or 0.0 for row in vitals)
    ran = ran_ms / (ran_ms + waited_ms) if waited_ms else 1.0
    return rest_ms / busy_ms, rest_ms / busy_ms * ran
