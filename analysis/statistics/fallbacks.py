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

from analysis.statistics.latency import ended_ok, every_second, percentiles
from harness.words.operation import Outcome

COLUMNS = (
    "fault", "start_s", "end_s", "operations", "fallbacks", "fallback_pct", "fallback_before_pct",
    "first_fallback_s", "activation_delay_s", "resolution_s", "recovered_s", "recovery_s", "false", "missed", "missing",
)  # fmt: skip
NOT_EXECUTED = ("rejected", "skipped")
"""Outcomes of attempts that were never made: no permit of the breaker, or no time left."""
NOT_ANSWERED = ("failed", "timeout", *NOT_EXECUTED)
"""Outcomes of attempts after which a chain goes on to its next tier."""
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RecoveryRule:
    """When routing counts as recovered: so many seconds in a row with all of these."""

    seconds: int = 3
    primary_of_baseline: float = 0.95
    errors_above_points: float = 1.0
    p95_of_baseline: float = 1.2


def fallback_activation(
    series: pd.DataFrame,
    windows: pd.DataFrame,
    operations: pd.DataFrame | None = None,
    attempts: pd.DataFrame | None = None,
    rule: RecoveryRule | None = None,
) -> pd.DataFrame:
    """Return one row per fault window (as from ``windows.fault_windows``), in their order.

    ``operations`` need ``id, intended_ns, end_ns, tier, outcome``; ``attempts`` all their columns. Columns:

    - ``fault``; ``start_s`` and ``end_s`` from the run's first second (``end_s`` NaN where it never closed)
    - ``operations`` with an outcome in the window, ``fallbacks`` of them (tier 1 or higher), ``fallback_pct``; the same
      of the fault-free seconds before the first window: ``fallback_before_pct``
    - ``first_fallback_s``, ``activation_delay_s`` = first fallback - window's start: the begin of the first attempt on
      a tier above 0, without attempts the end of the first such operation, without a history the begin of its second.
      ``resolution_s`` says how fine that is: 0 or 1
    - ``recovered_s``, ``recovery_s`` = first of the seconds after the window that satisfy ``rule`` - window's end
    - ``false``, ``missed`` (Int64): see ``wrong_fallbacks``; missing without attempts
    - ``missing``: what is not known, and why
    """
    rule = rule or RecoveryRule()
    zero = int(series["second"].min()) if len(series) else 0
    seconds = _seconds(series)
    first_ns = int(windows["start_ns"].min()) if len(windows) else 0
    before = seconds[seconds["second"] < first_ns // _SECOND_NS]
    recovered = _good_seconds(series, seconds, before, rule)
    found = _fallback_times(series, operations, attempts)
    wrong = wrong_fallbacks(operations, attempts) if operations is not None and attempts is not None else None
    rows = []
    ends = [None if pd.isna(each) else int(each) for each in windows["end_ns"]]
    for fault, start, end in zip(windows["fault"], windows["start_ns"].astype("int64"), ends, strict=True):
        row = _activation(start, end, zero, found)
        row |= _load_inside(seconds, start, end) | _recovery(end, zero, recovered, rule)
        row |= {"fallback_before_pct": _share(before["fallbacks"].sum(), before["count"].sum())}
        row |= _wrong_inside(wrong, operations, start, end)
        row["missing"] = "; ".join(_missing(row, end, before))
        rows.append({"fault": fault, **row})
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"false": "Int64", "missed": "Int64"})


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


def _activation(start: int, end: int | None, zero: int, found: _Times) -> dict[str, object]:
    """Return the times of a window: its own, and that of the first fallback before it closed."""
    reach = _SECOND_NS - 1 if found.open_end else 0
    inside = found.at_ns[found.at_ns + reach >= start]
    if end is not None:
        inside = inside[inside <= end]
    first = max(int(inside[0]), start) if len(inside) else None
    return {
        "start_s": _elapsed(start, zero),
        "end_s": _elapsed(end, zero),
        "first_fallback_s": _elapsed(first, zero),
        "activation_delay_s": np.nan if first is None else (first - start) / 1e9,
        "resolution_s": found.resolution_s,
    }


def _elapsed(at_ns: int | None, zero: int) -> float:
    return np.nan if at_ns is None else (at_ns - zero * _SECOND_NS) / 1e9


def _seconds(series: pd.DataFrame) -> pd.DataFrame:
    """Return one row per second without gaps: ``second, count, fallbacks, errors, p95_ms``; warm-up is not left out."""
    frame = every_second(series)[[]]
    grouped = {
        "count": series,
        "fallbacks": series[series["tier"] > 0],
        "errors": series[series["outcome"] != Outcome.OK.value],
    }
    for name, rows in grouped.items():
        frame[name] = rows.groupby("second")["count"].sum().reindex(frame.index, fill_value=0)
    frame["p95_ms"] = percentiles(ended_ok(series), ["second"], (95,)).set_index("second")["p95_ms"]
    return frame.reset_index()


def _good_seconds(
    series: pd.DataFrame, seconds: pd.DataFrame, before: pd.DataFrame, rule: RecoveryRule
) -> NDArray[np.int64] | None:
    """Return the Unix seconds that satisfy ``rule``; None where no second lies before the first window."""
    total = before["count"].sum()
    baseline = percentiles(ended_ok(series[series["second"].isin(before["second"])]), (), (95,))
    if not total or baseline.empty:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        primary = 1 - seconds["fallbacks"] / seconds["count"]
        errors = 100 * seconds["errors"] / seconds["count"]
    good = primary >= rule.primary_of_baseline * (1 - before["fallbacks"].sum() / total)
    good &= errors <= 100 * before["errors"].sum() / total + rule.errors_above_points
    good &= seconds["p95_ms"] <= rule.p95_of_baseline * float(baseline["p95_ms"].iloc[0])
    return seconds.loc[good, "second"].to_numpy(dtype=np.int64)


def _recovery(end: int | None, zero: int, good: NDArray[np.int64] | None, rule: RecoveryRule) -> dict[str, object]:
    """Return when the first of ``rule.seconds`` good seconds in a row began, after the window."""
    if end is None or good is None:
        return {"recovered_s": np.nan, "recovery_s": np.nan}
    whole = -(-end // _SECOND_NS)  # the second in which the window closed is partly its own
    later = good[good >= whole]
    steps = rule.seconds - 1
    runs = later[: len(later) - steps][later[steps:] - later[: len(later) - steps] == steps]
    if not len(runs):
        return {"recovered_s": np.nan, "recovery_s": np.nan}
    at = int(runs[0])
    return {"recovered_s": float(at - zero), "recovery_s": at - end / 1e9}


def _load_inside(seconds: pd.DataFrame, start: int, end: int | None) -> dict[str, object]:
    inside = seconds["second"] >= start // _SECOND_NS
    if end is not None:
        inside &= seconds["second"] <= (end - 1) // _SECOND_NS
    count, fallbacks = int(seconds.loc[inside, "count"].sum()), int(seconds.loc[inside, "fallbacks"].sum())
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


def _missing(row: dict[str, object], end: int | None, before: pd.DataFrame) -> Sequence[str]:
    """Return what is not known of a window, one phrase each."""
    said = []
    if not row["operations"]:
        said.append("no operation had its outcome in the window")
    if end is None:
        said.append("the window never closed: the run was cut off")
    elif not before["count"].sum():
        said.append("no fault-free seconds before the first window: recovery has nothing to be compared with")
    elif pd.isna(row["recovered_s"]):  # type: ignore[call-overload]
        said.append("routing had not recovered when the run ended")
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
