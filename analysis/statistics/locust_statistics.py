"""Statistics of plain Locust files, in the columns of ``analysis.statistics``.

Locust rounds response times to two digits and gives percentiles, not distributions: percentiles of two rows cannot be
merged into one, so nothing here does. Failed requests are in all of them, which the column ``latency_of`` says. What a
percentile of the history covers depends on Locust's version and options (``locust/stats.py``): the last ten seconds in
1.0 and 1.1, everything so far from 1.2 to 2.2.1, and from 2.2.2 on the last ten seconds with ``--csv-full-history`` and
everything so far without. The files do not name the version, so it is read off the numbers, see ``covers``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from analysis.files import columns
from analysis.files.locust_files import AGGREGATED, PERCENTILES
from analysis.statistics.curves import BEYOND
from analysis.statistics.latency import MIN_COUNT
from analysis.statistics.levels import with_flow
from analysis.wording import WITH_FAILED

WINDOW_S = 10
"""Seconds that a percentile covers at most: ``CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW``."""
ROUNDED = 0.06
"""Share by which a value rounded to two digits may differ from what it was, of 10 ms on: 104 is 100, 9.5 is 10."""
FEWEST_ROWS = 3
SHARE_OF_ROWS = 0.05
"""How many rows have to differ for a window: rounding may put the middle of an even split elsewhere in one."""

Covers = Literal["window", "so far", "not told"]


def covers(history: pd.DataFrame) -> Covers:
    """Return what percentiles of a history cover: ``window``, the last seconds, or ``so far``, all since the begin.

    Of everything so far the 100th is the longest that there was, and the median is Locust's total one. Where rows
    differ from that they are of a window. Where none does, nothing but the default form, which has no rows but those
    named Aggregated, tells that they are not: then ``so far``, else ``not told``.
    """
    rows = history[(history["name"] == AGGREGATED) & (history["count"] > 0)]
    longest = rows["p100_ms"] < rows["max_ms"] * (1 - ROUNDED) - 0.5
    middle = (rows["p50_ms"] - rows["median_ms"]).abs() > rows["median_ms"] * 2 * ROUNDED + 1
    if longest.sum() >= FEWEST_ROWS or middle.sum() >= max(FEWEST_ROWS, SHARE_OF_ROWS * len(rows)):
        return "window"
    return "not told" if (history["name"] != AGGREGATED).any() else "so far"


def latency_over_time(history: pd.DataFrame) -> pd.DataFrame:
    """Return Locust's percentiles per second, in the columns of ``statistics.latency_over_time``.

    ``count`` are the requests since the row before, failed ones included. ``min_ms`` and ``max_ms`` are NaN: Locust
    has those since the begin only. A percentile covers what ``latency_of`` says, see ``covers``.
    """
    rows = _sums(history)
    first = int(rows.index.min()) if len(rows) else 0
    seconds = pd.RangeIndex(first, int(rows.index.max()) + 1 if len(rows) else 0, name="second")
    found = rows.reindex(seconds)
    frame = pd.DataFrame({"elapsed_s": seconds.to_numpy() - first, "users": found["users"].ffill()}, index=seconds)
    frame["count"] = found["count"].ffill().fillna(0).diff().fillna(0).astype("int64")
    frame["min_ms"] = np.nan
    for name in ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms"):
        frame[name] = found[name]
    frame["max_ms"] = np.nan
    frame["winding_down"] = _falling(frame["users"].to_numpy(dtype=np.float64))
    frame["cut_off"] = False  # a row is of more than its second
    frame["latency_of"] = _OF[covers(history)]
    return frame.reset_index()


def latency_by_users(history: pd.DataFrame) -> pd.DataFrame:
    """Return one row per number of users, in the columns of ``statistics.latency_by_users``.

    A row is the last one that Locust wrote at that number, where it had been held for as long as a percentile covers:
    picked, since percentiles cannot be merged. Empty where percentiles are not of the last seconds, see ``covers``.
    """
    rows = _sums(history).reset_index()
    rows = rows[(rows["users"] > 0) & (covers(history) == "window")]
    level = (rows["users"] != rows["users"].shift()).cumsum()
    held = rows["second"] - rows.groupby(level)["second"].transform("min") >= WINDOW_S
    rows = rows[held & rows["p50_ms"].notna()].drop_duplicates("users", keep="last").sort_values("users")
    frame = pd.DataFrame({"users": rows["users"].astype("float64")})
    frame["users_min"] = frame["users_max"] = frame["users"]
    frame["seconds"] = WINDOW_S
    frame["count"] = (rows["throughput_rps"] * WINDOW_S).round().astype("int64")
    frame["min_ms"] = np.nan
    for name in ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms"):
        frame[name] = rows[name]
    frame["max_ms"] = np.nan
    frame["latency_of"] = _OF["window"]
    return frame.reset_index(drop=True)


def load_levels(history: pd.DataFrame) -> pd.DataFrame:
    """Return throughput and mean response time at each number of users, in the columns of ``statistics.load_levels``.

    From the sums that Locust keeps since the begin: requests and response times of the seconds in which a number of
    users ran, failed requests included. Percentiles are NaN: of several stretches they cannot be merged.
    """
    rows = _sums(history)[["users", "count", "mean_ms"]].reset_index()
    rows["sum_ms"] = rows["count"] * rows["mean_ms"].fillna(0.0)
    steps = rows[["second", "count", "sum_ms"]].diff().assign(users=rows["users"])
    steps = steps[(rows["users"] == rows["users"].shift()) & (steps["users"] > 0) & (steps["count"] >= 0)]
    grouped = steps.groupby("users", sort=True)[["second", "count", "sum_ms"]].sum()
    grouped = grouped[grouped["count"] >= MIN_COUNT].reset_index()
    users = grouped["users"].astype("float64")
    frame = pd.DataFrame({"users": users, "users_min": users, "users_max": users, "seconds": grouped["second"]})
    frame["count"] = grouped["count"].astype("int64")
    frame["throughput_rps"] = grouped["count"] / grouped["second"]
    frame["mean_ms"] = grouped["sum_ms"] / grouped["count"]
    return with_flow(frame).assign(latency_of=WITH_FAILED)


def percentile_curve(stats: pd.DataFrame) -> pd.DataFrame:
    """Return Locust's percentiles of all requests, in the columns of ``statistics.percentile_curve``.

    Failed requests are included; there is no interval, and the 100th percentile is left out.
    """
    names = ["percent", "value_ms", "low_ms", "high_ms", "count", "effective_count", "blocks", "block_s"]
    rows = stats[stats["name"] == AGGREGATED].iloc[-1:]
    count = int(rows["count"].iloc[0]) if len(rows) else 0
    found = [
        (float(percent.removesuffix("%")), float(rows[column].iloc[0]), *[np.nan] * 2, count, np.nan, 0, 0)
        for percent, column in PERCENTILES.items()
        if count and percent != "100%" and (1 - float(percent.removesuffix("%")) / 100) * count >= BEYOND
    ]
    return pd.DataFrame(found, columns=names).dropna(subset="value_ms").assign(latency_of=WITH_FAILED)


_OF: dict[Covers, str] = {
    "window": f"requests of the last {WINDOW_S} s, failed ones too",
    "so far": "all requests so far, failed ones too",
    "not told": WITH_FAILED,
}
_COVERED: dict[Covers, str] = {
    "window": f"of the last {WINDOW_S} seconds",
    "so far": "of everything since the begin of the run",
    "not told": f"of everything since the begin of the run or of the last {WINDOW_S} seconds: the numbers do not tell",
}


def caution(history: pd.DataFrame) -> str:
    """Say in one sentence what the percentiles of plain Locust files are, and are not."""
    last = _sums(history).iloc[-1:]
    failed = f" Of {int(last['count'].iloc[0]):,} requests {int(last['failed'].iloc[0]):,} failed." if len(last) else ""
    return (
        "Plain Locust files: percentiles are Locust's own, rounded to two digits, failed requests included; they "
        f"cannot be merged over routes or time. Those of a second are {_COVERED[covers(history)]}.{failed}"
    )


def _sums(history: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all requests by second, the last one of each; NaN where a percentile is of nothing."""
    rows = history[history["name"] == AGGREGATED]
    rows = rows.drop_duplicates("second", keep="last").set_index("second").sort_index()
    # Locust writes 0 where nothing was in its window; what took less than half a millisecond is a 0, too.
    unknown = rows["p100_ms"] == 0 if rows["p100_ms"].notna().any() else rows["p50_ms"] == 0
    names = [column.name for column in columns.STATS_HISTORY if column.name in PERCENTILES.values()]
    rows.loc[unknown, names] = np.nan
    return rows


def _falling(users: np.ndarray) -> np.ndarray:
    """Return from where on users only left."""
    if not len(users) or not np.isfinite(users).any():
        return np.zeros(len(users), dtype=np.bool_)
    last_top = int(np.flatnonzero(users == np.nanmax(users))[-1])
    falling = np.zeros(len(users), dtype=np.bool_)
    rises = np.flatnonzero(np.diff(users[last_top:]) > 0)
    falling[last_top + 1 :] = not len(rises)
    return falling
