"""Levels of users, what latency and throughput were at each, crossings and models: docs/analysis.md."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import optimize, special

from scripts.recompute.raw import SECOND, Raw, kept, latency_ms, percentile_us
from scripts.recompute.steady import step_warm_up_s

DRAWS, FEWEST = 500, 20


def wind_down(seconds: pd.DataFrame) -> float:
    """Return the second from which users left for good."""
    users, ended = seconds["users"].to_numpy(), seconds["count"].to_numpy()
    change = np.diff(users)
    rises = np.flatnonzero(change > 0)
    for fall in np.flatnonzero(change < 0) + 1:
        if (not len(rises) or fall > rises[-1] + 1) and ended[fall + 1 :].sum() <= users[fall - 1]:
            return seconds.index[fall]
    return math.inf


def blocks_of(seconds: np.ndarray) -> np.ndarray:
    """Return the block of each second: ceil(cube root of the span) seconds each, at least six blocks if possible."""
    span = int(seconds[-1] - seconds[0]) + 1
    length = max(math.ceil(span ** (1 / 3)), math.ceil(span / 240))
    length = 1 if span / length < 6 else length
    return np.unique((seconds - seconds[0]) // length, return_inverse=True)[1]


class Load:
    """What a run says of load and latency."""

    def __init__(self, raw: Raw, windows: list[tuple[int, int | None]], steady_from_s: int | None) -> None:
        self.raw = raw
        self.windows = windows
        self.steady_from_s = steady_from_s

    @cached_property
    def disturbed(self) -> list[tuple[int, float]]:
        """Stretches that say nothing of load: faults, and what is in no step of a load shape after its warm-up."""
        found = [(begin, math.inf if end is None else end) for begin, end in self.windows]
        before = 0
        for step in self.raw.steps:
            found.append((before, step["from_ns"] + round(1e9 * (step_warm_up_s(self.raw, step) or 0)) - 1))
            before = step["to_ns"]
        return [*found, (before, math.inf)] if before else found

    def inner(self, most: int = 25) -> pd.DataFrame:
        """Return whole seconds with users, their level and whether they are hidden."""
        seconds = self.raw.seconds
        rows = seconds.iloc[1:-1]
        rows = rows[(rows["users"] > 0) & (rows.index < wind_down(seconds))]
        users = rows["users"].to_numpy(dtype=np.int64)
        distinct = np.unique(users)
        width = 1 if len(distinct) <= most else -(-int(distinct[-1] - distinct[0] + 1) // most)
        level = users if len(distinct) <= most else (users - distinct[0]) // width
        hidden = rows.index < (self.steady_from_s or -math.inf)
        for begin, end in self.disturbed:
            hidden |= (rows.index >= begin // SECOND) & (rows.index <= end / SECOND)
        return rows.assign(level=level, hidden=hidden)

    @cached_property
    def left_out_s(self) -> int:
        """Seconds that levels leave out."""
        return int(self.inner()["hidden"].sum())

    @cached_property
    def levels(self) -> pd.DataFrame:
        """Users, seconds, throughput with interval, mean, think time and p95 of each level."""
        rows = []
        shown = self.inner()
        for _, part in shown[~shown["hidden"]].groupby("level"):
            inside = self.raw.ok[self.raw.ok["second"].isin(part.index)]
            low, high = self._throughput_interval(part)
            rows.append(
                {
                    "users": part["users"].mean(),
                    "users_min": part["users"].min(),
                    "users_max": part["users"].max(),
                    "seconds": len(part),
                    "count": len(inside),
                    "rate": len(inside) / len(part),
                    "low": low,
                    "high": high,
                    "mean_ms": inside["response_ns"].mean() / 1e6,
                    "p95_ms": latency_ms(inside, 95),
                }
            )
        return pd.DataFrame(rows)

    @staticmethod
    def _throughput_interval(part: pd.DataFrame) -> tuple[float, float]:
        blocks = blocks_of(part.index.to_numpy())
        number = blocks.max() + 1
        if number < 6:
            return math.nan, math.nan
        draws = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), size=DRAWS)
        found = (draws @ np.bincount(blocks, part["ok"])) / (draws @ np.bincount(blocks))
        return tuple(np.quantile(found, (0.025, 0.975)))

    @cached_property
    def by_users(self) -> pd.DataFrame:
        """Users, seconds and p95: of a load shape by step (without fault windows), else by level."""
        if not self.raw.steps:
            known = self.levels[self.levels["count"] >= FEWEST]
            return known[["users_min", "users_max", "seconds", "p95_ms"]].reset_index(drop=True)
        rows = []
        for users in sorted({step["users"] for step in self.raw.steps}):
            same = [step for step in self.raw.steps if step["users"] == users]
            rows.append((users, users, *self._of_steps(same)))
        return pd.DataFrame(rows, columns=["users_min", "users_max", "seconds", "p95_ms"])

    def _of_steps(self, steps: list[dict]) -> tuple[float, float]:
        begins = [step["from_ns"] / 1e9 + (step_warm_up_s(self.raw, step) or 0) for step in steps]
        struck = [self._struck(step) for step in steps]
        if len(steps) == 1 and not struck[0]:
            inside = of_step(self.raw, steps[0], begins[0])
            return steps[0]["to_ns"] / 1e9 - begins[0], latency_ms(inside[inside["outcome"] == "ok"], 95)
        chosen, length = [], 0.0
        for step, begin, hit in zip(steps, begins, struck, strict=True):
            whole = np.arange(math.ceil(begin), step["to_ns"] // SECOND)
            for start, end in self.windows if hit else ():
                whole = whole[(whole < start // SECOND) | (whole > (math.inf if end is None else end // SECOND))]
            length += len(whole) if hit else step["to_ns"] / 1e9 - begin
            chosen.append(whole)
        return length, latency_ms(self.raw.ok[self.raw.ok["second"].isin(np.concatenate(chosen))], 95)

    def _struck(self, step: dict) -> bool:
        return any(s < step["to_ns"] and (e is None or e > step["from_ns"]) for s, e in self.windows)

    @cached_property
    def by_throughput(self) -> pd.DataFrame:
        """Mean rate and p95 of 25 equal bins of throughput, of at least two seconds and 20 operations."""
        inner = self.raw.seconds.iloc[1:-1]
        rows = inner[(inner["ok"] > 0) & (inner.index < wind_down(inner))]
        hidden = self.inner()["hidden"].reindex(rows.index)
        for at in rows.index[hidden.isna()]:
            hidden[at] = any(s // SECOND <= at <= e / SECOND for s, e in self.disturbed)
        rows = rows[~hidden.astype(bool)]
        edges = np.linspace(rows["ok"].min() - 0.5, rows["ok"].max() + 0.5, 26)
        found = []
        for _, part in rows.groupby(np.digitize(rows["ok"], edges)):
            inside = self.raw.ok[self.raw.ok["second"].isin(part.index)]
            if len(part) >= 2 and len(inside) >= FEWEST:
                found.append((part["ok"].mean(), latency_ms(inside, 95)))
        return pd.DataFrame(found, columns=["rate", "p95_ms"])

    def crossing(self, percent: float, limit_ms: float) -> dict[str, float]:
        """Return the users at which a percentile reaches a limit, its interval, the most users, the share crossing."""
        shown = self.inner(10)
        shown = shown[~shown["hidden"]]
        rows = self.raw.ok.merge(shown[["level"]].rename_axis("second").reset_index(), on="second")
        counts = rows.groupby("level").size()
        rows = rows[rows["level"].isin(counts.index[counts >= FEWEST])]
        levels = [part for _, part in rows.groupby("level")]
        weight = rows.join(shown["users"], on="second").groupby("level")["users"].mean().to_numpy()
        seconds = [np.sort(part["second"].unique()) for part in levels]
        blocks = [blocks_of(each) for each in seconds]
        values = [self._by_block(part, at, block) for part, at, block in zip(levels, seconds, blocks, strict=True)]
        ones = [np.ones((1, len(table))) for table, _ in values]
        found = float(_crossed(values, ones, weight, percent, limit_ms)[0])
        out = {"users": found, "low": math.nan, "high": math.nan, "most": weight[-1], "share": math.nan}
        sizes = [len(table) for table, _ in values]
        beside = int(np.searchsorted(weight, found)) if math.isfinite(found) else len(weight)
        near = sizes[max(beside - 1, 0) : beside + 1]
        if sum(sizes) >= 6 and min(near) >= 2:
            random = np.random.default_rng(0)
            draws = [
                random.multinomial(n - 1, np.full(n, 1 / n), size=DRAWS) * (n / (n - 1))
                if n > 1
                else np.ones((DRAWS, 1))
                for n in sizes
            ]
            tail = special.ndtr(special.stdtrit(sum(near) - len(near), 0.025))
            drawn = np.sort(_crossed(values, draws, weight, percent, limit_ms))
            out["low"], out["high"] = drawn[math.floor(tail * 499)], drawn[math.ceil((1 - tail) * 499)]
            out["share"] = 100 * np.isfinite(drawn).mean()
        return out

    @staticmethod
    def _by_block(part: pd.DataFrame, seconds: np.ndarray, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return counts by block and kept value, and the values."""
        values, column = np.unique(kept(part["us"]), return_inverse=True)
        table = np.zeros((blocks.max() + 1, len(values)))
        np.add.at(table, (blocks[np.searchsorted(seconds, part["second"])], column), 1)
        return table, values


