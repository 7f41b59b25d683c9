"""Locust's own CSV files: those in a run directory, and those of ``locust --csv PREFIX`` from anywhere.

Locust rounds response times to two digits and gives percentiles, not distributions: percentiles of two rows cannot be
merged into one, so nothing here does. What a percentile of the history covers depends on how Locust was started
(``locust/stats.py``, ``StatsCSV._percentile_fields``): with ``--csv-full-history`` the last ten seconds, in the rows
named Aggregated; else everything since the begin.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from analysis import columns
from analysis.csv_rows import read_rows
from analysis.statistics.curves import BEYOND
from analysis.statistics.latency import MIN_COUNT
from analysis.statistics.levels import with_flow

Table = Literal["stats", "stats_history", "failures", "exceptions"]
TABLES: tuple[Table, ...] = ("stats", "stats_history", "failures", "exceptions")
AGGREGATED = "Aggregated"
WINDOW_S = 10
"""Seconds that a percentile of the full history covers: ``CURRENT_RESPONSE_TIME_PERCENTILE_WINDOW``."""

_STATS = {
    "Type": "method",
    "Name": "name",
    "Request Count": "count",
    "Failure Count": "failed",
    "Median Response Time": "median_ms",
    "Average Response Time": "mean_ms",
    "Min Response Time": "min_ms",
    "Max Response Time": "max_ms",
    "Average Content Size": "content_bytes",
    "Requests/s": "throughput_rps",
    "Failures/s": "failed_rps",
}
_HISTORY = {
    "Timestamp": "second",
    "User Count": "users",
    **{f"Total {theirs}": ours for theirs, ours in _STATS.items() if ours not in ("method", "name")},
    **{theirs: ours for theirs, ours in _STATS.items() if ours in ("method", "name", "throughput_rps", "failed_rps")},
}
_FAILURES = {
    "Method": "method",
    "Name": "name",
    "Error": "error",
    "Occurrences": "count",
    "First Seen": "first_seen",
    "Last Seen": "last_seen",
}
_EXCEPTIONS = {"Count": "count", "Message": "message", "Traceback": "traceback", "Nodes": "nodes"}
_PERCENTILES = {
    f"{percent}%": f"p{percent.replace('.', '')}_ms"
    for percent in ("50", "66", "75", "80", "90", "95", "98", "99", "99.9", "99.99", "100")
}
_FORMS = {
    "stats": (columns.STATS, _STATS | _PERCENTILES, tuple(_PERCENTILES.values())),
    "stats_history": (columns.STATS_HISTORY, _HISTORY | _PERCENTILES, tuple(_PERCENTILES.values())),
    "failures": (columns.FAILURES, _FAILURES, ("first_seen", "last_seen")),
    "exceptions": (columns.EXCEPTIONS, _EXCEPTIONS, ()),
}


def file_of(prefix: Path, table: Table) -> Path:
    """Return where ``locust --csv PREFIX`` puts a table."""
    return prefix.with_name(f"{prefix.name}_{table}.csv")


def prefix_of(path: Path) -> Path | None:
    """Return the prefix that ``path`` stands for: itself, one of its files, or a folder with the files of one."""
    if path.is_dir():
        found = {match[1] for each in path.iterdir() if (match := re.fullmatch(r"(.+)_stats\.csv", each.name))}
        return path / found.pop() if len(found) == 1 else None
    if match := re.fullmatch(rf"(.+)_(?:{'|'.join(TABLES)})\.csv", path.name):
        return path.with_name(match[1]) if path.is_file() else None
    return path if any(file_of(path, table).is_file() for table in TABLES) else None


def read(prefix: Path, table: Table) -> tuple[pd.DataFrame, str | None]:
    """Return one of Locust's tables, columns as in ``analysis.columns``, and what is missing of it.

    Raises ``RunError`` where the file is none of Locust's.
    """
    wanted, names, optional = _FORMS[table]
    return read_rows(file_of(prefix, table), wanted, names, optional)


def is_full(history: pd.DataFrame) -> bool:
    """Return whether percentiles of a history are of the last seconds (``--csv-full-history``), not of all so far."""
    return bool((history["name"] != AGGREGATED).any())


def latency_over_time(history: pd.DataFrame) -> pd.DataFrame:
    """Return Locust's percentiles per second, in the columns of ``statistics.latency_over_time``.

    ``count`` are the requests since the row before, failed ones included. ``min_ms`` and ``max_ms`` are NaN: Locust
    has those since the begin only. A percentile covers the seconds before, see ``is_full``.
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
    return frame.reset_index()


def latency_by_users(history: pd.DataFrame) -> pd.DataFrame:
    """Return one row per number of users, in the columns of ``statistics.latency_by_users``.

    A row is the last one that Locust wrote at that number, where it had been held for as long as a percentile covers:
    picked, since percentiles cannot be merged. Empty without ``--csv-full-history``.
    """
    rows = _sums(history).reset_index()
    rows = rows[(rows["users"] > 0) & is_full(history)]
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
    return with_flow(frame)


def percentile_curve(stats: pd.DataFrame) -> pd.DataFrame:
    """Return Locust's percentiles of all requests, in the columns of ``statistics.percentile_curve``.

    Failed requests are included; there is no interval, and the 100th percentile is left out.
    """
    names = ["percent", "value_ms", "low_ms", "high_ms", "count", "effective_count", "blocks", "block_s"]
    rows = stats[stats["name"] == AGGREGATED].iloc[-1:]
    count = int(rows["count"].iloc[0]) if len(rows) else 0
    found = [
        (float(percent.removesuffix("%")), float(rows[column].iloc[0]), *[np.nan] * 2, count, np.nan, 0, 0)
        for percent, column in _PERCENTILES.items()
        if count and percent != "100%" and (1 - float(percent.removesuffix("%")) / 100) * count >= BEYOND
    ]
    return pd.DataFrame(found, columns=names).dropna(subset="value_ms")


def caution(history: pd.DataFrame) -> str:
    """Say in one sentence what the percentiles of plain Locust files are, and are not."""
    covers = f"of the last {WINDOW_S} seconds" if is_full(history) else "of everything since the begin of the run"
    return (
        f"Plain Locust files: percentiles are Locust's own, rounded to two digits, failed requests included, in each "
        f"second those {covers}; they cannot be merged over routes or time."
    )


def _sums(history: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all requests by second, the last one of each; NaN where a percentile is of nothing."""
    rows = history[history["name"] == AGGREGATED]
    rows = rows.drop_duplicates("second", keep="last").set_index("second").sort_index()
    # Locust writes 0 where nothing was in its window; what took less than half a millisecond is a 0, too.
    unknown = rows["p100_ms"] == 0 if rows["p100_ms"].notna().any() else rows["p50_ms"] == 0
    names = [column.name for column in columns.STATS_HISTORY if column.name in _PERCENTILES.values()]
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
