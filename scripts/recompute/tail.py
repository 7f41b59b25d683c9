"""What the slowest 1 % spent their time on, the priorities, and the latencies over time: sentences of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scripts.recompute.raw import Raw


def components(raw: Raw, ids: np.ndarray) -> pd.DataFrame:
    """Return milliseconds by operation and component: lag, queue, each stage, and between stages."""
    rows = raw.operations[raw.operations["id"].isin(ids)].set_index("id")
    spans = raw.table("spans")
    spans = spans[spans["operation"].isin(ids)].join(rows[["start_ns", "end_ns"]].add_suffix("_of"), on="operation")
    spans["begin"] = spans["start_ns"].clip(lower=spans["start_ns_of"])
    spans["end"] = spans["end_ns"].clip(upper=spans["end_ns_of"])
    found: dict[int, dict[str, float]] = {}
    for identifier, part in spans.groupby("operation"):
        of = found.setdefault(identifier, {})
        begun = np.inf
        for span in part.sort_values(["end", "begin"], ascending=[False, True]).itertuples():
            of[span.stage] = of.get(span.stage, 0.0) + max(min(span.end, begun) - span.begin, 0) / 1e6
            begun = min(begun, span.begin)
    frame = pd.DataFrame.from_dict(found, orient="index").reindex(rows.index).fillna(0.0)
    entered = rows["entered_ns"].fillna(rows["end_ns"]).astype("int64")
    stages = frame.sum(axis=1)
    frame["harness lag"] = (rows["start_ns"] - rows["intended_ns"]) / 1e6
    frame["queue in the loop"] = (entered - rows["start_ns"]) / 1e6
    frame["between stages"] = ((rows["end_ns"] - entered) / 1e6 - stages).clip(lower=0)
    return frame


def median_of(rows: pd.DataFrame) -> pd.Series:
    """Return the ids of the operations between p45 and p55."""
    ends = np.percentile(rows["response_ns"], (45, 55), method="inverted_cdf")
    return rows.loc[rows["response_ns"].between(*ends), "id"]


def tail(raw: Raw) -> dict[str, object]:
    """Return the sums and the first component of the slowest 1 %."""
    rows = raw.ok
    slow = rows[rows["response_ns"] > np.percentile(rows["response_ns"], 99, method="inverted_cdf")]
    ways = ["route", "tier"]
    typical = {
        way: median_of(part) for way, part in rows.groupby(ways) if way in set(zip(*slow[ways].T.values, strict=True))
    }
    parts = components(raw, np.concatenate([slow["id"], median_of(rows), *typical.values()]))
    of_slow, median = parts.loc[slow["id"]], parts.loc[median_of(rows)].mean()
    same = sum(len(slow.query("route == @r and tier == @t")) * parts.loc[ids].mean() for (r, t), ids in typical.items())
    same = same / len(slow)
    extra = of_slow.mean() - median
    first = min(extra.index, key=lambda name: (-extra[name], name))
    return {
        "tail": of_slow.mean().sum(),
        "extra": extra.sum(),
        "other": (same - median).sum(),
        "slower": (of_slow.mean() - same).sum(),
        "first": first,
        "pct": 100 * extra[first] / extra.sum(),
        "dominates": 100 * float(((of_slow - median).idxmax(axis=1) == first).mean()),
    }


def inversions(raw: Raw) -> tuple[int, float] | None:
    """Return how many calls waited while a less urgent one was dispatched, and how long (ms); None without calls."""
    calls = raw.table("calls")
    if calls.empty:
        return None
    inverted, waited = 0, 0.0
    for _, part in calls.groupby(["worker", "backend"]):
        started = part["started_ns"].fillna(part["ended_ns"]).astype("int64").to_numpy()
        arrived, priority = part["arrived_ns"].to_numpy(), part["priority"].to_numpy()
        gone = part["started_ns"].notna().to_numpy()
        for at in range(len(part)):
            less = started[
                gone & (priority < priority[at]) & (started >= arrived[at] + 1_000_000) & (started < started[at])
            ]
            if len(less):
                inverted += 1
                waited += (started[at] - less.min()) / 1e6
    return inverted, waited
