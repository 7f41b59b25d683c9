"""One run as a sample: the latencies of its routes in blocks of seconds, and how sure its percentiles are.

Seconds of a run are not independent: a slow one follows a slow one. So blocks of seconds are resampled, not operations
and not seconds (Carlstein 1986), few and long ones (Schmeiser 1982), and what correlation is left between neighbouring
blocks widens the standard error by the factor of a first-order autoregressive process and takes degrees of freedom
away. Checked by simulation over runs of 60 and 180 s whose level wanders by 15 % with a lag-1 correlation of 0 to 0.9:
at most 5 % of the comparisons of equal runs called a difference (``tests/analysis/comparison/test_false_alarms.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.files.histograms import Histograms, Integers, decode, value_at
from analysis.run import Run
from analysis.statistics import ended_ok, wind_down

Floats = NDArray[np.float64]

ALL_ROUTES = "(all routes)"
"""What the row of all operations is called."""
BLOCK_S = 4
"""Shortest block in seconds, where the run is long enough for more than ``FEWEST_BLOCKS`` of them."""
FEWEST_BLOCKS, MOST_BLOCKS = 10, 20
SHORTEST_S = 20
"""Seconds a run needs: with fewer, blocks would hold a single second or be fewer than ten."""
RESAMPLES = 400
BEYOND = 10
"""Operations beyond a percentile that a route needs on each side: with fewer it is told by single operations."""
RESOLUTION = 0.0005
"""Least standard error of a logarithm: half a bucket of the histograms."""
MOST_CORRELATION = 0.8


@dataclass(frozen=True, slots=True)
class Estimate:
    """The logarithm of a percentile (of µs) of one route in one run, its standard error and degrees of freedom."""

    log_us: float
    error: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Latencies:
    """The latencies of one route: ``table[b, k]`` of them fell into ``bucket[k]`` in block ``b``."""

    bucket: Integers
    table: Floats

    @property
    def count(self) -> int:
        """Operations that ended ok."""
        return int(self.table.sum())

    def enough_for(self, percent: float) -> bool:
        """Return whether enough operations lie on both sides of a percentile, and its blocks are enough."""
        beyond = self.count * min(percent, 100 - percent) / 100
        return beyond >= BEYOND and len(self.table) >= FEWEST_BLOCKS


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: the latencies by route, and in ``seconds`` how long it is."""

    name: str
    seconds: int
    routes: Mapping[str, Latencies]


def sample_of(run: Run, seconds: tuple[float, float] | None = None) -> Sample:
    """Return the sample of a run, over ``seconds`` (Unix, from and to; by default ``judged_seconds``).

    Raises ``RunError`` where the run has no series.
    """
    first, last = seconds if seconds is not None else judged_seconds(run)
    rows = ended_ok(run.series)
    rows = rows[(rows["second"] >= first) & (rows["second"] < last)]
    if rows.empty:
        return Sample(run.name, 0, {})
    start, length = int(rows["second"].min()), int(rows["second"].max() - rows["second"].min()) + 1
    number = int(np.clip(length // BLOCK_S, FEWEST_BLOCKS, MOST_BLOCKS)) if length >= SHORTEST_S else 1
    blocks = (rows["second"].to_numpy(dtype=np.int64) - start) * number // length
    histograms = decode(rows["hdr"])
    routes = {ALL_ROUTES: _latencies(histograms, blocks, number)}
    for route in sorted(set(rows["route"])):
        chosen = np.where(rows["route"].to_numpy() == route, blocks, -1)
        routes[str(route)] = _latencies(histograms, chosen, number)
    return Sample(run.name, length, routes)


def judged_seconds(run: Run) -> tuple[float, float]:
    """Return from where to where a run is compared: after its warm-up, where one was found, and before users leave."""
    totals = run.verdict.totals if run.verdict is not None else None
    begin = totals.steady_from_s if totals is not None and totals.steady_from_s is not None else 0
    return float(begin), wind_down(run.series)


def estimates(sample: Sample, wanted: Sequence[tuple[str, float]], seed: int = 0) -> dict[tuple[str, float], Estimate]:
    """Return the estimate of each route and percentile of ``wanted``. The same ``seed`` gives the same numbers."""
    found: dict[tuple[str, float], Estimate] = {}
    weights: Floats | None = None
    for route in dict.fromkeys(route for route, _ in wanted):
        latencies = sample.routes[route]
        if weights is None:
            blocks = len(latencies.table)
            draws = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks), size=RESAMPLES)
            weights = draws.astype(np.float64)
        percents = [percent for name, percent in wanted if name == route]
        for percent, estimate in zip(percents, _estimates(latencies, percents, weights), strict=True):
            found[route, percent] = estimate
    return found