def of_step(raw: Raw, step: dict, begin_s: float) -> pd.DataFrame:
    """Return the operations of a step after its warm-up."""
    rows = raw.operations
    begin = step["from_ns"] + round((begin_s - step["from_ns"] / 1e9) * 1e9)
    return rows[(rows["end_ns"] >= begin) & (rows["end_ns"] < step["to_ns"])]


def weighted_percentile(counts: np.ndarray, values: np.ndarray, percent: float) -> np.ndarray:
    """Return the percentile of each row of counts by value."""
    reached = np.cumsum(counts, axis=1)
    wanted = np.maximum(np.ceil(percent / 100 * reached[:, -1] - 1e-9), 1)
    return values[np.argmax(reached >= wanted[:, np.newaxis], axis=1)]


def _crossed(values: list, draws: list, users: np.ndarray, percent: float, limit_ms: float) -> np.ndarray:
    found, totals = [], []
    for (table, kept_us), weights in zip(values, draws, strict=True):
        counts = weights @ table
        totals.append(counts.sum(axis=1))
        known = totals[-1] >= FEWEST
        at = np.full(len(counts), np.nan)
        at[known] = weighted_percentile(counts[known], kept_us, percent) / 1000
        found.append(at)
    pairs = zip(np.array(found).T, np.array(totals).T, strict=True)
    return np.array([_first_above(users, row, weight, limit_ms) for row, weight in pairs])


