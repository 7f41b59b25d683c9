"""Statistics: series frame in, frame out. Percentiles always come from merged histograms.

Latency is that of the operations that ended ``ok``, from the intended start, as in the criteria
(``harness.judge.criteria``). The others end when they fail, not when they are done. The four clocks are those of
``harness.words.operation.CLOCKS``. The warm-up is part of every number here: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.files.histograms import decode
from analysis.statistics.disturbed import disturbed
from harness.measure.series_csv import PERCENTS
from harness.words.operation import CLOCKS, Outcome

MIN_COUNT = 20
"""Operations a point needs: with fewer, the 95th percentile is the maximum under another name."""
MAX_POINTS = 25


def percentile_column(percent: float) -> str:
    """Return the column of a percentile: 50 → ``p50_ms``, 99.9 → ``p999_ms``."""
    return f"p{percent:g}_ms".replace(".", "")


def ended_ok(series: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose latency counts."""
    return series[series["outcome"] == Outcome.OK.value]


def percentiles(series: pd.DataFrame, by: Sequence[str] = (), percents: Sequence[float] = PERCENTS) -> pd.DataFrame:
    """Return one row per distinct ``by`` (sorted): ``*by, count, min_ms, p50_ms, ..., max_ms``.

    Histograms of equal ``by`` are merged. All outcomes given are counted: pass ``ended_ok(series)`` for
    latency. Without ``by`` one row covers all; an empty series gives no row.
    """
    groups: NDArray[np.int64] = np.zeros(len(series), dtype=np.int64)
    if series.empty:
        keys = pd.DataFrame({column: series[column] for column in by})
    elif by:
        grouped = series.groupby(list(by), sort=True, dropna=False)
        groups = np.asarray(grouped.ngroup(), dtype=np.int64)
        keys = grouped.size().index.to_frame(index=False)
    else:
        keys = pd.DataFrame(index=range(1))
    return pd.concat([keys, _summary(series, groups, len(keys), percents)], axis=1)


def _summary(series: pd.DataFrame, groups: NDArray[np.int64], size: int, percents: Sequence[float]) -> pd.DataFrame:
    """Return ``count, min_ms, percentiles, max_ms`` of each of ``size`` groups of rows."""
    merged = decode(series["hdr"]).merge(groups, size)
    lows, highs = np.full(size, np.nan), np.full(size, np.nan)
    np.fmin.at(lows, groups, series["min_ms"].to_numpy())
    np.fmax.at(highs, groups, series["max_ms"].to_numpy())
    # What is found in a bucket may lie outside what was seen: as harness.measure.histogram.within_ms.
    found = np.fmax(merged.percentiles(percents) / 1000, lows[:, np.newaxis])
    values_ms = np.fmin(found, highs[:, np.newaxis])
    counts = np.zeros(size, dtype=np.int64)
    np.add.at(counts, groups, series["count"].to_numpy())
    columns = {percentile_column(percent): values_ms[:, k] for k, percent in enumerate(percents)}
    return pd.DataFrame({"count": counts, "min_ms": lows, **columns, "max_ms": highs})


def latency_over_time(series: pd.DataFrame, percents: Sequence[float] = PERCENTS) -> pd.DataFrame:
    """Return one row per second from the first to the last of the run, without gaps.

    Columns: ``second`` (Unix), ``elapsed_s`` (from the first), ``users`` (NaN where not measured), ``count``,
    ``min_ms``, percentiles and ``max_ms`` of the operations that ended ok, ``winding_down`` (see ``wind_down``),
    ``cut_off`` (the first and the last second: the run began and ended somewhere within them).
    A second without such an operation has count 0 and NaN latencies, so that a stall shows.
    """
    found = percentiles(ended_ok(series), ["second"], percents).set_index("second")
    frame = every_second(series).join(found, how="left")
    frame["count"] = frame["count"].fillna(0).astype("int64")
    return _with_ends(frame, series)


def _with_ends(frame: pd.DataFrame, series: pd.DataFrame) -> pd.DataFrame:
    """Return a frame by second with the columns that say which seconds are no whole ones under load."""
    seconds = frame.index.to_numpy()
    frame["winding_down"] = seconds >= wind_down(series)
    frame["cut_off"] = np.isin(seconds, [seconds[0], seconds[-1]]) if len(seconds) else False
    return frame.reset_index()


