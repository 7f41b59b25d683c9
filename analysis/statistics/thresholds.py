"""At how many users a measured number crosses a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.statistics.levels import interval_column
from analysis.statistics.models import Floats


@dataclass(frozen=True, slots=True)
class Crossing:
    """The number of users at which a column of levels first rises above a threshold.

    ``users`` is NaN where it does not within ``users_min`` to ``users_max``, those measured. ``low`` to ``high`` is the
    95 % interval: ``low`` is 0 where it begins below the fewest users measured, ``high`` infinity where it ends beyond
    the most, both are NaN where there is none. ``missing`` says why something is not known; empty where all is.
    """

    users: float
    low: float
    high: float
    users_min: float
    users_max: float
    missing: str = ""


def crossing(levels: pd.DataFrame, column: str, threshold: float) -> Crossing:
    """Return where ``column`` of ``levels`` (as from ``load_levels``) first rises above ``threshold``.

    Between two levels it is taken to grow in a straight line. The interval is that of all numbers of users at which the
    threshold lies inside the interval of ``column``: it begins where the upper end crosses and ends where the lower end
    does. Levels too short for an interval are left out where two or more have one; else there is none, as for columns
    other than ``p50_ms``, ``p95_ms`` and ``p99_ms``.
    """
    lower, upper = (interval_column(column, end) for end in ("low_ms", "high_ms"))
    known = levels[levels[column].notna()].sort_values("users")
    whole = known[known[[lower, upper]].notna().all(axis=1)] if lower in known else known.head(0)
    used = whole if (told := len(whole) > 1) else known
    if used.empty:
        return Crossing(math.nan, math.nan, math.nan, math.nan, math.nan, "no level of users was measured")
    users, values = used["users"].to_numpy(dtype=np.float64), used[column].to_numpy(dtype=np.float64)
    at = _first_above(users, values, threshold)
    low, high = math.nan, math.nan
    if told:
        low = _first_above(users, np.maximum(used[upper].to_numpy(dtype=np.float64), values), threshold)
        high = _first_above(users, np.minimum(used[lower].to_numpy(dtype=np.float64), values), threshold)
    ends = float(users[0]), float(users[-1])
    why = [_not_crossed(at, column, threshold, ends), _left_out(len(known) - len(whole), len(known), told=told)]
    found = at if 0 < at < math.inf else math.nan
    return Crossing(found, low, high, *ends, "; ".join(each for each in why if each))


def _not_crossed(at: float, column: str, threshold: float, ends: tuple[float, float]) -> str:
    if at == 0:
        return f"{column} is above {threshold:g} at {ends[0]:,.0f} users already, the fewest measured"
    return "" if at < math.inf else f"{column} does not rise above {threshold:g} up to {ends[1]:,.0f} users"


def _left_out(short: int, levels: int, *, told: bool) -> str:
    if not told:
        return "no interval: fewer than two levels have one"
    return f"{short:,} of {levels:,} levels are left out: too short for an interval" if short else ""


def _first_above(users: Floats, values: Floats, threshold: float) -> float:
    """Return where values first rise above the threshold: 0 before the first of them, infinity where they never do."""
    above = np.flatnonzero(values > threshold)
    if not len(above):
        return math.inf
    if (place := int(above[0])) == 0:
        return 0.0
    share = (threshold - values[place - 1]) / (values[place] - values[place - 1])
    return float(users[place - 1] + share * (users[place] - users[place - 1]))