def _first_above(users: np.ndarray, values: np.ndarray, weights: np.ndarray, limit: float) -> float:
    known = np.isfinite(values)
    if not known.any():
        return math.inf
    x, y = users[known], optimize.isotonic_regression(values[known], weights=weights[known]).x
    above = np.flatnonzero(y >= limit)
    if not len(above):
        return math.inf
    if above[0] == 0:
        return float(x[0])
    at = above[0]
    return float(x[at - 1] + (limit - y[at - 1]) / (y[at] - y[at - 1]) * (x[at] - x[at - 1]))


def curve(raw: Raw, percents: tuple[float, ...]) -> list[tuple[float, float, float, float, float]]:
    """Return percent, value, interval (ms) and independent operations of percentiles of the run."""
    rows = raw.ok
    seconds = np.sort(rows["second"].unique())
    blocks = blocks_of(seconds)
    table, values = Load._by_block(rows, seconds, blocks)
    number = blocks.max() + 1
    draws = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), size=DRAWS)
    counts = draws @ table
    below = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
    found = []
    for percent in percents:
        value = percentile_us(rows["us"].to_numpy(), percent)
        low, high = np.quantile(weighted_percentile(counts, values, percent), (0.025, 0.975)) / 1000
        share = below[:, np.searchsorted(values, value)]
        effective = share.mean() * (1 - share.mean()) / share.var() if share.var() else math.inf
        found.append((percent, value / 1000, low, high, min(effective, len(rows))))
    return found