def clocks(series: pd.DataFrame, percents: Sequence[float] = (50, 95, 99)) -> pd.DataFrame:
    """Return one row per clock, in their order: ``clock, count``, percentiles, ``max_ms, sum_ms, share_pct``.

    Of the operations that ended ok. ``share_pct`` is of the summed response time. ``max_ms`` is exact for the response
    time, and up to 0.1 % too high for the others. NaN where a clock was not measured; an empty series gives no row.
    """
    rows = ended_ok(series)
    if rows.empty:
        names = [percentile_column(percent) for percent in percents]
        return pd.DataFrame(columns=["clock", "count", *names, "max_ms", "sum_ms", "share_pct"])
    everything: NDArray[np.int64] = np.zeros(len(rows), dtype=np.int64)
    found = [_of_clock(rows, clock, everything, 1, (*percents, 100)).iloc[0] for clock in CLOCKS]
    frame = pd.DataFrame(found).rename(columns={percentile_column(100): "max_ms"}).reset_index(drop=True)
    frame = frame.astype({"count": "int64"})
    frame.insert(0, "clock", CLOCKS)
    frame["sum_ms"] = [rows[clock_column(clock, "sum_ms")].sum(min_count=1) for clock in CLOCKS]
    response_ms = float(frame["sum_ms"].iloc[0])
    frame["share_pct"] = 100 * frame["sum_ms"] / response_ms if response_ms > 0 else np.nan
    return frame


def clocks_over_time(series: pd.DataFrame, percent: float = 95) -> pd.DataFrame:
    """Return one row per second without gaps: ``second, elapsed_s, users``, a column per clock, ``winding_down``
    and ``cut_off`` as in ``latency_over_time``.

    ``response_ms``, ``service_ms``, ``queue_ms`` and ``lag_ms`` are that percentile of the operations that ended ok;
    NaN where none was measured.
    """
    rows = ended_ok(series)
    frame = every_second(series)
    groups = (rows["second"].to_numpy() - frame.index.min()).astype(np.int64) if len(rows) else np.empty(0, np.int64)
    for clock in CLOCKS:
        found = _of_clock(rows, clock, groups, len(frame), (percent,))
        frame[f"{clock}_ms"] = found[percentile_column(percent)].to_numpy()
    return _with_ends(frame, series)


def _of_clock(
    rows: pd.DataFrame, clock: str, groups: NDArray[np.int64], size: int, percents: Sequence[float]
) -> pd.DataFrame:
    """Return ``count`` and percentiles of a clock, one row per group of rows."""
    columns = [percentile_column(percent) for percent in percents]
    if clock == CLOCKS[0]:  # of which alone the lowest and highest value are known
        return _summary(rows, groups, size, percents)[["count", *columns]]
    merged = decode(rows[clock_column(clock, "hdr")]).merge(groups, size)
    found = pd.DataFrame(merged.percentiles(percents) / 1000, columns=columns)
    found.insert(0, "count", merged.totals())
    return found


def clock_column(clock: str, kind: str) -> str:
    """Return the column of a clock; those of the response time have no prefix."""
    return kind if clock == CLOCKS[0] else f"{clock}_{kind}"


def throughput(series: pd.DataFrame) -> pd.DataFrame:
    """Return one row per second without gaps: ``second, elapsed_s, users, count`` and one column per outcome.

    Counts are operations of that second, that is operations per second.
    """
    counts = series.pivot_table(index="second", columns="outcome", values="count", aggfunc="sum", fill_value=0)
    names = [outcome.value for outcome in Outcome]
    frame = every_second(series).join(counts.reindex(columns=names), how="left")
    frame[names] = frame[names].fillna(0).astype("int64")
    frame.insert(2, "count", frame[names].sum(axis=1))
    return frame.reset_index()


def every_second(series: pd.DataFrame) -> pd.DataFrame:
    """Return ``elapsed_s`` and ``users`` by second, without gaps; an absent second has the last users."""
    seen = series.groupby("second", sort=True)["users"].max()
    first, last = (int(series["second"].min()), int(series["second"].max())) if len(series) else (0, -1)
    seconds = pd.RangeIndex(first, last + 1, name="second")
    users = seen.reindex(seconds).ffill()
    elapsed = np.arange(len(seconds), dtype=np.int64)
    return pd.DataFrame({"elapsed_s": elapsed, "users": users}, index=seconds)