def superiority(baseline: Sequence[Latencies], candidate: Sequence[Latencies]) -> float:
    """Return the probability that an operation of the candidate took longer than one of the baseline.

    Ties count as half. 0.5 is no effect (Vargha & Delaney, "A critique and improvement of the CL common language
    effect size statistics", 2000).
    """
    one, two = _merged(baseline), _merged(candidate)
    wins = float((two * _below(one, two.index)).sum())
    ties = float((two * one.reindex(two.index, fill_value=0)).sum())
    return float((wins + ties / 2) / (one.sum() * two.sum()))


def _below(counts: pd.Series, buckets: pd.Index) -> pd.Series:
    """Return how many of ``counts`` lie in lower buckets than each of ``buckets``."""
    places = np.searchsorted(counts.index.to_numpy(), buckets.to_numpy(), side="left")
    return pd.Series(np.concatenate(([0.0], counts.cumsum().to_numpy()))[places], index=buckets)


def _merged(latencies: Sequence[Latencies]) -> pd.Series:
    """Return how many operations fell into each bucket, by bucket."""
    parts = [pd.Series(each.table.sum(axis=0), index=each.bucket) for each in latencies]
    return pd.concat(parts).groupby(level=0).sum()


def _latencies(histograms: Histograms, blocks: Integers, number: int) -> Latencies:
    merged = histograms.merge(blocks, number)
    bucket, column = np.unique(merged.bucket, return_inverse=True)
    table = np.zeros((number, len(bucket)))
    table[merged.row, column] = merged.count
    return Latencies(bucket, table)


def _estimates(latencies: Latencies, percents: Sequence[float], weights: Floats) -> list[Estimate]:
    table, blocks = latencies.table, len(latencies.table)
    reached = np.cumsum(table, axis=1)
    drawn_from = weights[weights @ reached[:, -1] > 0]  # a route that is rare may be in few blocks
    found = []
    for percent in percents:
        place, value = _percentile(latencies.bucket, reached, np.ones((1, blocks)), percent)
        _, drawn = _percentile(latencies.bucket, reached, drawn_from, percent)
        spread = float(np.log(np.maximum(drawn, 0.5)).std(ddof=1)) * math.sqrt(blocks / (blocks - 1))
        correlation = _correlation(table, int(place[0]))
        factor = (1 + correlation) / (1 - correlation)
        error = max(spread * math.sqrt(factor), RESOLUTION)
        found.append(Estimate(math.log(max(float(value[0]), 0.5)), error, max(blocks / factor - 1, 2.0)))
    return found


def _correlation(table: Floats, place: int) -> float:
    """Return how much a block's share of operations beyond a percentile follows that of the block before.

    Corrected for the bias of the estimate, which is towards none (Kendall 1954).
    """
    sizes = table.sum(axis=1)
    beyond = table[:, : place + 1].sum(axis=1) - sizes * table[:, : place + 1].sum() / sizes.sum()
    power = float(beyond @ beyond)
    raw = float(beyond[1:] @ beyond[:-1]) / power if power > 0 else 0.0
    return float(np.clip(raw + (1 + 3 * max(raw, 0.0)) / len(table), 0, MOST_CORRELATION))


def _percentile(bucket: Integers, reached: Floats, weights: Floats, percent: float) -> tuple[Integers, Floats]:
    """Return the place of the bucket of a percentile, and its value (µs) as ``Histograms`` has it, per row of weights.

    ``reached[b, k]`` are the operations of block b up to bucket k; ``weights[r, b]`` is how often resample r drew it.
    The place is searched by bisection: adding up whole histograms took ten times as long.
    """
    wanted = np.maximum(np.ceil(percent / 100 * (weights @ reached[:, -1]) - 1e-9), 1)
    low = np.zeros(len(weights), dtype=np.int64)
    high = np.full(len(weights), reached.shape[1] - 1, dtype=np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        enough = _reached(reached, weights, middle) >= wanted
        high, low = np.where(enough, middle, high), np.where(enough, low, np.minimum(middle + 1, high))
    before = np.where(low > 0, _reached(reached, weights, np.maximum(low - 1, 0)), 0)
    inside = _reached(reached, weights, low) - before
    return low, value_at(bucket[low], (wanted - before).astype(np.int64), inside.astype(np.int64))


def _reached(reached: Floats, weights: Floats, places: Integers) -> Floats:
    found: Floats = np.einsum("rb,br->r", weights, reached[:, places])
    return found
