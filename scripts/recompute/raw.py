"""The tables of one run as pandas reads them, and the two roundings of latencies and numbers."""

from __future__ import annotations

import json
import math
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

SECOND = 1_000_000_000
EXACT_US = 2048
"""Microseconds below which a histogram keeps each; above, a bucket is a thousandth wide and tells its highest value."""


class Raw:
    """One run directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the history; parts of processes get their worker from the name of the file."""
        parts = []
        for path in sorted(self.folder.glob(f"history/{name}-w*.parquet")):
            part = pd.read_parquet(path)
            parts.append(part if "worker" in part else part.assign(worker=int(path.name.split("-w")[1][:3])))
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    @cached_property
    def operations(self) -> pd.DataFrame:
        """All operations, with response time (ns and µs) and the Unix second in which they ended."""
        rows = self.table("operations")
        response = rows["end_ns"] - rows["intended_ns"]
        return rows.assign(response_ns=response, us=(response + 500) // 1000, second=rows["end_ns"] // SECOND)

    @cached_property
    def ok(self) -> pd.DataFrame:
        """Those that ended ok."""
        return self.operations[self.operations["outcome"] == "ok"]

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """All attempts, in order."""
        rows = self.table("attempts")
        return rows.sort_values(["operation", "ordinal"]) if len(rows) else rows

    @cached_property
    def injections(self) -> pd.DataFrame:
        """All injections."""
        return self.table("injections")

    @cached_property
    def edges(self) -> pd.DataFrame:
        """All edges of faults and breakers, in order of time."""
        rows = self.table("edges")
        return rows.sort_values("at_ns", kind="stable") if len(rows) else rows

    @cached_property
    def vitals(self) -> pd.DataFrame:
        """What the loading processes measured of themselves."""
        return pd.read_csv(self.folder / "vitals.csv")

    @cached_property
    def verdict(self) -> dict:
        """The verdict: for what stands in no history."""
        return json.loads((self.folder / "verdict.json").read_text())

    @cached_property
    def manifest(self) -> dict:
        """The manifest."""
        return json.loads((self.folder / "manifest.json").read_text())

    @property
    def steps(self) -> list[dict]:
        """Users, begin and end of each step of the load shape, as the shape had them."""
        return [step for step in self.verdict["totals"].get("steps") or [] if step["from_ns"]]

    @cached_property
    def began_s(self) -> float:
        """When the load began: what times on the page count from."""
        return datetime.fromisoformat(self.manifest["t0"]).timestamp()

    @cached_property
    def users(self) -> pd.Series:
        """Concurrent users by Unix second, without gaps."""
        series = pd.read_csv(self.folder / "series.csv", usecols=["second", "users"])
        found = series.groupby("second")["users"].max()
        return found.reindex(range(int(found.index.min()), int(found.index.max()) + 1)).ffill()

    @cached_property
    def seconds(self) -> pd.DataFrame:
        """One row per second without gaps: ``users, count, ok``."""
        frame = self.users.to_frame("users")
        for name, rows in {"count": self.operations, "ok": self.ok}.items():
            frame[name] = rows.groupby("second").size().reindex(frame.index, fill_value=0)
        return frame


def kept(us: np.ndarray) -> np.ndarray:
    """Return what a histogram keeps of microseconds: the highest value of each one's bucket."""
    values = np.asarray(us, dtype=np.int64)
    shift = np.maximum(np.floor(np.log2(np.maximum(values, 1))).astype(np.int64) - 10, 0)
    return np.where(values < EXACT_US, values, (((values >> shift) + 1) << shift) - 1)


def percentile_us(us: np.ndarray, percent: float) -> float:
    """Return the value at the rank rounded up, within a microsecond interpolated; NaN of nothing."""
    values = np.sort(np.asarray(us, dtype=np.int64))
    if not len(values):
        return math.nan
    rank = max(math.ceil(percent / 100 * len(values) - 1e-9), 1)
    found = int(values[rank - 1])
    if found >= EXACT_US:
        return float(kept(np.array([found]))[0])
    first, last = np.searchsorted(values, [found, found + 1])
    low = max(found - 0.5, 0.0)
    return low + (found + 0.5 - low) * (rank - first - 0.5) / (last - first)


def latency_ms(rows: pd.DataFrame, percent: float) -> float:
    """Return a percentile of response times, no lower than the shortest and no higher than the longest of them."""
    if rows.empty:
        return math.nan
    low, high = rows["response_ns"].min() / 1e6, rows["response_ns"].max() / 1e6
    return min(max(percentile_us(rows["us"].to_numpy(), percent) / 1000, low), high)


def sig(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits; a whole one whole."""
    if value is None or not math.isfinite(value):
        return "—"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.{max(digits - 1 - math.floor(math.log10(abs(value))), 0)}f}"


def span_s(value: float) -> str:
    """Return seconds: whole where they are within a twentieth, else with a tenth."""
    return f"{round(value):,}" if abs(value - round(value)) < 0.05 else f"{value:,.1f}"
