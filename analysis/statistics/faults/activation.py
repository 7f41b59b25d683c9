"""Fallback activation: what each fault window did to the tiers, how soon, for how long, and whether rightly.

An operation belongs to the windows that were open when it should have started or when its outcome was known. The
definitions are those of ``docs/definitions.md``: activation delay, recovery, false and missed fallback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.files.histograms import decode
from analysis.statistics.faults.first_fallbacks import first_fallbacks
from analysis.statistics.faults.served import NOT_OK, PRIMARY, windows_served
from harness.judge.checkers.disturbances.recovery_search import FEWEST, Level, RecoveryRule, Search, Timeline, searches
from harness.words.operation import STOPPED_ROUTE, Outcome

COLUMNS = (
    "fault", "start_s", "end_s", "operations", "fallbacks", "fallback_pct", "fallback_before_pct",
    "first_fallback_s", "activation_delay_s", "resolution_s", "recovered_s", "recovery_s", "false", "missed", "missing",
)  # fmt: skip
NOT_EXECUTED = ("rejected", "skipped")
"""Outcomes of attempts that were never made: no permit of the breaker, or no time left."""
NOT_ANSWERED = ("failed", "timeout", *NOT_EXECUTED)
"""Outcomes of attempts after which a chain goes on to its next tier."""
_SECOND_NS = 1_000_000_000
_BY_SECONDS = "without a history operations are those of whole seconds"


def fallback_activation(
    series: pd.DataFrame,
    windows: pd.DataFrame,
    operations: pd.DataFrame | None = None,
    attempts: pd.DataFrame | None = None,
    injections: pd.DataFrame | None = None,
    *,
    rule: RecoveryRule | None = None,
    counted: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one row per fault window (as from ``windows.fault_windows``), in their order.

    ``operations`` need ``id, intended_ns, start_ns, end_ns, tier, outcome``; ``attempts`` and ``injections`` all their
    columns. Where ``operations`` are some of a run only, ``counted`` are all (``end_ns, tier, outcome``). Columns:

    - ``fault``; ``start_s`` and ``end_s`` from the run's first second (``end_s`` NaN where it never closed)
    - ``operations`` whose outcome was known in the window, ``fallbacks`` of them (ended ok on tier 1 or higher),
      ``fallback_pct``; the same before the first window: ``fallback_before_pct``. Without a history by whole seconds
      that a window touches: see ``served.served_in_windows``
    - ``first_fallback_s``, ``activation_delay_s`` = first fallback - window's start: with attempts and injections the
      first one that the window's own fault led to (``first_fallbacks``), as in ``faults.csv``; without injections the
      begin of the first attempt on a tier above 0, of whatever operation; without attempts the end of the first such
      operation, without a history the begin of its second. ``resolution_s`` says how fine that is: 0 or 1
    - ``recovered_s``, ``recovery_s`` = first of the seconds after the window that satisfy ``rule`` - window's end: the
      search of the check of recovery (``harness.judge.checkers.disturbances.recovery_search``), a second at a time
    - ``false``, ``missed`` (Int64): see ``wrong_fallbacks``; missing without attempts
    - ``missing``: what is not known, and why
    """
    zero = int(series["second"].min()) if len(series) else 0
    loads, before_pct, whole = _loads(series, windows, operations if counted is None else counted)
    ends = [None if pd.isna(each) else int(each) for each in windows["end_ns"]]
    starts = [int(each) for each in windows["start_ns"]]
    found_of = _searches(series, starts, ends, rule)
    found = _fallback_times(series, operations, attempts)
    own = _own(windows, operations, attempts, injections)
    wrong = wrong_fallbacks(operations, attempts) if operations is not None and attempts is not None else None
    rows = []
    for place, (fault, start, end) in enumerate(zip(windows["fault"], starts, ends, strict=True)):
        search = found_of.get(place)
        first = _first_seen(start, end, found) if own is None else own[place]
        row = _activation(start, end, zero, first) | {"resolution_s": found.resolution_s} | loads[place]
        row |= _recovery(end, zero, None if search is None else search.recovered_ns)
        row |= {"fallback_before_pct": before_pct}
        row |= _wrong_inside(wrong, operations, start, end)
        row["missing"] = "; ".join([*_missing(row, end, search), *([_BY_SECONDS] if whole else [])])
        rows.append({"fault": fault, **row})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"false": "Int64", "missed": "Int64"})


def _searches(
    series: pd.DataFrame, starts: list[int], ends: list[int | None], rule: RecoveryRule | None
) -> dict[int, Search]:
    """Return the search after each window by its place; none for one that ended while another was open."""
    order = sorted(range(len(starts)), key=lambda place: starts[place])
    found = searches(_timeline(series), [(starts[place], ends[place]) for place in order], rule)
    return {order[number]: search for search in found for number in search.windows}


