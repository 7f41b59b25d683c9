"""When a fault window led to its first fallback: as ``faults.csv`` has it (``checkers.disturbances.fault_windows``).

A fallback after a fault is the first executed attempt of a higher tier after an attempt that the fault had a hand in,
in the same walk down a chain: an attempt in which it struck and, of a fault put on a route, any of that route that gave
way while the window was open (an open breaker rejects without being struck). Where it struck outside of all attempts,
or hits no operation in particular, that may be any attempt that gave way.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.statistics.faults.windows import places_of
from harness.judge.case import NOT_RUN
from harness.judge.checkers.fallbacks.fallbacks import CLOSED, FAILED
from harness.words.operation import AttemptOutcome
from harness.words.place import Place, PlaceKind

_LAST_NS = np.iinfo(np.int64).max


def first_fallbacks(
    windows: pd.DataFrame, operations: pd.DataFrame, attempts: pd.DataFrame, injections: pd.DataFrame
) -> list[int | None]:
    """Return for each of ``windows`` (``fault, start_ns, end_ns``) when its first fallback began (ns), None for none.

    ``operations`` need ``id, start_ns, end_ns``. All tables may be of the operations that went on to a further attempt
    alone.
    """
    known = injections[injections["operation"].isin(attempts["operation"])]
    window_of = places_of(windows, known)
    rows = _walked(attempts)
    found: list[int | None] = []
    for place, (start, end) in enumerate(zip(windows["start_ns"], windows["end_ns"], strict=True)):
        hits = known[window_of == place]
        until = _LAST_NS if pd.isna(end) else int(end)
        inside = operations.loc[(operations["end_ns"] >= start) & (operations["start_ns"] <= until), "id"]
        whole = not (injections["fault"] == windows["fault"].iloc[place]).any()
        chosen = _handed(rows, hits, rows["operation"].isin(inside), whole=whole)
        found.append(_first_after(rows, rows[chosen], int(start)))
    return found


def _walked(attempts: pd.DataFrame) -> pd.DataFrame:
    """Return attempts by operation and ordinal with ``walk``, ``ran`` and ``gave_way``, as the judge has them."""
    rows = attempts.sort_values(["operation", "ordinal"], kind="stable", ignore_index=True)
    outcome = rows["outcome"].astype("str")
    answered = (outcome == AttemptOutcome.OK.value) & (rows["operation"] == rows["operation"].shift(-1))
    again = answered.shift(1, fill_value=False) & (rows["tier"] == 0)
    begins = again | (rows["operation"] != rows["operation"].shift(1))
    stopped = (outcome == AttemptOutcome.REJECTED.value) & (rows["breaker"].astype("str") != CLOSED)
    gave_way = outcome.isin([*FAILED, AttemptOutcome.SKIPPED.value]) | stopped
    return rows.assign(walk=begins.cumsum(), ran=~outcome.isin(list(NOT_RUN)), gave_way=gave_way)


def _handed(rows: pd.DataFrame, hits: pd.DataFrame, inside: pd.Series, *, whole: bool) -> pd.Series:
    """Return which attempts a fault had a hand in, from its hits in a window and the operations inside of it."""
    if whole:
        return rows["gave_way"] & inside
    struck = pd.Series(data=False, index=rows.index)
    of_hits = rows[rows["operation"].isin(hits["operation"])]
    outside = set(hits["operation"])
    routes = set()
    for text, part in hits.groupby("place", observed=True):
        place = Place.parse(str(text))
        joined = part[["operation", "start_ns"]].merge(of_hits.reset_index(), on="operation", suffixes=("_hit", ""))
        held = joined[joined["ran"] & joined["start_ns_hit"].between(joined["start_ns"], joined["end_ns"])]
        if place.kind is PlaceKind.ROUTE:
            routes.add((place.name, place.tier))
            named = (held["route"].astype("str") == place.name) & (held["tier"] == place.tier)
            keys = ["operation", "start_ns_hit"]
            held = held[named | ~named.groupby([held[key] for key in keys]).transform("any")]
        last = held.drop_duplicates(["operation", "start_ns_hit"], keep="last")
        struck.loc[last["index"]] = True
        outside -= set(last["operation"])
    for name, tier in routes:
        of_route = (rows["route"].astype("str") == name) & (rows["tier"] == tier)
        struck |= of_route & rows["gave_way"] & (inside | rows["operation"].isin(hits["operation"]))
    return struck | (rows["operation"].isin(outside) & rows["gave_way"] if not routes else False)


def _first_after(rows: pd.DataFrame, struck: pd.DataFrame, start_ns: int) -> int | None:
    """Return when the first of the executed attempts of higher tiers next to those struck began, not before a time."""
    later = rows.loc[rows["ran"], ["walk", "ordinal", "tier", "start_ns"]]
    pairs = struck[["walk", "ordinal", "tier"]].merge(later, on="walk", suffixes=("_struck", ""))
    pairs = pairs[(pairs["ordinal"] > pairs["ordinal_struck"]) & (pairs["tier"] > pairs["tier_struck"])]
    nearest = pairs.sort_values("ordinal").drop_duplicates(["walk", "ordinal_struck"])
    begun = nearest.loc[nearest["start_ns"] >= start_ns, "start_ns"]
    return int(begun.min()) if len(begun) else None
