"""Classes of operations side by side: priorities, inversions in front of backends, fairness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.statistics.latency import ended_ok, percentiles
from harness.words.operation import Outcome

GUARD_MS = 1.0
"""Time by which a call must have waited before another counts as preferred to it: clocks and wake-ups need some."""

if TYPE_CHECKING:
    from pandas.api.typing import DataFrameGroupBy

Integers = NDArray[np.int64]


def priority_classes(series: pd.DataFrame, inversions: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per priority, 9 (most urgent) first.

    Columns: ``priority, operations, share_pct, ok_pct``, ``mean_ms, p50_ms, p95_ms, p99_ms`` of those that ended ok
    (NaN without any), ``fallback_pct`` (tier above 0); with ``inversions`` (as from ``priority_inversions``)
    ``inverted`` and ``inverted_ms``: its calls that waited while a less urgent one was dispatched, and for how long.
    """
    grouped = series.groupby("priority", sort=True)
    count = grouped["count"].sum()
    rows = ended_ok(series)
    ok = rows.groupby("priority")["count"].sum().reindex(count.index, fill_value=0)
    fell = series[series["tier"] > 0].groupby("priority")["count"].sum().reindex(count.index, fill_value=0)
    frame = pd.DataFrame({"operations": count, "share_pct": 100 * count / count.sum(), "ok_pct": 100 * ok / count})
    frame["mean_ms"] = rows.groupby("priority")["sum_ms"].sum() / ok.where(ok > 0)
    latency = percentiles(rows, ["priority"], (50, 95, 99)).set_index("priority")
    frame = frame.join(latency[["p50_ms", "p95_ms", "p99_ms"]])
    frame["fallback_pct"] = 100 * fell / count
    if inversions is not None:
        of_class = inversions.groupby("priority")[["inverted", "inverted_ms"]].sum()
        frame = frame.join(of_class).fillna({"inverted": 0, "inverted_ms": 0.0}).astype({"inverted": "int64"})
    return frame.sort_index(ascending=False).reset_index()


def priority_inversions(calls: pd.DataFrame, guard_ms: float = GUARD_MS) -> pd.DataFrame:
    """Return what waited in front of each backend while something less urgent was dispatched; one row per class.

    A call h is inverted when a call l of the same backend in the same process has a lower priority and
    arrived(h) + guard <= started(l) < started(h). A call that never started waited until it ended. One already running
    when h arrived is blocking, not inversion. ``calls`` need ``worker, backend, priority, arrived_ns, started_ns,
    ended_ns``. Columns: ``backend, priority, calls, inverted, inverted_pct``, ``inverted_ms`` (sum, over inverted
    calls, of the time from the first such dispatch to their own start). Source: Lampson & Redell, CACM 23 (1980).
    """
    parts = []
    for (_, backend), part in calls.groupby(["worker", "backend"], observed=True, sort=True):
        waited_ns = _waited_after_dispatch(part, round(guard_ms * 1e6))
        found = pd.DataFrame(
            {"backend": str(backend), "priority": part["priority"].astype("int64"), "waited_ns": waited_ns}
        )
        parts.append(found)
    if not parts:
        return pd.DataFrame(columns=["backend", "priority", "calls", "inverted", "inverted_pct", "inverted_ms"])
    grouped = pd.concat(parts).groupby(["backend", "priority"], sort=True)["waited_ns"]
    frame = pd.DataFrame(
        {
            "calls": grouped.size(),
            "inverted": grouped.apply(lambda waited: int((waited > 0).sum())),
            "inverted_ms": grouped.sum() / 1e6,
        }
    )
    frame.insert(2, "inverted_pct", 100 * frame["inverted"] / frame["calls"])
    return frame.reset_index()


def _waited_after_dispatch(calls: pd.DataFrame, guard_ns: int) -> Integers:
    """Return for each call how long (ns) it went on waiting after the first less urgent dispatch; 0 if there was
    none.
    """
    arrived = calls["arrived_ns"].to_numpy(dtype=np.int64)
    started = calls["started_ns"].fillna(calls["ended_ns"]).to_numpy(dtype=np.int64)
    dispatched = calls["started_ns"].notna().to_numpy()
    priority = calls["priority"].to_numpy(dtype=np.int64)
    waited = np.zeros(len(calls), dtype=np.int64)
    for level in np.unique(priority)[1:]:
        starts = np.sort(started[dispatched & (priority < level)])
        mine = np.flatnonzero(priority == level)
        place = np.searchsorted(starts, arrived[mine] + guard_ns)
        there = place < len(starts)
        first = starts[place[there]]
        waited[mine[there]] = np.maximum(started[mine[there]] - first, 0)
    return waited


def jain_index(values: Sequence[float] | NDArray[np.float64]) -> float:
    """Return Jain's fairness index (Σx)² / (n Σx²): 1 when all are equal, 1/n when one has everything.

    NaN for no values, or where all are 0. Source: Jain, Chiu & Hawe, DEC-TR-301 (1984).
    """
    x = np.asarray(values, dtype=np.float64)
    x = x[np.isfinite(x)]
    squares = float((x**2).sum())
    return float(x.sum()) ** 2 / (len(x) * squares) if squares > 0 else float("nan")


def fairness(operations: pd.DataFrame) -> pd.DataFrame:
    """Return Jain's index over users and over priorities: one row per what is shared and among whom.

    ``operations`` need ``worker, user, user_class, priority, intended_ns, end_ns, outcome``. Columns: ``among``
    ('users' of a class, 'priorities'), ``user_class`` ('' for priorities), ``of`` ('operations ended ok', 'share ended
    ok', 'mean response time'), ``n``, ``index``, ``lowest``, ``highest`` (counts, shares or ms). A user counts from
    its first to its last operation, however long it was there: while users are rising their numbers of operations
    differ.
    """
    good = operations["outcome"] == Outcome.OK.value
    response_ms = (operations["end_ns"] - operations["intended_ns"]) / 1e6
    rows = operations.assign(ok=good.astype("int64"), ok_ms=response_ms.where(good))
    found: list[tuple[object, ...]] = []
    for name, part in rows.groupby("user_class", observed=True, sort=True):
        found += _shared(part.groupby(["worker", "user"]), "users", str(name))
    found += _shared(rows.groupby("priority"), "priorities", "")
    return pd.DataFrame(found, columns=["among", "user_class", "of", "n", "index", "lowest", "highest"])


def _shared(grouped: DataFrameGroupBy[Any, Any], among: str, name: str) -> list[tuple[object, ...]]:
    values = {
        "operations ended ok": grouped["ok"].sum(),
        "share ended ok": grouped["ok"].mean(),
        "mean response time": grouped["ok_ms"].mean(),
    }
    if among == "priorities":  # how many there are of each is the load's choice
        del values["operations ended ok"]
    return [
        (among, name, of, len(x), jain_index(x.to_numpy(dtype=np.float64)), float(x.min()), float(x.max()))
        for of, x in values.items()
        if len(x)
    ]
