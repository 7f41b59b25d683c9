"""At how many users a percentile of latency crosses a threshold, and how sure that is; throughput with intervals.

Latency is taken to grow with users: the percentiles of the levels are made monotone (pool adjacent violators, Barlow,
Bartholomew, Bremner & Brunk 1972), so that one slow second is no crossing. The interval is a bootstrap over blocks of
seconds, as that of ``curves.percentile_curve``, but of each level's own: drawn from the whole run, levels of two or
three blocks are missing in some resamples, and intervals held the truth in 68 % of the cases. Of n blocks n - 1 are
drawn, which makes the variance unbiased however few they are (McCarthy & Snowden, "The bootstrap and finite population
sampling", 1985), and the interval reaches as far into the tails as Student's t does (Hesterberg, "What teachers should
know about the bootstrap", American Statistician 69, 2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.statistics.curves import CONFIDENCE, FEWEST_BLOCKS, RESAMPLES, blocks_of, per_second, percentiles_of
from analysis.statistics.latency import MIN_COUNT, at_levels, level_seconds

MOST_LEVELS = 10
"""More would have few seconds each: with 25 in a ramp of 60 s, intervals held the truth in 83 % of the cases."""
Floats = NDArray[np.float64]
NAMES = (
    "percent",
    "threshold_ms",
    "users",
    "users_low",
    "users_high",
    "users_min",
    "users_max",
    "share_pct",
    "missing",
)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Histograms of levels of users by block: row ``k`` of ``counts`` is a block of ``level[k]``."""

    users: Floats  # of each level, ascending
    level: NDArray[np.int64]
    counts: Floats  # one column per bucket of ``used``
    used: NDArray[np.int64]

    def values_ms(self, percent: float, weights: Floats) -> tuple[Floats, Floats]:
        """Return the percentile of each level, NaN with fewer than ``MIN_COUNT`` operations, and their counts.

        ``weights`` say how often each row of ``counts`` counts, a row per resample; results are resamples x levels.
        """
        shape = (len(weights), len(self.users))
        values, totals = np.full(shape, np.nan), np.zeros(shape)
        for place in range(len(self.users)):
            mine = self.level == place
            merged = weights[:, mine] @ self.counts[mine]
            totals[:, place] = merged.sum(axis=1)
            known = totals[:, place] >= MIN_COUNT
            if known.any():
                values[known, place] = percentiles_of(merged[known], self.used, (percent,))[:, 0] / 1000
        return values, totals

    def drawn(self, random: np.random.Generator, resamples: int) -> Floats:
        """Return how often each block counts in each resample; the only block of a level always does."""
        weights = np.ones((resamples, len(self.level)))
        for place, number in enumerate(self.blocks()):
            if number > 1:
                draws = random.multinomial(number - 1, np.full(number, 1 / number), size=resamples)
                weights[:, self.level == place] = draws * (number / (number - 1))
        return weights

    def blocks(self) -> list[int]:
        """Return the number of blocks of each level."""
        return [int(number) for number in np.bincount(self.level, minlength=len(self.users))]

    def tail(self, users: float) -> float:
        """Return the share of resamples beyond each end of the interval of a crossing; NaN with too few blocks.

        Blocks count of the levels beside the crossing. Each needs two, and all levels together ``FEWEST_BLOCKS``.
        """
        from scipy.special import ndtr, stdtrit  # SciPy takes a while to come

        blocks = self.blocks()
        beside = int(np.searchsorted(self.users, users)) if math.isfinite(users) else len(self.users)
        near = blocks[max(beside - 1, 0) : beside + 1]
        if sum(blocks) < FEWEST_BLOCKS or min(near) < 2:
            return math.nan
        return float(ndtr(stdtrit(sum(near) - len(near), (1 - CONFIDENCE) / 2)))