def latency_by_users(
    series: pd.DataFrame,
    percents: Sequence[float] = PERCENTS,
    max_points: int = MAX_POINTS,
    min_count: int = MIN_COUNT,
    *,
    windows: pd.DataFrame | None = None,
    from_second: float | None = None,
) -> pd.DataFrame:
    """Return latency against concurrency: one row per number of users, from the merged seconds that had it.

    More than ``max_points`` distinct numbers are put into that many bins of equal width at most. Columns:
    ``users`` (mean over the seconds of the row), ``users_min``, ``users_max``, ``seconds``, ``count``,
    ``min_ms``, percentiles, ``max_ms``. Seconds are those of ``level_seconds``, also those in which nothing ended ok.
    Rows of fewer than ``min_count`` such operations are left out. ``windows`` and ``from_second`` leave out fault
    windows and warm-up, as in ``load_levels``.
    """
    seconds = level_seconds(series, max_points, windows=windows, from_second=from_second)
    return by_level(series, seconds, percents, min_count).reset_index(drop=True)


def level_seconds(
    series: pd.DataFrame,
    max_points: int = MAX_POINTS,
    *,
    windows: pd.DataFrame | None = None,
    from_second: float | None = None,
) -> pd.DataFrame:
    """Return the seconds that levels of users are made of: one row each, whatever ended in it.

    Columns: ``second, users, count, ok``; ``level``, the bin of its users; ``hidden``, whether ``windows`` and
    ``from_second`` leave it out (``disturbed``). Not there are the run's first and last second, which its begin and end
    cut off; seconds whose users nobody measured or had left; and the wind-down: what ends while users are being stopped
    was started, and waited, among more users than the second counts. Whatever is told of a level, its throughput
    included, is told of these seconds: one in which nothing ended ok is as long as any other.
    """
    seconds = throughput(series)[["second", "users", "count", "ok"]].iloc[1:-1]
    seconds = seconds[(seconds["users"] > 0) & (seconds["second"] < wind_down(series))].reset_index(drop=True)
    users = seconds["users"].to_numpy(dtype=np.int64)
    hidden = disturbed(seconds["second"], windows, from_second)
    return seconds.assign(level=user_bins(users, max_points) if len(users) else users, hidden=hidden.astype(bool))


def at_levels(series: pd.DataFrame, seconds: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that ended ok in ``seconds`` (as of ``level_seconds``) that are not hidden, with their level."""
    shown = seconds.loc[~seconds["hidden"], ["second", "level"]]
    return ended_ok(series).merge(shown, on="second")


def by_level(
    series: pd.DataFrame, seconds: pd.DataFrame, percents: Sequence[float] = PERCENTS, min_count: int = MIN_COUNT
) -> pd.DataFrame:
    """Return the rows of ``latency_by_users`` by ``level``, over ``seconds`` as of ``level_seconds``."""
    grouped = seconds[~seconds["hidden"]].groupby("level", sort=True)
    levels = pd.DataFrame(
        {
            "users": grouped["users"].mean(),
            "users_min": grouped["users"].min(),
            "users_max": grouped["users"].max(),
            "seconds": grouped["second"].size(),
        }
    )
    rows = at_levels(series, seconds)
    frame = levels.join(percentiles(rows, ["level"], percents).set_index("level"))
    return frame[frame["count"] >= min_count].astype({"count": "int64"})


def wind_down(series: pd.DataFrame) -> float:
    """Return the Unix second in which users began to leave for good; infinity where they did not.

    A user that is being stopped ends at most the operation it is in. So the wind-down is the longest tail of
    seconds that begins with a fall of users, sees no rise, and in which, after its first second, at most as many
    operations end as there were users before it. A shape that steps down and goes on working is none.
    """
    seconds = throughput(series)
    users, ended = seconds["users"].to_numpy(dtype=np.float64), seconds["count"].to_numpy(dtype=np.int64)
    change = np.diff(users)
    falls = np.flatnonzero(change < 0) + 1
    last_rise = int(np.flatnonzero(change > 0).max(initial=-1)) + 1
    for fall in falls[falls > last_rise]:
        if ended[fall + 1 :].sum() <= users[fall - 1]:
            return float(seconds["second"].iloc[fall])
    return float("inf")


def user_bins(users: NDArray[np.int64], max_points: int) -> NDArray[np.int64]:
    """Return the bin of each number of users: the number itself, or one of ``max_points`` equal ranges."""
    distinct = np.unique(users)
    if len(distinct) <= max_points:
        return users
    width = -(-int(distinct[-1] - distinct[0] + 1) // max_points)
    bins: NDArray[np.int64] = (users - distinct[0]) // width
    return bins


def outcomes(series: pd.DataFrame) -> dict[Outcome, int]:
    """Return the number of operations of each outcome."""
    counts = series.groupby("outcome")["count"].sum()
    return {outcome: int(counts.get(outcome.value, 0)) for outcome in Outcome}
