"""Where operations went: shares of routes and tiers, over the run and per second, and expected against decided
route.
"""

from __future__ import annotations

import pandas as pd

from analysis.statistics.latency import ended_ok, every_second

NO_ROUTE = "(no route)"
"""Stands for the empty route of operations that took none."""


def route_shares(series: pd.DataFrame) -> pd.DataFrame:
    """Return one row per route and tier, the most used first: ``route, tier, count, share_pct``.

    Over operations of all outcomes.
    """
    rows = series.assign(route=series["route"].where(series["route"] != "", NO_ROUTE))
    frame = rows.groupby(["route", "tier"])["count"].sum().reset_index()
    frame = frame.sort_values(["count", "route", "tier"], ascending=[False, True, True], ignore_index=True)
    total = frame["count"].sum()
    return frame.assign(share_pct=100 * frame["count"] / total if total else float("nan"))


def shares_over_time(series: pd.DataFrame, by: str = "tier") -> pd.DataFrame:
    """Return one row per second and value of ``by`` (``tier``, ``route`` or ``outcome``), seconds without gaps.

    Columns: ``second`` (Unix), ``elapsed_s``, ``by``, ``count``, ``share_pct`` of the operations of that second (NaN
    where there was none). All outcomes count.
    """
    rows = series if by != "route" else series.assign(route=series["route"].where(series["route"] != "", NO_ROUTE))
    seconds = every_second(rows)
    counts = rows.pivot_table(index="second", columns=by, values="count", aggfunc="sum", fill_value=0)
    counts = counts.reindex(seconds.index, fill_value=0).astype("int64")
    shares = 100 * counts.div(counts.sum(axis=1).where(lambda total: total > 0), axis=0)
    long: pd.Series[int] = counts.stack(future_stack=True)  # type: ignore[assignment]
    frame = long.rename("count").reset_index()
    frame["share_pct"] = shares.stack(future_stack=True).to_numpy()
    frame.insert(1, "elapsed_s", frame["second"] - (int(seconds.index[0]) if len(seconds) else 0))
    return frame.astype({by: series[by].dtype})


def confusion_matrix(series: pd.DataFrame) -> pd.DataFrame:
    """Return counts of operations that ended ok: one row per expected route, one column per route decided.

    Both sorted; operations whose scenario expects no route are left out.
    """
    rows = ended_ok(series)
    rows = rows[rows["expected_route"] != ""]
    rows = rows.assign(route=rows["route"].where(rows["route"] != "", NO_ROUTE))
    if rows.empty:
        return pd.DataFrame(index=pd.Index([], name="expected_route"), columns=pd.Index([], name="route"))
    frame = rows.pivot_table(index="expected_route", columns="route", values="count", aggfunc="sum", fill_value=0)
    return frame.astype("int64")