def latency_crossing(
    series: pd.DataFrame,
    percent: float,
    threshold_ms: float,
    *,
    windows: pd.DataFrame | None = None,
    from_second: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return where the percentile of the operations that ended ok crosses ``threshold_ms``: one row.

    Columns: ``percent, threshold_ms``; ``users`` at the crossing, ``users_low, users_high`` its 95 % interval
    (infinity: beyond the users measured; NaN with fewer than ``FEWEST_BLOCKS`` blocks, or than two at the levels beside
    it), ``users_min, users_max`` measured, ``share_pct`` of the resamples that cross; ``missing`` says why there is no
    crossing. Seconds are those of ``load_levels``: ``windows`` and ``from_second`` leave out what they do there.
    """
    levels = _levels(series, windows, from_second)
    row: dict[str, object] = {**dict.fromkeys(NAMES, math.nan), "percent": percent, "threshold_ms": threshold_ms}
    if levels is None:
        return pd.DataFrame([row | {"missing": f"no number of users had {MIN_COUNT} operations that ended ok"}])
    found = _crossings(levels, percent, threshold_ms, np.ones((1, len(levels.level))))[0]
    row |= {"users": found, "users_min": levels.users[0], "users_max": levels.users[-1], "missing": ""}
    if not math.isnan(tail := levels.tail(found)):
        draws = levels.drawn(np.random.default_rng(seed), resamples)
        drawn = np.sort(_crossings(levels, percent, threshold_ms, draws))
        row["users_low"] = drawn[math.floor(tail * (resamples - 1))]  # no interpolation: some are infinite
        row["users_high"] = drawn[math.ceil((1 - tail) * (resamples - 1))]
        row["share_pct"] = 100 * float(np.isfinite(drawn).mean())
    if math.isinf(found):
        row |= {"users": math.nan, "missing": "not crossed up to the most users measured"}
    elif found <= levels.users[0]:
        row["missing"] = "crossed at the fewest users measured already"
    return pd.DataFrame([row], columns=list(NAMES))


def _levels(series: pd.DataFrame, windows: pd.DataFrame | None, from_second: float | None) -> _Levels | None:
    """Return the levels of users, None where there is none."""
    shown = level_seconds(series, MOST_LEVELS, windows=windows, from_second=from_second)
    rows = at_levels(series, shown).rename(columns={"level": "bin"})
    if rows.empty:
        return None
    counted = rows.groupby("bin", sort=True)["count"].sum()
    rows = rows[rows["bin"].isin(counted.index[counted >= MIN_COUNT])]
    if rows.empty:
        return None
    seconds, histograms = per_second(rows)
    of_second = rows.groupby("second", sort=True)[["bin", "users"]].max()
    bins, level = np.unique(of_second["bin"].to_numpy(), return_inverse=True)
    weighted = (rows["users"] * rows["count"]).groupby(rows["bin"]).sum() / rows.groupby("bin")["count"].sum()
    block = np.zeros(len(seconds), dtype=np.int64)
    for place in range(len(bins)):
        block[level == place] = blocks_of(seconds[level == place])[0]
    cells, cell = np.unique(level * len(seconds) + block, return_inverse=True)
    used, column = np.unique(histograms.bucket, return_inverse=True)
    counts = np.zeros((len(cells), len(used)))
    np.add.at(counts, (cell[histograms.row], column), histograms.count)
    users = weighted.sort_index().to_numpy(dtype=np.float64)
    return _Levels(users, cells // len(seconds), counts, used)


def _crossings(levels: _Levels, percent: float, threshold_ms: float, weights: Floats) -> Floats:
    """Return the users at which each resample crosses: infinity where none does, the fewest where it always does."""
    values, totals = levels.values_ms(percent, weights)
    return np.array(
        [_crossing(levels.users, row, total, threshold_ms) for row, total in zip(values, totals, strict=True)]
    )


def _crossing(users: Floats, values: Floats, weights: Floats, threshold_ms: float) -> float:
    known = np.isfinite(values)
    if not known.any():
        return math.inf
    x, y = users[known], monotone(values[known], weights[known])
    above = np.flatnonzero(y >= threshold_ms)
    if not len(above):
        return math.inf
    first = int(above[0])
    if first == 0:
        return float(x[0])
    share = (threshold_ms - y[first - 1]) / (y[first] - y[first - 1])
    return float(x[first - 1] + share * (x[first] - x[first - 1]))


def monotone(values: Floats, weights: Floats) -> Floats:
    """Return the nearest values (weighted least squares) that nowhere fall."""
    if (np.diff(values) >= 0).all():
        return values
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        pool = (float(value), float(weight), 1)
        while pools and pools[-1][0] > pool[0]:
            mean, before, number = pools.pop()
            total = before + pool[1]
            pool = ((mean * before + pool[0] * pool[1]) / total, total, number + pool[2])
        pools.append(pool)
    return np.repeat([pool[0] for pool in pools], [pool[2] for pool in pools])


def throughput_intervals(
    series: pd.DataFrame,
    *,
    windows: pd.DataFrame | None = None,
    from_second: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return what ended ok per second at each level of users, with 95 % intervals: one row per level.

    Columns: ``users`` (mean), ``users_min, users_max, seconds, throughput_rps, low_rps, high_rps``. The bootstrap draws
    blocks of a level's seconds; the interval is NaN with fewer than ``FEWEST_BLOCKS`` of them. Levels and seconds are
    those of ``load_levels`` (``latency.level_seconds``), and so is the throughput.
    """
    seconds = level_seconds(series, windows=windows, from_second=from_second)
    seconds = seconds[~seconds["hidden"]]
    levels = seconds.groupby("level", sort=True)
    rows = [_throughput(part, np.random.default_rng(seed), resamples) for _, part in levels]
    names = ["users", "users_min", "users_max", "seconds", "throughput_rps", "low_rps", "high_rps"]
    return pd.DataFrame(rows, columns=names)


def _throughput(seconds: pd.DataFrame, random: np.random.Generator, resamples: int) -> tuple[float, ...]:
    users, ok = seconds["users"], seconds["ok"].to_numpy(dtype=np.float64)
    blocks, _ = blocks_of(seconds["second"].to_numpy(dtype=np.int64))
    number = int(blocks.max()) + 1
    low = high = math.nan
    if number >= FEWEST_BLOCKS:
        draws = random.multinomial(number, np.full(number, 1 / number), size=resamples).astype(np.float64)
        sums, lengths = np.bincount(blocks, weights=ok), np.bincount(blocks)
        low, high = np.quantile((draws @ sums) / (draws @ lengths), ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return (users.mean(), users.min(), users.max(), len(seconds), ok.mean(), float(low), float(high))
