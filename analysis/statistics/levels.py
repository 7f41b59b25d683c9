"""Latency and throughput against load: levels of concurrency, bins of throughput, Little's law, goodput."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from analysis.files.histograms import highest_value
from analysis.statistics.curves import per_second, percentile_curve
from analysis.statistics.disturbed import disturbed
from analysis.statistics.latency import (
    MAX_POINTS,
    MIN_COUNT,
    at_levels,
    by_level,
    ended_ok,
    level_seconds,
    percentile_column,
    percentiles,
    throughput,
    wind_down,
)

INTERVALS = (50.0, 95.0, 99.0)
"""Percentiles of a level that have an interval."""


def load_levels(
    series: pd.DataFrame,
    max_points: int = MAX_POINTS,
    min_count: int = MIN_COUNT,
    *,
    windows: pd.DataFrame | None = None,
    from_second: float | None = None,
    intervals: bool = True,
    seed: int = 0,
) -> pd.DataFrame:
    """Return one row per number of users: what they got through, and how long it took.

    Columns: those of ``latency_by_users``; ``p50_low_ms``, ``p50_high_ms`` and the same of p95 and p99 (95 % interval,
    as in ``percentile_curve``, from blocks of the level's seconds; NaN with fewer than six; they take most of the time:
    without ``intervals`` the columns are not there); ``throughput_rps``
    (operations that ended ok per second), ``mean_ms`` (their response time), ``in_flight`` (their product: mean
    operations under way, by Little's law), ``think_ms`` (users / throughput - response: what users did between
    operations; below 0 where in-flight operations outnumber the users, as with open-loop arrivals), ``left_out_s``.

    Faults and warm-up are in the numbers unless they are left out: ``windows`` (``start_ns, end_ns``, as from
    ``fault_windows``) leaves out every second in which one was open, ``from_second`` (Unix, as ``totals.steady_from_s``
    of a verdict) all before it. ``left_out_s`` counts those seconds; NaN where neither was given. Seconds are those of
    ``latency.level_seconds``, as in ``throughput_intervals``: the numbers of a row close, users = throughput x (mean +
    think), and those of the same level elsewhere are the same.
    """
    seconds = level_seconds(series, max_points, windows=windows, from_second=from_second)
    frame = by_level(series, seconds, min_count=min_count)
    rows = at_levels(series, seconds)
    sums = rows.groupby("level")[["count", "sum_ms"]].sum().reindex(frame.index)
    frame["throughput_rps"] = sums["count"] / frame["seconds"]
    frame["mean_ms"] = sums["sum_ms"] / sums["count"]
    if intervals:
        frame = frame.join(_intervals(rows[rows["level"].isin(frame.index)], seed))
    left_out = seconds[seconds["hidden"]].groupby("level")["second"].size().reindex(frame.index).fillna(0.0)
    frame["left_out_s"] = math.nan if windows is None and from_second is None else left_out
    return with_flow(frame.reset_index(drop=True))


def load_seconds(series: pd.DataFrame) -> pd.Series:
    """Return the Unix seconds, ascending, that ``load_levels`` counts before faults and warm-up are left out."""
    return level_seconds(series)["second"]


def _inner(series: pd.DataFrame) -> pd.DataFrame:
    return series[series["second"].between(series["second"].min() + 1, series["second"].max() - 1)]


def _intervals(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return ``p50_low_ms`` and so on by level."""
    curves = percentile_curve(rows, ["level"], INTERVALS, seed=seed)
    found = {}
    for percent in INTERVALS:
        part = curves[curves["percent"] == percent].set_index("level")
        for end in ("low_ms", "high_ms"):
            found[interval_column(percentile_column(percent), end)] = part[end].astype("float64")
    return pd.DataFrame(found)


def interval_column(column: str, end: str) -> str:
    """Return the column of an end of an interval: ``p95_ms``, ``low_ms`` → ``p95_low_ms``."""
    return f"{column.removesuffix('_ms')}_{end}"


def with_flow(levels: pd.DataFrame) -> pd.DataFrame:
    """Return ``levels`` with ``in_flight`` and ``think_ms`` from ``users``, ``throughput_rps`` and ``mean_ms``."""
    in_flight = levels["throughput_rps"] * levels["mean_ms"] / 1000
    think_ms = 1000 * levels["users"] / levels["throughput_rps"] - levels["mean_ms"]
    return levels.assign(in_flight=in_flight, think_ms=think_ms)


