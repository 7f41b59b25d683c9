"""Who served: the primary route or a fallback, over time and in windows of faults."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.files.histograms import Integers
from analysis.statistics.routing import NO_ROUTE, route_shares, shares_over_time
from harness.words.operation import Outcome

PRIMARY, NOT_OK = "primary", "not ok"
_SECOND_NS = 1_000_000_000


def tier_name(tier: int) -> str:
    """Return what a tier is called: 'primary', 'tier 1', ..."""
    return f"tier {tier}" if tier else PRIMARY


def served_over_time(series: pd.DataFrame, by: str = "tier") -> pd.DataFrame:
    """Return who served, one row per second and value, seconds without gaps.

    Columns: ``second, elapsed_s``, ``served`` (ordered categorical: 'primary', 'tier 1', ..., or routes from the most
    used; last, what was not served: 'not ok'), ``count``, ``share_pct`` as in ``shares_over_time``.
    """
    good = series["outcome"] == Outcome.OK.value
    if by == "tier":
        names = series["tier"].map(tier_name)
        order = [tier_name(tier) for tier in sorted(series.loc[good, "tier"].unique())]
    else:
        names = series["route"].where(series["route"] != "", NO_ROUTE)
        order = list(dict.fromkeys(route_shares(series[good])["route"]))
    rows = series.assign(served=names.where(good, NOT_OK).astype("str"))
    frame = shares_over_time(rows, "served")
    order += [NOT_OK] if not good.all() else []
    return frame.astype({"served": pd.CategoricalDtype(order, ordered=True)})


def served_in_windows(
    series: pd.DataFrame, windows: pd.DataFrame, operations: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return who served the operations whose outcome was known in each window: one row per window and who.

    ``windows`` as from ``windows.fault_windows``; ``operations`` need ``end_ns, tier, outcome``. Columns: ``window``
    (its place), ``fault``, ``served`` ('primary', 'tier 1', ...; 'not ok'), ``count``, ``share_pct`` of the window.
    Without ``operations`` a window has all of each second that it touches.
    """
    rows = [
        (place, fault, str(name), int(count), 100 * count / max(counts.sum(), 1))
        for place, (fault, counts) in enumerate(
            zip(windows["fault"], windows_served(series, windows, operations), strict=True)
        )
        for name, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=["window", "fault", "served", "count", "share_pct"])


def windows_served(
    series: pd.DataFrame, windows: pd.DataFrame, operations: pd.DataFrame | None = None
) -> Iterator[pd.Series]:
    """Yield the operations of each window by who served them, as ``served_in_windows`` has them."""
    if operations is None or operations.empty:
        at, tiers, outcomes, weights = series["second"], series["tier"], series["outcome"], series["count"]
        begins, ends = _whole_seconds(windows)
    else:
        at, tiers, outcomes, weights = operations["end_ns"], operations["tier"], operations["outcome"], None
        begins, ends = _edges(windows)
    known = at.to_numpy(dtype=np.int64)
    order = np.argsort(known, kind="stable")
    known = known[order]
    good = (outcomes == Outcome.OK.value).to_numpy(dtype=bool)[order]
    level = np.where(good, tiers.to_numpy(dtype=np.int64)[order] + 1, 0)  # 0: not ok
    counts = None if weights is None else weights.to_numpy(dtype=np.int64)[order]
    for begin, end in zip(begins, ends, strict=True):
        inside = slice(int(np.searchsorted(known, begin)), int(np.searchsorted(known, end, side="right")))
        found = np.bincount(level[inside], None if counts is None else counts[inside]).astype(np.int64)
        names = [NOT_OK, *(tier_name(tier) for tier in range(max(len(found) - 1, 0)))][: len(found)]
        of_window = pd.Series(found, index=pd.Index(names, dtype="str"), dtype="int64")
        yield pd.concat([of_window[1:], of_window[:1]])[lambda row: row > 0]


_LAST_NS = np.iinfo(np.int64).max


def _edges(windows: pd.DataFrame) -> tuple[Integers, Integers]:
    """Return begin and end (ns) of each window."""
    ends = windows["end_ns"].astype("Int64").fillna(_LAST_NS)
    found: tuple[Integers, Integers] = (np.array(windows["start_ns"], np.int64), np.array(ends, np.int64))
    return found


def _whole_seconds(windows: pd.DataFrame) -> tuple[Integers, Integers]:
    """Return first and last second that each window touches."""
    begins, ends = _edges(windows)
    return (begins // _SECOND_NS).astype(np.int64), ((ends - 1) // _SECOND_NS).astype(np.int64)
