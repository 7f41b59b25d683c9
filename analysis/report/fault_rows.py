"""Windows of faults and circuit breakers as rows of text, for the report and the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from analysis.run_statistics import Measured
from analysis.wording import delay, moment, number, recovery, value

WINDOW_HEADER = (
    "fault", "kind and place", "from – to", "hit", "fallback after", "recovered after", "false, missed",  # noqa: RUF001
    "accounted for as",
)  # fmt: skip
LEDGER = ("retried", "fell_back", "surfaced", "served_late", "unaccounted", "no_effect", "undecided")
"""Columns of ``faults.csv`` with what each injected fault came to."""
BREAKER_HEADER = ("breaker", "opened", "half open", "closed", "longest open", "why it opened first")
SHARES_HEADER = (
    "fault",
    "from",
    "to",
    "operations",
    "fallback after",
    "served by",
    "recovered after",
    "false",
    "missed",
)
MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of text; ``left_out`` rows are not shown."""

    header: tuple[str, ...]
    rows: list[list[str]]
    left_out: int = 0


def fault_windows(run: Measured) -> Rows | None:
    """Return the rows of ``faults.csv``, None where the run has none."""
    faults = run.run.faults
    if faults.empty:
        return None
    shown = [_window(row, run.clock_s) for _, row in faults.head(MOST_ROWS).iterrows()]
    return Rows(WINDOW_HEADER, shown, max(len(faults) - MOST_ROWS, 0))


def _window(row: pd.Series, zero: float) -> list[str]:
    counts = {name: pd.to_numeric(row[name], errors="coerce") for name in LEDGER if _given(row, name)}
    ledger = [f"{number(float(count))} {name.replace('_', ' ')}" for name, count in counts.items() if count > 0]
    if _given(row, "failed"):  # the fault itself, and why
        ledger.append(f"failed: {row['failed']}")
    kind, place = (value(row[name]) if _given(row, name) else None for name in ("kind", "where"))
    times = (moment(row[name] - zero) if _given(row, name) else "…" for name in ("start_unix_s", "end_unix_s"))
    return [
        str(row.get("name", "—")),
        " at ".join(each for each in (kind, place) if each) or "—",
        " – ".join(times),  # noqa: RUF001
        _number(row, "operations_hit"),
        delay(float(row["activation_delay_ms"]) / 1000) if _given(row, "activation_delay_ms") else "—",
        recovery(float(row["recovery_s"])) if _given(row, "recovery_s") else "—",
        f"{_number(row, 'false_fallbacks')}, {_number(row, 'missed_fallbacks')}",
        ", ".join(ledger) or "—",
    ]


def _given(row: pd.Series, name: str) -> bool:
    return name in row.index and bool(pd.notna(row[name]))


def _number(row: pd.Series, name: str) -> str:
    return number(float(row[name])) if _given(row, name) else "—"


def breakers(run: Measured) -> Rows | None:
    """Return what each breaker did, over all processes; None where none changed."""
    states = run.breaker_states
    if states.empty:
        return None
    rows = list(_breakers(states))
    return Rows(BREAKER_HEADER, rows[:MOST_ROWS], max(len(rows) - MOST_ROWS, 0))


def _breakers(states: pd.DataFrame) -> Iterator[list[str]]:
    for name, part in states.groupby("breaker", sort=True):
        visits = part[part["start_ns"].notna()]
        entered = [int((visits["state"] == state).sum()) for state in ("open", "half_open", "closed")]
        open_ = visits[visits["state"] == "open"].sort_values("start_ns")
        longest = ((open_["end_ns"] - open_["start_ns"]) / 1e9).max()
        first = open_["cause"].iloc[0] if len(open_) else None
        yield [
            str(name),
            *(number(count) for count in entered),
            "—" if pd.isna(longest) else f"{number(float(longest))} s",
            value(first if isinstance(first, str) else None),
        ]


def activation(run: Measured) -> Rows:
    """Return what each fault window did to the tiers: delay, shares, recovery, false and missed fallbacks."""
    rows = []
    shares = run.served_in_windows
    for place, window in run.activation.reset_index(drop=True).iterrows():
        of_window = shares[shares["window"] == place]
        served = ", ".join(
            f"{name} {number(float(share), 2)} %"
            for name, share in zip(of_window["served"], of_window["share_pct"], strict=True)
        )
        took_s = window["activation_delay_s"]
        rows.append(
            [
                str(window["fault"]),
                *(moment(window[name]) for name in ("start_s", "end_s")),
                number(int(window["operations"])),
                "none" if pd.isna(took_s) else delay(float(took_s), window["resolution_s"]),
                served or "—",
                recovery(window["recovery_s"]),
                *("—" if pd.isna(window[name]) else number(int(window[name])) for name in ("false", "missed")),
            ]
        )
    return Rows(SHARES_HEADER, rows)
