"""Where operations went: shares of routes and tiers, over the run and per second; expected against decided route."""

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
    """Return one row per second and value of ``by`` (a column of labels), seconds without gaps.

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


def decided_routes(operations: pd.DataFrame) -> pd.Series:
    """Return the route decided for by each of ``operations`` (``route, asked_route, tier``), missing where unknown.

    Who answered at tier 0, and at a tier above it the route that was asked first, where the target tells it:
    ``Operation.decided_route``, by which accuracy is judged. Without a column ``asked_route``, as in a series, it is
    unknown at all tiers above 0.
    """
    route = operations["route"].astype("object")
    served = route.where(route.notna() & (route != ""), NO_ROUTE)
    asked = operations.get("asked_route", pd.Series(None, index=operations.index, dtype="object")).astype("object")
    told = asked.where(asked != route)
    return served.where(operations["tier"] == 0, told)


def confusion_matrix(operations: pd.DataFrame) -> pd.DataFrame:
    """Return counts of operations that ended ok: one row per expected route, one column per route decided for.

    ``operations`` need ``expected_route, route, asked_route, tier, outcome``; a series will do, see ``decided_routes``.
    Both sorted; left out are operations whose scenario expects no route, and those whose decision is unknown.
    """
    rows = _with_expected(operations).assign(decided=decided_routes)
    rows = rows[rows["decided"].notna()]
    if rows.empty:
        return pd.DataFrame(index=pd.Index([], name="expected_route"), columns=pd.Index([], name="route"))
    counts = rows["count"] if "count" in rows else pd.Series(1, index=rows.index)
    keys = [rows["expected_route"].astype("str"), rows["decided"].astype("str").rename("route")]
    return counts.groupby(keys, sort=True).sum().unstack("route", fill_value=0).sort_index(axis=1).astype("int64")


def undecided(operations: pd.DataFrame) -> int:
    """Return how many operations ``confusion_matrix`` leaves out since nobody told which route was asked first."""
    rows = _with_expected(operations)
    rows = rows[decided_routes(rows).isna()]
    return int(rows["count"].sum()) if "count" in rows else len(rows)


def _with_expected(operations: pd.DataFrame) -> pd.DataFrame:
    rows = ended_ok(operations)
    return rows[rows["expected_route"].notna() & (rows["expected_route"] != "")]