def latency_by_throughput(
    series: pd.DataFrame,
    bins: int = MAX_POINTS,
    min_count: int = MIN_COUNT,
    seconds_min: int = 2,
    *,
    windows: pd.DataFrame | None = None,
    from_second: float | None = None,
) -> pd.DataFrame:
    """Return latency against throughput: seconds are put into ``bins`` of equal width by what ended ok in them.

    Columns: ``throughput_rps`` (mean), ``seconds``, ``users`` (mean), ``count``, ``mean_ms``, ``min_ms``, percentiles,
    ``max_ms``. Bins of fewer than ``min_count`` operations or ``seconds_min`` seconds are left out; so are the run's
    first and last second, the wind-down, and what ``windows`` and ``from_second`` leave out, as in ``load_levels``.
    Under a closed loop it bends back where throughput falls with load.
    """
    inner = _inner(series)
    seconds = throughput(inner)
    seconds = seconds[(seconds["ok"] > 0) & (seconds["second"] < wind_down(inner))]
    seconds = seconds[~disturbed(seconds["second"], windows, from_second)]
    edges = np.linspace(seconds["ok"].min() - 0.5, seconds["ok"].max() + 0.5, bins + 1) if len(seconds) else [0.0, 1.0]
    seconds = seconds.assign(bin=np.digitize(seconds["ok"], edges) - 1)
    rows = ended_ok(inner).merge(seconds[["second", "bin"]], on="second")
    grouped = seconds.groupby("bin", sort=True)
    frame = pd.DataFrame(
        {
            "throughput_rps": grouped["ok"].mean(),
            "seconds": grouped["second"].size(),
            "users": grouped["users"].mean(),
        }
    )
    frame["mean_ms"] = rows.groupby("bin")["sum_ms"].sum() / rows.groupby("bin")["count"].sum()
    frame = frame.join(percentiles(rows, ["bin"]).set_index("bin"))
    return frame[(frame["count"] >= min_count) & (frame["seconds"] >= seconds_min)].reset_index(drop=True)


def littles_law(series: pd.DataFrame, operations: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return both sides of Little's law, L = λW, per level of users.

    ``operations`` need ``intended_ns`` and ``end_ns``. What began or ended outside a level makes the two
    differ, the more the shorter it is. Columns: ``users, seconds``, ``rate_rps`` (all outcomes) and
    ``response_ms`` (their mean) from the series, ``in_flight`` (λW), ``measured`` (mean operations under way, summed up
    from the begin and end of each in the history; NaN without it), ``difference_pct`` of the two, ``busy_pct`` (λW per
    user; above 100 a closed loop is impossible). Source: Little, Operations Research 9 (1961).
    """
    seconds = level_seconds(series)
    sums = series.groupby("second")["sum_ms"].sum()
    seconds = seconds.assign(
        sum_ms=seconds["second"].map(sums).fillna(0.0), measured=_under_way(seconds["second"], operations)
    )
    grouped = seconds.groupby("level", sort=True)
    frame = pd.DataFrame({"users": grouped["users"].mean(), "seconds": grouped["second"].size()})
    frame["rate_rps"] = grouped["count"].sum() / frame["seconds"]
    frame["response_ms"] = grouped["sum_ms"].sum() / grouped["count"].sum()
    frame["in_flight"] = grouped["sum_ms"].sum() / 1000 / frame["seconds"]
    frame["measured"] = grouped["measured"].mean()
    frame["difference_pct"] = 100 * (frame["in_flight"] / frame["measured"] - 1)
    frame["busy_pct"] = 100 * frame["in_flight"] / frame["users"]
    return frame.reset_index(drop=True)


def _under_way(seconds: pd.Series, operations: pd.DataFrame | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the mean number of operations under way in each Unix second; NaN without a history.

    The integral of the number under way up to t is the sum of t - begin over what began before t, minus the same of
    what ended: prefix sums over sorted times.
    """
    if operations is None or operations.empty or not len(seconds):
        return np.full(len(seconds), np.nan)
    zero = int(seconds.iloc[0])

    def integral(times_ns: pd.Series, at: np.ndarray[tuple[int], np.dtype[np.float64]]) -> object:
        relative = np.sort((times_ns.to_numpy(dtype=np.int64) - zero * 1_000_000_000) / 1e9)
        sums = np.concatenate(([0.0], np.cumsum(relative)))
        before = np.searchsorted(relative, at)
        return at * before - sums[before]

    begin = (seconds.to_numpy(dtype=np.int64) - zero).astype(np.float64)
    edges = np.concatenate((begin, begin + 1))
    area = np.asarray(integral(operations["intended_ns"], edges)) - np.asarray(integral(operations["end_ns"], edges))
    return np.asarray(area[len(begin) :] - area[: len(begin)], dtype=np.float64)


def goodput(series: pd.DataFrame, within_ms: float) -> pd.DataFrame:
    """Return per second what ended ok within ``within_ms``: one row per second, without gaps.

    Columns: ``second, elapsed_s, users, count`` (all outcomes), ``ok``, ``good`` (ok and within the bound, decided by
    the highest value of a histogram's bucket: at most 0.1 % below the bound), ``good_pct`` of ``count`` (NaN where
    there was none).
    """
    frame = throughput(series)[["second", "elapsed_s", "users", "count", "ok"]]
    seconds, histograms = per_second(ended_ok(series))
    bound = math.floor(within_ms * 1000 + 1e-6)
    kept = histograms.count * (highest_value(histograms.bucket) <= bound)
    good = pd.Series(np.bincount(histograms.row, weights=kept, minlength=len(seconds)), index=seconds)
    frame["good"] = frame["second"].map(good).fillna(0).astype("int64")
    frame["good_pct"] = 100 * frame["good"] / frame["count"].where(frame["count"] > 0)
    return frame