@dataclass(frozen=True, slots=True)
class _Times:
    """When fallbacks were seen (ns, ascending), and how fine that is (s)."""

    at_ns: NDArray[np.int64]
    resolution_s: int
    open_end: bool  # a time stands for the whole second that begins there


def _fallback_times(series: pd.DataFrame, operations: pd.DataFrame | None, attempts: pd.DataFrame | None) -> _Times:
    if attempts is not None and len(attempts):
        tried = attempts[(attempts["tier"] > 0) & ~attempts["outcome"].isin(NOT_EXECUTED)]
        return _Times(np.sort(tried["start_ns"].to_numpy(dtype=np.int64)), 0, open_end=False)
    if operations is not None and len(operations):
        ended = operations.loc[operations["tier"] > 0, "end_ns"]
        return _Times(np.sort(ended.to_numpy(dtype=np.int64)), 0, open_end=False)
    fell = series.loc[(series["tier"] > 0) & (series["count"] > 0), "second"].unique()
    return _Times(np.sort(fell.astype(np.int64)) * _SECOND_NS, 1, open_end=True)


def _own(
    windows: pd.DataFrame,
    operations: pd.DataFrame | None,
    attempts: pd.DataFrame | None,
    injections: pd.DataFrame | None,
) -> list[int | None] | None:
    """Return the first fallback that each window's own fault led to; None where the tables do not tell."""
    if operations is None or attempts is None or attempts.empty or injections is None:
        return None
    return first_fallbacks(windows, operations, attempts, injections)


def _first_seen(start: int, end: int | None, found: _Times) -> int | None:
    """Return when the first fallback in a window was seen, whatever led to it."""
    reach = _SECOND_NS - 1 if found.open_end else 0
    inside = found.at_ns[found.at_ns + reach >= start]
    if end is not None:
        inside = inside[inside <= end]
    return max(int(inside[0]), start) if len(inside) else None


def _activation(start: int, end: int | None, zero: int, first: int | None) -> dict[str, object]:
    """Return the times of a window: its own, and that of its first fallback."""
    return {
        "start_s": _elapsed(start, zero),
        "end_s": _elapsed(end, zero),
        "first_fallback_s": _elapsed(first, zero),
        "activation_delay_s": np.nan if first is None else (first - start) / 1e9,
    }


def _elapsed(at_ns: int | None, zero: int) -> float:
    return np.nan if at_ns is None else (at_ns - zero * _SECOND_NS) / 1e9


def _timeline(series: pd.DataFrame) -> Timeline:
    """Return the levels of the seconds of a series, for the search that the check of recovery makes as well."""
    rows = series[series["route"] != STOPPED_ROUTE]
    if rows.empty:
        return Timeline({}, _SECOND_NS)
    seconds, groups = np.unique(rows["second"].to_numpy(dtype=np.int64), return_inverse=True)
    ok = (rows["outcome"] == Outcome.OK.value).to_numpy(dtype=bool)
    counts = rows["count"].to_numpy(dtype=np.int64)
    primary = ok & (rows["tier"] == 0).to_numpy(dtype=bool)
    merged = decode(rows["hdr"]).merge(np.where(ok, groups, -1).astype(np.int64), len(seconds))
    latencies: list[dict[int, int]] = [{} for _ in seconds]
    for row, bucket, count in zip(merged.row.tolist(), merged.bucket.tolist(), merged.count.tolist(), strict=True):
        latencies[row][bucket] = count
    sums = (np.bincount(groups, counts * of, len(seconds)).astype(np.int64).tolist() for of in (ok, primary, ~ok))
    levels = (Level(*row) for row in zip(*sums, latencies, strict=True))
    return Timeline(dict(zip(seconds.tolist(), levels, strict=True)), _SECOND_NS)


def _recovery(end: int | None, zero: int, at_ns: int | None) -> dict[str, object]:
    if end is None or at_ns is None:
        return {"recovered_s": np.nan, "recovery_s": np.nan}
    return {"recovered_s": _elapsed(at_ns, zero), "recovery_s": (at_ns - end) / 1e9}


def _loads(
    series: pd.DataFrame, windows: pd.DataFrame, operations: pd.DataFrame | None
) -> tuple[list[dict[str, object]], float, bool]:
    """Return operations and fallbacks of each window, the share before the first, and whether seconds were counted."""
    first_ns = int(windows["start_ns"].min()) if len(windows) else 0
    before = windows.iloc[:1].assign(start_ns=0, end_ns=first_ns - 1)
    shares = [_of_window(part) for part in windows_served(series, windows, operations)]
    earlier = [_of_window(part) for part in windows_served(series, before, operations)]
    before_pct = float(earlier[0]["fallback_pct"]) if earlier else float("nan")  # type: ignore[arg-type]
    return shares, before_pct, operations is None or operations.empty


