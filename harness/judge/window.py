"""What was measured over some seconds of a run: a fold of the rows of its series."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judge.entry import percent
from harness.measure.histogram import Histogram, within_ms
from harness.measure.series import SeriesRow
from harness.words.operation import STOPPED_ROUTE, Outcome

PERCENTILES: Mapping[str, float] = {"p50_ms": 50.0, "p90_ms": 90.0, "p95_ms": 95.0, "p99_ms": 99.0, "p999_ms": 99.9}


class Window:
    """A fold of the rows of some seconds; latency is that of operations that ended ok."""

    def __init__(self) -> None:
        self.ok = Histogram()
        self.sum_ns = 0
        self.min_ns: int | None = None
        self.max_ns = 0
        self.outcomes: dict[str, int] = {}
        self.stopped = 0  # cancelled by the harness
        self.seconds: dict[int, int] = {}  # second -> operations

    def add(self, row: SeriesRow) -> None:
        """Take one row."""
        cell = row.cell
        self.seconds[row.key.second] = self.seconds.get(row.key.second, 0) + cell.count
        self.outcomes[row.key.outcome] = self.outcomes.get(row.key.outcome, 0) + cell.count
        if row.key.route == STOPPED_ROUTE:
            self.stopped += cell.count
        if row.key.outcome == Outcome.OK:
            self.ok.merge(cell.histogram.counts)
            self.sum_ns += cell.sum_ns
            self.max_ns = max(self.max_ns, cell.max_ns)
            if cell.min_ns is not None:
                self.min_ns = cell.min_ns if self.min_ns is None else min(self.min_ns, cell.min_ns)

    def measure(self, metric: str) -> float | None:
        """Return the value of a metric over the window, None where it was not measured."""
        ok = self.outcomes.get(Outcome.OK, 0)
        if metric in PERCENTILES:
            return self.latency_ms(metric) if self.mostly_ok else None
        if metric == "operations":
            return float(sum(self.outcomes.values())) if self.seconds else None
        if metric == "throughput_rps":
            return self._throughput()
        if metric in ("availability_pct", "failed_pct"):
            judged = sum(self.outcomes.values()) - self.stopped
            return percent(ok if metric == "availability_pct" else judged - ok, judged)
        if not ok or not self.mostly_ok:
            return None
        return {"mean_ms": self.sum_ns / ok, "min_ms": float(self.min_ns or 0), "max_ms": float(self.max_ns)}[
            metric
        ] / 1e6

    def latency_ms(self, metric: str) -> float | None:
        """Return a percentile of what ended ok, be it few or many; None where nothing did."""
        return within_ms(self.ok.percentile_us(PERCENTILES[metric]), self.min_ns, self.max_ns)

    @property
    def mostly_ok(self) -> bool:
        """Whether the latency of what ended ok can stand for the operations: not where most did not end ok."""
        return 2 * self.outcomes.get(Outcome.OK, 0) >= sum(self.outcomes.values()) - self.stopped

    def _throughput(self) -> float | None:
        """Return operations per second over whole seconds: the first and the last one are cut by the window."""
        if not self.seconds:
            return None
        first, last = min(self.seconds), max(self.seconds)
        inside = sum(count for second, count in self.seconds.items() if first < second < last)
        return inside / (last - first - 1) if last - first > 1 else None
