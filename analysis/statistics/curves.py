"""Percentile curves with confidence intervals, and distributions of latency, all from merged histograms.

Operations of one second are not independent: a stall hits all of them. The bootstrap therefore draws whole blocks of
seconds (Künsch, "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 17, 1989),
of ``ceil(n ** (1/3))`` seconds each (Hall, Horowitz & Jing, "On blocking rules for the bootstrap", Biometrika 82,
1995).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.files.histograms import BUCKETS, Histograms, Integers, decode, highest_value, value_at
from analysis.statistics.latency import clock_column, ended_ok, percentile_column

NINES = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99, 99.999)
"""Percentiles of a curve, evenly spread on an axis of nines."""
RESAMPLES = 500
CONFIDENCE = 0.95
FEWEST_BLOCKS = 6
"""Blocks below which there is no interval: fewer cannot show how much they differ."""
MOST_BLOCKS = 240
BEYOND = 5
"""Operations beyond a percentile below which it has no place on a curve: it would be the maximum by another name."""

Floats = NDArray[np.float64]


def percentile_curve(
    series: pd.DataFrame,
    by: Sequence[str] = (),
    percents: Sequence[float] = NINES,
    clock: str = "response",
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return the percentiles of the operations that ended ok, with 95 % intervals: one row per ``by`` and percentile.

    Columns: ``*by, percent, value_ms, low_ms, high_ms, count`` (operations), ``effective_count`` (independent
    operations that would tell this percentile as precisely; at most ``count``), ``blocks`` and ``block_s`` (seconds
    each) of the bootstrap. The interval is NaN with fewer than ``FEWEST_BLOCKS`` blocks. Percentiles with fewer than
    ``BEYOND`` operations beyond them are left out.
    """
    rows = ended_ok(series)
    names = [*by, "percent", "value_ms", "low_ms", "high_ms", "count", "effective_count", "blocks", "block_s"]
    frames = []
    parts = [part for _, part in rows.groupby(list(by), sort=True)] if by else [rows]
    for part in parts:
        found = _curve(part, sorted(percents), clock, np.random.default_rng(seed), resamples)
        for place, name in enumerate(by):
            found.insert(place, name, part[name].iloc[0])
        frames.append(found)
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)


def _curve(
    rows: pd.DataFrame, percents: Sequence[float], clock: str, random: np.random.Generator, resamples: int
) -> pd.DataFrame:
    """Return the curve of one group of rows."""
    seconds, histograms = per_second(rows, clock)
    merged = histograms.merge(np.zeros(histograms.size, dtype=np.int64), 1)
    count = int(merged.count.sum())
    shown = [percent for percent in percents if percent <= 50 or (1 - percent / 100) * count >= BEYOND] if count else []
    values = merged.percentiles(shown)[0]
    frame = pd.DataFrame({"percent": shown, "value_ms": values / 1000})
    blocks, block_s = blocks_of(seconds)
    number = int(blocks.max()) + 1 if len(blocks) else 0
    frame[["low_ms", "high_ms", "effective_count"]] = np.nan
    if number >= FEWEST_BLOCKS and shown:
        low, high, effective = _intervals(histograms.merge(blocks, number), shown, values, random, resamples)
        frame["low_ms"], frame["high_ms"] = low / 1000, high / 1000
        frame["effective_count"] = np.minimum(effective, count)
    frame.insert(4, "count", count)
    return frame.assign(blocks=number, block_s=block_s)


def per_second(rows: pd.DataFrame, clock: str = "response") -> tuple[Integers, Histograms]:
    """Return the distinct seconds of ``rows``, ascending, and the merged histogram of each."""
    seconds, groups = np.unique(rows["second"].to_numpy(dtype=np.int64), return_inverse=True)
    return seconds, decode(rows[clock_column(clock, "hdr")]).merge(groups, len(seconds))


def blocks_of(seconds: Integers) -> tuple[Integers, int]:
    """Return the block of each second, from 0 without gaps, and the seconds of a block."""
    if not len(seconds):
        return seconds, 0
    span = int(seconds[-1] - seconds[0]) + 1
    length = max(math.ceil(span ** (1 / 3)), math.ceil(span / MOST_BLOCKS))
    if span / length < FEWEST_BLOCKS:
        length = 1
    blocks = (seconds - seconds[0]) // length
    return np.unique(blocks, return_inverse=True)[1].astype(np.int64), length


def _intervals(
    blocks: Histograms, percents: Sequence[float], values_us: Floats, random: np.random.Generator, resamples: int
) -> tuple[Floats, Floats, Floats]:
    """Return low and high ends (µs) and the effective sample size of each percentile."""
    used, column = np.unique(blocks.bucket, return_inverse=True)
    table = np.zeros((blocks.size, len(used)), dtype=np.float64)
    table[blocks.row, column] = blocks.count
    draws = random.multinomial(blocks.size, np.full(blocks.size, 1 / blocks.size), size=resamples).astype(np.float64)
    counts = draws @ table
    found = percentiles_of(counts, used, percents)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    # Share at or below the percentile's bucket, in every resample: its spread says how many operations count.
    below = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
    at = np.searchsorted(highest_value(used), np.floor(values_us + 0.5), side="right") - 1
    share = below[:, np.maximum(at, 0)]
    variance, mean = share.var(axis=0), share.mean(axis=0)
    effective = np.full(len(percents), np.inf)
    np.divide(mean * (1 - mean), variance, out=effective, where=variance > 0)
    return low, high, effective


