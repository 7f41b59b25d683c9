"""What was measured over some seconds of a run: a fold of the rows of its series."""

from __future__ import annotations

from collections.abc import Mapping

from harness.judge.entry import percent
from harness.measure.histogram import Histogram, within_ms
from harness.measure.series_csv import SeriesRow
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
        self._elsewhere: set[int] = set()  # seconds between those of the window that are not of it

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

    def pass_over(self, second: int) -> None:
        """Take a second that is not of the window; one that was never told of stood still, and counts as it is."""
        self._elsewhere.add(second)

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
        """Return operations per second over whole seconds: the first and last of each stretch are cut by the window.

        A stretch has no second inside that was passed over.
        """
        inside = length = 0
        for first, last in self._stretches():
            inside += sum(self.seconds.get(second, 0) for second in range(first + 1, last))
            length += max(last - first - 1, 0)
        return inside / length if length else None

    def _stretches(self) -> list[tuple[int, int]]:
        """Return first and last second of each stretch."""
        stretches: list[tuple[int, int]] = []
        cut = True
        for second in sorted(self.seconds.keys() | self._elsewhere):
            if second not in self.seconds:
                cut = True
            elif cut:
                stretches.append((second, second))
                cut = False
            else:
                stretches[-1] = stretches[-1][0], second
        return stretches
