"""Fault windows and what they did, from edges, injections, attempts and calls: docs/definitions.md."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import stats

from scripts.recompute.raw import Raw, percentile_us

QUARTER = 250_000_000
BAD = ("failed", "timeout")


class Attempt(NamedTuple):
    """A row of the attempts."""

    operation: int
    ordinal: int
    route: str
    tier: int
    start_ns: int
    end_ns: int
    outcome: str
    breaker: str | None
    reason: str | None
    given: int | None
    left: int | None

    @property
    def ran(self) -> bool:
        """Whether it was made at all."""
        return self.outcome not in ("rejected", "skipped")

    @property
    def gave_way(self) -> bool:
        """Whether the next tier was right after it."""
        stopped = self.outcome == "rejected" and self.breaker not in (None, "closed")
        return self.outcome in (*BAD, "skipped") or stopped


def walks(attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    """Return the ways down a chain: one is over with its first answer, where tier 0 comes again."""
    found: list[list[Attempt]] = []
    for attempt in attempts:
        if not found or (found[-1][-1].outcome == "ok" and attempt.tier == 0):
            found.append([])
        found[-1].append(attempt)
    return found


class Faults:
    """Windows of faults of one run, and the ways of its operations."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw

    @cached_property
    def windows(self) -> list[tuple[str, int, int | None]]:
        """Name, begin and end of each window; processes that overlap are one."""
        rows = self.raw.edges
        found: list[list] = []
        for edge in rows[rows["what"] == "fault"].itertuples() if len(rows) else ():
            if edge.after == "open":
                found.append([edge.name, int(edge.at_ns), None])
            else:
                window = next(each for each in reversed(found) if each[0] == edge.name and each[2] is None)
                window[2] = int(edge.at_ns)
        return [tuple(each) for each in sorted(found, key=lambda each: (each[1], each[0]))]

    @cached_property
    def attempts(self) -> dict[int, list[Attempt]]:
        """Attempts by operation, in order."""
        found: dict[int, list[Attempt]] = {}
        rows = self.raw.attempts
        if len(rows):
            rows = rows[list(Attempt._fields)].astype(object).where(rows[list(Attempt._fields)].notna(), None)
            for row in rows.itertuples(index=False, name=None):
                found.setdefault(row[0], []).append(Attempt(*row))
        return found

    @cached_property
    def injected(self) -> dict[str, list]:
        """Injections by window's fault, in order of time."""
        rows = self.raw.injections
        return {name: list(part.sort_values("start_ns").itertuples()) for name, part in rows.groupby("fault")}

    def fate(self, injection: object) -> str:
        """Return what became of one injection; the cases that these runs have."""
        operation = self.of_operation[injection.operation]
        if operation.outcome != "ok" or operation.flag is not None:
            return "surfaced"
        struck = self.struck_by(injection)
        if struck is None or struck.outcome == "ok":
            return "served late" if injection.kind in ("latency", "slow", "block") else "unaccounted"
        walk = next(each for each in walks(self.attempts[injection.operation]) if struck in each)
        later = [each for each in walk[walk.index(struck) + 1 :] if each.ran]
        if later and (later[0].route, later[0].tier) == (struck.route, struck.tier):
            return "retried"
        return "fell back" if any(each.outcome == "ok" for each in later) else "unaccounted"

    @cached_property
    def of_operation(self) -> dict[int, object]:
        """Operations by id."""
        rows = self.raw.operations
        return {row.id: row for row in rows.astype(object).where(rows.notna(), None).itertuples()}

    def struck_by(self, injection: object) -> Attempt | None:
        """Return the attempt in which a fault struck."""
        mine = self.attempts.get(injection.operation, [])
        holding = [a for a in mine if a.ran and a.start_ns <= injection.start_ns <= a.end_ns]
        named = [a for a in holding if injection.place == f"route {a.route}, tier {a.tier}"]
        return (named or holding or [None])[-1]

    def first_fallback(self, name: str, begin: int, end: int | None) -> int | None:
        """Return when the first attempt of a higher tier began after one that a window's fault had a hand in."""
        hits = [each for each in self.injected.get(name, []) if begin <= each.start_ns <= (end or math.inf)]
        struck = [a for hit in hits if (a := self.struck_by(hit)) is not None]
        match = re.fullmatch(r"route (.*), tier (\d+)", hits[0].place) if hits else None
        if match:
            for identifier, attempts in self.attempts.items():
                operation = self.of_operation[identifier]
                if operation.end_ns >= begin and operation.start_ns <= (end or math.inf):
                    struck += [a for a in attempts if (a.route, str(a.tier)) == match.groups() and a.gave_way]
        later = []
        for attempt in struck:
            walk = next(each for each in walks(self.attempts[attempt.operation]) if attempt in each)
            after = walk[walk.index(attempt) + 1 :]
            later += [a.start_ns for a in after if a.tier > attempt.tier and a.ran][:1]
        return min((at for at in later if at >= begin), default=None)

    def wrong(self, begin: int, end: int | None) -> tuple[int, int]:
        """Return operations in a window with a false fallback, and with one missed."""
        false = missed = 0
        for identifier, attempts in self.attempts.items():
            operation = self.of_operation[identifier]
            if operation.end_ns >= begin and operation.start_ns <= (end or math.inf):
                false += any(wrong_uses(walk) for walk in walks(attempts))
                missed += operation.outcome in BAD
        return false, missed

    # --- recovery -----------------------------------------------------------------------------------------------

    @cached_property
    def _bins(self) -> dict[int, tuple[np.ndarray, int, int]]:
        """Response times (µs) of what ended ok, how many by the primary, and what did not, by quarter of a second."""
        rows = self.raw.operations
        found = {}
        for at, part in rows.groupby(rows["end_ns"] // QUARTER):
            ok = part[part["outcome"] == "ok"]
            found[int(at)] = (ok["us"].to_numpy(), int((ok["tier"] == 0).sum()), len(part) - len(ok))
        return found

    def _over(self, bins: Sequence[int]) -> tuple[np.ndarray, int, int]:
        parts = [self._bins[at] for at in bins if at in self._bins]
        if not parts:
            return np.empty(0, int), 0, 0
        return np.concatenate([p[0] for p in parts]), sum(p[1] for p in parts), sum(p[2] for p in parts)

    @cached_property
    def recoveries(self) -> dict[int, float]:
        """Seconds from the end of each window (by its place) to the first three seconds that were as before."""
        found: dict[int, float] = {}
        until: dict[int, int] = {}  # begin of a window -> end of what it disturbed
        first, last = min(self._bins), max(self._bins)
        for place, (_, begin, end) in enumerate(self.windows):
            if end is None or any(b < end and e is not None and e - end >= QUARTER for _, b, e in self.windows):
                continue
            end_all = max(e for _, _, e in self.windows if e is not None and abs(e - end) < QUARTER)
            stop = min([*(b for _, b, _ in self.windows if b >= end_all), last * QUARTER])
            clean: list[int] = []
            for at in range(begin // QUARTER - 1, first - 1, -1):
                touched = any(
                    b < (at + 1) * QUARTER and at * QUARTER < until.get(b, 1 << 62) for _, b, _ in self.windows
                )
                if not touched and len(clean) < 40:
                    clean.append(at)
            at_ns = self._first_good(end_all, stop, self._over(clean), len(clean) / 2)
            if at_ns is not None:
                found[place] = (at_ns - end) / 1e9
                for _, b, e in self.windows:
                    if e is not None and e <= at_ns:
                        until.setdefault(b, at_ns)
        return found

    def _first_good(self, begin: int, stop: int, before: tuple, parts: float) -> int | None:
        us, primary, bad = before
        share, errors = 0.95 * primary / len(us), bad / (len(us) + bad) + 0.01
        limit = 1.2 * percentile_us(us, 95)
        quiet = math.exp(-(len(us) + bad) / max(parts, 1)) >= 0.001

        def worse(at: int) -> bool:
            ok, mine, not_ok = self._over(range(at, at + 2))
            if not len(ok) + not_ok:
                return not quiet
            slow = int((self.top(ok) > limit).sum())
            pairs = ((len(ok) - mine, len(ok), 1 - share), (not_ok, len(ok) + not_ok, errors), (slow, len(ok), 0.05))
            return any(n and k > n * p and stats.binom.sf(k - 1, n, p) < 0.001 for k, n, p in pairs)

        for at in range(-(-begin // QUARTER), stop // QUARTER - 12 + 1):
            ok, mine, not_ok = self._over(range(at, at + 12))
            good = len(ok) and mine >= share * len(ok) and not_ok / (len(ok) + not_ok) <= errors
            if good and percentile_us(ok, 95) <= limit and not any(worse(part) for part in range(at, at + 11)):
                return at * QUARTER
        return None

    @staticmethod
    def top(us: np.ndarray) -> np.ndarray:
        """Return what histograms keep."""
        from scripts.recompute.raw import kept

        return kept(us)

    # --- ways down chains ---------------------------------------------------------------------------------------

    def gave_way(self) -> Iterator[tuple[object, Attempt, Attempt | None]]:
        """Yield operations whose primary gave way: with its last attempt and the first one after."""
        for identifier, attempts in self.attempts.items():
            if len(attempts) == 1 and attempts[0].outcome == "ok" and not attempts[0].tier:
                continue
            walk = walks(attempts)[0]
            primary = [a for a in walk if a.tier == 0]
            if primary and primary[-1].gave_way:
                yield self.of_operation[identifier], primary[-1], next((a for a in walk if a.tier and a.ran), None)

    def latency_x(self) -> tuple[str, int, int, float]:
        """Return primary, operations that found its breaker open and clean ones, and the ratio of their medians."""
        opened: dict[str, list[int]] = {}
        clean: dict[str, list[int]] = {}
        for operation, last, after in self.gave_way():
            if after is not None and operation.outcome == "ok" and (last.outcome, last.breaker) == ("rejected", "open"):
                opened.setdefault(self.attempts[operation.id][0].route, []).append(operation.us)
        hit = set(self.raw.injections["operation"]) if len(self.raw.injections) else set()
        for identifier, attempts in self.attempts.items():
            operation = self.of_operation[identifier]
            straight = len(attempts) == 1 and attempts[0].outcome == "ok" and not attempts[0].tier
            apart = any(operation.end_ns >= b and (e is None or operation.start_ns <= e) for _, b, e in self.windows)
            if straight and operation.outcome == "ok" and identifier not in hit and not apart:
                clean.setdefault(attempts[0].route, []).append(operation.us)
        both = [route for route in opened if min(len(opened[route]), len(clean.get(route, []))) >= 20]
        ratio = {r: percentile_us(np.array(opened[r]), 50) / percentile_us(np.array(clean[r]), 50) for r in both}
        most = max(ratio, key=ratio.get)
        return most, len(opened[most]), len(clean[most]), ratio[most]

    def determinism(self) -> tuple[int, int, int, int, int, int]:
        """Return repeats, scenarios, repeats that fell back, scenarios with a hundred, the most of one, differences."""
        first: dict[tuple, tuple] = {}
        repeats: Counter[str] = Counter()
        fell = different = 0
        for operation in self.raw.operations.itertuples():
            attempts = self.attempts.get(operation.id, [])
            if operation.outcome != "ok" or not attempts:
                continue
            steps = [
                attempt
                for walk in walks(attempts)
                for attempt, after in zip(walk, [*walk[1:], None], strict=True)
                if after is None or (after.route, after.tier) != (attempt.route, attempt.tier)
            ]
            decided = operation.asked_route if operation.tier else operation.route
            way = (decided, operation.route, operation.tier, *((s.route, s.tier) for s in steps))
            key = (operation.scenario, tuple((s.breaker, s.outcome) for s in steps))
            repeats[operation.scenario] += 0
            if key not in first:
                first[key] = way
                continue
            repeats[operation.scenario] += 1
            fell += operation.tier > 0 or any(a.tier and a.ran for a in attempts)
            different += way != first[key]
        often = sum(count >= 100 for count in repeats.values())
        return sum(repeats.values()), len(repeats), fell, often, max(repeats.values()), different


def wrong_uses(walk: Sequence[Attempt]) -> bool:
    """Whether a tier was used although one before it had not given way, or out of order."""
    for place, attempt in enumerate(walk):
        before = {a.tier: a for a in walk[:place] if a.tier < attempt.tier}
        if attempt.tier and attempt.ran and (0 not in before or not all(a.gave_way for a in before.values())):
            return True
    return any(not 0 <= after.tier - before.tier <= 1 for before, after in itertools.pairwise(walk))
