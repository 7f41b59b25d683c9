"""What the slowest operations spent their time on, against the median operation.

Every moment of an operation, from its intended start to its outcome, belongs to one component: harness lag before it
was handed over, queueing in the loop, one of its stages, or none of them. Of stages that run side by side the moment
belongs to the one that ends last: the others were not waited for.

The slowest take longer than the median ones for two reasons: they were answered by other routes, which may always take
that long, or they took longer than others that the same route answered. What the median operations of the routes of
the slowest take, each route as often as it is among these, parts the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.words.operation import Outcome

LAG, QUEUE, BETWEEN = "harness lag", "queue in the loop", "between stages"
MEDIAN_BAND = (45.0, 55.0)
"""Percentiles between which an operation counts as a median one: of all, or of those of its route."""
COLUMNS = (
    "component", "kind", "tail_ms", "same_routes_ms", "median_ms", "extra_ms", "other_routes_ms", "slower_ms",
    "extra_pct", "dominates_pct",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TailSplit:
    """Ids of the operations beyond the percentile and of the median ones, and the percentile itself (ms).

    ``typical`` are the ids of the median operations of each route and tier that some of the tail took.
    """

    tail: NDArray[np.int64]
    median: NDArray[np.int64]
    beyond_ms: float
    typical: tuple[NDArray[np.int64], ...] = ()

    def thinned(self, most: int) -> TailSplit:
        """Return a split with about ``most`` of the median operations, and of those of each route, at most."""
        median, *typical = (ids[:: max(len(ids) // most, 1)] for ids in (self.median, *self.typical))
        return replace(self, median=median, typical=tuple(typical))

    def ids(self) -> NDArray[np.int64]:
        """Return all that are looked at, ascending."""
        return np.unique(np.concatenate((self.tail, self.median, *self.typical)))


def split_tail(operations: pd.DataFrame, percent: float = 99.0) -> TailSplit:
    """Return which operations that ended ok lie beyond ``percent`` of their response times, and which about the median.

    ``operations`` need ``id, intended_ns, end_ns, outcome, route, tier``. ``beyond_ms`` is NaN where none ended ok.
    """
    rows = operations[operations["outcome"] == Outcome.OK.value]
    response = (rows["end_ns"] - rows["intended_ns"]).to_numpy(dtype=np.int64)
    ids = rows["id"].to_numpy(dtype=np.int64)
    if not len(ids):
        return TailSplit(ids, ids, float("nan"))
    beyond = float(np.percentile(response, percent, method="inverted_cdf"))
    slow = response > beyond
    way = rows.groupby(["route", "tier"], observed=True, dropna=False).ngroup().to_numpy()
    typical = tuple(ids[way == each][_median(response[way == each])] for each in np.unique(way[slow]))
    return TailSplit(ids[slow], ids[_median(response)], beyond / 1e6, typical)


def _median(response: NDArray[np.int64]) -> NDArray[np.bool_]:
    low, high = np.percentile(response, MEDIAN_BAND, method="inverted_cdf")
    inside: NDArray[np.bool_] = (response >= low) & (response <= high)
    return inside


def tail_attribution(
    operations: pd.DataFrame, spans: pd.DataFrame, percent: float = 99.0, split: TailSplit | None = None
) -> pd.DataFrame:
    """Return one row per component, the one that adds most first: mean time in tail and median operations.

    ``operations`` need ``id, intended_ns, start_ns, entered_ns, end_ns, outcome, route, tier``; ``spans`` at least the
    rows of the operations that ``split_tail`` names. With a ``split`` made before, ``operations`` need have its rows
    alone, and no ``outcome``. Columns: ``component`` (a stage's name or one of the three others), ``kind`` (of the
    stage, else 'harness'), ``tail_ms`` and ``median_ms`` (means per operation), ``same_routes_ms`` (mean of the median
    operations of the routes and tiers of the tail, each as often as it is in the tail); ``extra_ms`` = tail - median =
    ``other_routes_ms`` (same routes - median) + ``slower_ms`` (tail - same routes); ``extra_pct`` (of the difference of
    the response times), ``dominates_pct`` (tail operations in which it adds most). Empty where no operation lies beyond
    the percentile.
    """
    split = split_tail(operations, percent) if split is None else split
    if not len(split.tail) or not len(split.median):
        return pd.DataFrame(columns=list(COLUMNS))
    chosen = operations[operations["id"].isin(split.ids())]
    parts = components(chosen, spans)
    kinds = spans.drop_duplicates("stage").set_index("stage")["kind"].astype("str")
    tail, median = parts.loc[split.tail], parts.loc[split.median]
    extra = tail - median.mean()
    same = _of_same_routes(chosen, parts, split)
    frame = pd.DataFrame({"tail_ms": tail.mean(), "same_routes_ms": same, "median_ms": median.mean()})
    frame["extra_ms"] = frame["tail_ms"] - frame["median_ms"]
    frame["other_routes_ms"] = frame["same_routes_ms"] - frame["median_ms"]
    frame["slower_ms"] = frame["tail_ms"] - frame["same_routes_ms"]
    frame["extra_pct"] = 100 * frame["extra_ms"] / frame["extra_ms"].sum()
    most = pd.Series(extra.columns.to_numpy()[extra.to_numpy().argmax(axis=1)]).value_counts(normalize=True)
    frame["dominates_pct"] = 100 * most.reindex(frame.index, fill_value=0.0)
    frame = frame.rename_axis("component").reset_index()
    frame.insert(1, "kind", frame["component"].map(kinds).fillna("harness").astype("str"))
    return frame.sort_values(["extra_ms", "component"], ascending=[False, True], ignore_index=True)


def _of_same_routes(operations: pd.DataFrame, parts: pd.DataFrame, split: TailSplit) -> pd.Series:
    """Return the mean of the median operations of each route and tier, weighted by their number in the tail."""
    rows = operations.set_index("id")
    ways = rows["route"].astype("str") + "\0" + rows["tier"].astype("str")  # a missing route is one, too
    weights = ways[ways.index.isin(split.tail)].value_counts(normalize=True)
    typical = {str(ways.loc[int(ids[0])]): parts.loc[ids].mean() for ids in split.typical}
    return pd.DataFrame(typical) @ weights.reindex(list(typical))


def components(operations: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Return milliseconds per operation (index: ``id``) and component; each row sums up to the response time."""
    rows = operations.set_index("id")
    entered = rows["entered_ns"].astype("Int64").fillna(rows["end_ns"]).astype("int64")
    stages = _of_stages(rows, spans)
    frame = pd.DataFrame(
        {
            LAG: (rows["start_ns"] - rows["intended_ns"]) / 1e6,
            QUEUE: (entered - rows["start_ns"]) / 1e6,
        }
    )
    between = (rows["end_ns"] - entered) / 1e6 - stages.sum(axis=1).reindex(rows.index, fill_value=0.0)
    frame[BETWEEN] = between.clip(lower=0.0)
    return frame.join(stages).fillna(0.0)