def percentiles_of(counts: Floats, used: Integers, percents: Sequence[float]) -> Floats:
    """Return the percentiles (µs) of each row of counts per bucket of ``used``; as ``Histograms.percentiles``."""
    reached = np.cumsum(counts, axis=1)
    totals = reached[:, -1]
    values = np.empty((len(counts), len(percents)))
    rows = np.arange(len(counts))
    for place, percent in enumerate(percents):
        wanted = np.maximum(np.ceil(percent / 100 * totals - 1e-9), 1)
        entry = np.argmax(reached >= wanted[:, np.newaxis], axis=1)
        inside = counts[rows, entry]
        rank = wanted - (reached[rows, entry] - inside)
        values[:, place] = value_at(used[entry], rank.astype(np.int64), inside.astype(np.int64))
    return values


def latency_heat(series: pd.DataFrame, rows_per_decade: int = 12, max_columns: int = 240) -> pd.DataFrame:
    """Return operations that ended ok per stretch of seconds and bin of latency: one row per bin that has some.

    Columns: ``elapsed_s`` and ``elapsed_to_s`` (from the run's first second), ``low_ms`` and ``high_ms`` of the bin,
    ``count``, ``count_rps`` (per second). Bins are equal on a logarithmic axis, ``rows_per_decade`` to ten times the
    latency. A long run has stretches of several seconds, so that there are at most ``max_columns``.
    """
    names = ["elapsed_s", "elapsed_to_s", "low_ms", "high_ms", "count", "count_rps"]
    rows = ended_ok(series)
    if rows.empty:
        return pd.DataFrame(columns=names)
    first = int(series["second"].min())
    span = int(series["second"].max()) - first + 1
    width = math.ceil(span / max_columns)
    seconds, histograms = per_second(rows)
    column = (seconds[histograms.row] - first) // width
    level = log_bin(histograms.bucket, rows_per_decade)
    cells = pd.DataFrame({"column": column, "level": level, "count": histograms.count})
    cells = cells.groupby(["column", "level"], sort=True)["count"].sum().reset_index()
    begin = cells["column"] * width
    end = np.minimum(begin + width, span)
    low, high = (10 ** ((cells["level"] + step) / rows_per_decade) / 1000 for step in (0, 1))
    parts = (begin, end, low, high, cells["count"], cells["count"] / (end - begin))
    return pd.DataFrame(dict(zip(names, parts, strict=True)))


def latency_density(series: pd.DataFrame, by: str = "priority", rows_per_decade: int = 20) -> pd.DataFrame:
    """Return the distribution of latency of each value of ``by``: one row per value and bin, without gaps.

    Columns: ``by``, ``low_ms`` and ``high_ms`` of the bin (equal on a logarithmic axis), ``count``, ``share_pct`` of
    the operations of that value that ended ok.
    """
    rows = ended_ok(series)
    if rows.empty:
        return pd.DataFrame(columns=[by, "low_ms", "high_ms", "count", "share_pct"])
    keys, groups = np.unique(rows[by].to_numpy(), return_inverse=True)
    histograms = decode(rows["hdr"]).merge(groups.astype(np.int64), len(keys))
    level = log_bin(histograms.bucket, rows_per_decade)
    lowest, size = int(level.min()), int(level.max() - level.min()) + 1
    counts = np.zeros((len(keys), size), dtype=np.int64)
    np.add.at(counts, (histograms.row, level - lowest), histograms.count)
    edges = 10 ** (np.arange(lowest, lowest + size + 1) / rows_per_decade) / 1000
    share = 100 * counts / counts.sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            by: np.repeat(keys, size),
            "low_ms": np.tile(edges[:-1], len(keys)),
            "high_ms": np.tile(edges[1:], len(keys)),
            "count": counts.ravel(),
            "share_pct": share.ravel(),
        }
    )


def log_bin(bucket: Integers, rows_per_decade: int) -> Integers:
    """Return the bin of a bucket's highest value on a logarithmic axis; 1 µs is the lower end of bin 0."""
    values = np.maximum(highest_value(np.minimum(bucket, BUCKETS - 1)), 1)
    return np.floor(rows_per_decade * np.log10(values) + 1e-9).astype(np.int64)


def nines(percent: float) -> float:
    """Return the place of a percentile on an axis of nines: 90 → 1, 99 → 2, 99.9 → 3."""
    return -math.log10(1 - percent / 100)


__all__ = [
    "NINES", "blocks_of", "latency_density", "latency_heat", "log_bin", "nines", "per_second", "percentile_column",
    "percentile_curve", "percentiles_of",
]  # fmt: skip