def _of_window(served: pd.Series) -> dict[str, object]:
    count = int(served.sum())
    fallbacks = count - int(served.get(PRIMARY, 0)) - int(served.get(NOT_OK, 0))
    return {"operations": count, "fallbacks": fallbacks, "fallback_pct": _share(fallbacks, count)}


def _share(part: float, whole: float) -> float:
    return 100 * part / whole if whole else float("nan")


def _wrong_inside(
    wrong: pd.DataFrame | None, operations: pd.DataFrame | None, start: int, end: int | None
) -> dict[str, object]:
    if wrong is None or operations is None or wrong.empty:
        return {"false": pd.NA, "missed": pd.NA}
    inside = operations["end_ns"] >= start
    if end is not None:
        inside &= operations["intended_ns"] <= end
    of_window = wrong[wrong["operation"].isin(operations.loc[inside, "id"])]
    return {"false": int(of_window["false"].sum()), "missed": int(of_window["missed"].sum())}


def _missing(row: dict[str, object], end: int | None, search: Search | None) -> Sequence[str]:
    """Return what is not known of a window, one phrase each."""
    said = []
    if not row["operations"]:
        said.append("no operation had its outcome in the window")
    if end is None:
        said.append("the window never closed: the run was cut off")
    elif search is None:
        said.append("another window was open when it ended: recovery is told of that one")
    elif not search.comparable:
        said.append(f"fewer than {FEWEST} operations ended ok in fault-free seconds before it: no recovery to tell")
    elif search.recovered_ns is None:
        said.append("routing had not recovered when the next fault began or the run ended")
    if pd.isna(row["first_fallback_s"]):  # type: ignore[call-overload]
        said.append("no fallback was taken")
    if pd.isna(row["false"]):  # type: ignore[call-overload]
        said.append("without attempts false and missed fallbacks are unknown")
    return said


def wrong_fallbacks(operations: pd.DataFrame, attempts: pd.DataFrame) -> pd.DataFrame:
    """Return one row per operation with attempts, by operation: ``operation, false, missed`` (both bool).

    *False*: a tier above 0 was executed although no attempt on a lower tier before it had failed, timed out or been
    rejected or skipped. *Missed*: the operation failed or timed out, its last attempt did not answer, and attempts of
    other operations that began on the same route show a tier beyond. Cancelled and shed operations miss nothing. What
    a target declares beyond what its attempts show is not known here.
    """
    rows = attempts.sort_values(["operation", "ordinal"], kind="stable")
    executed = ~rows["outcome"].isin(NOT_EXECUTED)
    unanswered = rows["outcome"].isin(NOT_ANSWERED)
    earlier = unanswered.astype("int64").groupby(rows["operation"]).cumsum() - unanswered.astype("int64")
    rows = rows.assign(false=(rows["tier"] > 0) & executed & (earlier == 0), unanswered=unanswered)
    grouped = rows.groupby("operation", sort=True)
    frame = pd.DataFrame(
        {
            "false": grouped["false"].any(),
            "first_route": grouped["route"].first().astype("str"),
            "reached": grouped["tier"].max(),
            "unanswered": grouped["unanswered"].last(),
        }
    )
    depth = frame.groupby("first_route")["reached"].transform("max")
    outcome = operations.set_index("id")["outcome"].astype("str").reindex(frame.index)
    ended_badly = outcome.isin([Outcome.FAILED.value, Outcome.TIMEOUT.value])
    frame["missed"] = ended_badly & frame["unanswered"] & (frame["reached"] < depth)
    return frame.reset_index()[["operation", "false", "missed"]]


def switch_delays(attempts: pd.DataFrame) -> pd.DataFrame:
    """Return one row per operation that fell back: what it waited between the failing attempt and the next tier.

    Columns: ``operation, from_route, to_route, from_tier, to_tier, delay_ms`` (begin of the first attempt on a tier
    above 0 - end of the attempt before it), in order of operations.
    """
    rows = attempts.sort_values(["operation", "ordinal"], kind="stable")
    rows = rows.astype({"end_ns": "Int64"})  # a shift with gaps would make nanoseconds floats: 256 ns apart
    before = rows.groupby("operation")[["route", "tier", "end_ns"]].shift()
    switched = (rows["tier"] > 0) & (before["tier"] == 0)
    rows, before = rows[switched], before[switched]
    frame = pd.DataFrame(
        {
            "operation": rows["operation"],
            "from_route": before["route"].astype("str"),
            "to_route": rows["route"].astype("str"),
            "from_tier": before["tier"].astype("int64"),
            "to_tier": rows["tier"].astype("int64"),
            "delay_ms": (rows["start_ns"] - before["end_ns"].astype("int64")) / 1e6,
        }
    )
    return frame.drop_duplicates("operation").reset_index(drop=True)
