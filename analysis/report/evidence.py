"""The operations that prove a violation, as rows of their own: ids alone are nothing to read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.clock import load_began
from analysis.files.documents import Entry
from analysis.run import Run
from analysis.wording import milliseconds, number, value
from harness.words.operation import display_id, operation_id

MOST_ROWS = 5
"""Operations quoted per row of the verdict."""
BROKEN = ("INVALID", "FAIL")
HEADER = (
    "operation", "began at", "scenario", "priority", "expected", "asked first, got", "tier, attempts",
    "outcome, response", "flag or error",
)  # fmt: skip
_COLUMNS = (
    "id", "scenario", "priority", "expected_route", "asked_route", "route", "tier", "attempts", "outcome",
    "intended_ns", "end_ns", "flag", "error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quote:
    """Rows of operations, in the columns of ``HEADER``; ``left_out`` of the examples are not shown."""

    rows: list[list[str]]
    left_out: int


def quotes(run: Run, entries: Iterable[Entry]) -> dict[str, Quote]:
    """Return by name what the broken ones of ``entries`` name as their first operations; nothing without a history."""
    named = {entry.name: ids for entry in entries if entry.status in BROKEN and (ids := identifiers(entry))}
    wanted = {identifier for ids in named.values() for identifier in ids[:MOST_ROWS]}
    if not wanted:
        return {}
    frame = run.read("operations", _COLUMNS, ids=wanted)
    found = {int(row["id"]): row for _, row in frame.iterrows()}
    zero_ns = round(load_began(run) * 1e3) * 1_000_000 if len(run.series) else None
    quoted = {}
    for name, ids in named.items():
        rows = [_row(identifier, found[identifier], zero_ns) for identifier in ids[:MOST_ROWS] if identifier in found]
        if rows:
            quoted[name] = Quote(rows, len(ids) - len(rows))
    return quoted


def identifiers(entry: Entry) -> Sequence[int]:
    """Return the ids of an entry's examples; what is no id is left out."""
    found = (re.fullmatch(r"(\d{1,7})-(\d{1,13})", example) for example in entry.example_ids())
    return [operation_id(int(match[1]), int(match[2])) for match in found if match]


def _row(identifier: int, row: pd.Series, zero_ns: int | None) -> list[str]:
    began = None if zero_ns is None else (int(row["intended_ns"]) - zero_ns) / 1e9
    expected, asked, route = (
        value(None if pd.isna(row[name]) else str(row[name])) for name in ("expected_route", "asked_route", "route")
    )
    said = [str(row[name]) for name in ("flag", "error") if pd.notna(row[name])]
    return [
        display_id(identifier),
        "—" if began is None else f"{number(began, 4)} s",
        str(row["scenario"]),
        str(row["priority"]),
        expected,
        f"{asked}, {route}",
        f"{row['tier']}, {row['attempts']}",
        f"{row['outcome']}, {milliseconds((int(row['end_ns']) - int(row['intended_ns'])) / 1e6)}",
        "; ".join(said) or "—",
    ]