def _of_stages(rows: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """Return milliseconds per operation and stage that no later-ending span of the operation covers.

    What later-ending spans cover below an end is from their earliest begin to that end, since they all reach it.
    """
    inside = spans[spans["operation"].isin(rows.index)]
    owner = rows.loc[inside["operation"].to_numpy()]
    first = owner["start_ns"].to_numpy(dtype=np.int64)
    last = owner["end_ns"].to_numpy(dtype=np.int64)
    frame = pd.DataFrame(
        {
            "operation": inside["operation"].to_numpy(),
            "stage": inside["stage"].astype("str").to_numpy(),
            "start": np.clip(inside["start_ns"].to_numpy(dtype=np.int64), first, last) - first,
            "end": np.clip(inside["end_ns"].to_numpy(dtype=np.int64), first, last) - first,
        }
    ).sort_values(["operation", "end", "start"], ascending=[True, False, True], kind="stable")
    earliest = frame.groupby("operation")["start"].cummin()
    covered_from = earliest.groupby(frame["operation"]).shift().fillna(np.inf)
    frame["ms"] = (np.minimum(frame["end"], covered_from) - frame["start"]).clip(lower=0) / 1e6
    return frame.pivot_table(index="operation", columns="stage", values="ms", aggfunc="sum", fill_value=0.0)
