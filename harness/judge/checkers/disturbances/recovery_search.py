"""Finding the moment from which a run is again as it was before a fault.

As before is what a ``RecoveryRule`` says, over its seconds as a whole, where no part of them is worse by more than
chance: three seconds of which a quarter is bad may be as before on average. Parts are of half a second, or of one bin
where bins are longer. Each part's counts of operations by a fallback, not ok and slow are held against what the rule
allows, by a one-sided binomial test.

Everything here is pure: operations (or rows of a series) in bins of time, and windows as pairs of nanoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.measure.histogram import Histogram, highest_of
from harness.words.operation import Flag, Operation, Outcome

BIN_NS = 250_000_000
PART_NS = 500_000_000
BASELINE_NS = 10_000_000_000
FEWEST = 20
"""Operations that ended ok below which a p95 says nothing."""

CHANCE = 0.001
"""How rarely a part that is as good as the rule allows may be taken for a worse one."""


@dataclass(frozen=True, slots=True)
class RecoveryRule:
    """When a run counts as recovered: so many seconds in a row with all of these, in terms of the time before."""

    seconds: int = 3
    primary_of_baseline: float = 0.95
    errors_above_points: float = 1.0
    p95_of_baseline: float = 1.2


class Level:
    """What was measured over a stretch of time."""

    __slots__ = ("bad", "latency", "ok", "primary")

    def __init__(self, ok: int = 0, primary: int = 0, bad: int = 0, latency: Mapping[int, int] | None = None) -> None:
        self.ok = ok
        self.primary = primary  # of those that ended ok, by tier 0
        self.bad = bad
        self.latency = Histogram(latency)

    def add(self, operation: Operation) -> None:
        """Take one operation."""
        if operation.outcome is not Outcome.OK:
            self.bad += 1
            return
        self.ok += 1
        self.primary += not operation.tier
        self.latency.add((operation.end_ns - operation.intended_ns + 500) // 1000)

    def merge(self, other: Level) -> None:
        """Take what another one took."""
        self.ok += other.ok
        self.primary += other.primary
        self.bad += other.bad
        self.latency.merge(other.latency.counts)

    def slower_than(self, microseconds: float) -> int:
        """Return how many that ended ok took longer."""
        return sum(count for bucket, count in self.latency.counts.items() if highest_of(bucket) > microseconds)

    @property
    def bad_percent(self) -> float:
        """Percentage of operations that did not end ok."""
        return 100.0 * self.bad / (self.ok + self.bad)

    def __str__(self) -> str:
        """Return the three numbers that are compared."""
        p95 = self.latency.percentile_us(95.0)
        if p95 is None:
            return f"{self.ok + self.bad:,} operations, none ended ok"
        share = 100.0 * self.primary / self.ok
        return f"{share:.1f} % by the primary, {self.bad_percent:.1f} % not ok, p95 {p95 / 1000:.3g} ms"


class Limits:
    """What a rule allows after a fault, given the level before it, in which operations ended ok, over so many parts."""

    def __init__(self, before: Level, rule: RecoveryRule, parts: float) -> None:
        p95_us = before.latency.percentile_us(95.0)
        assert p95_us is not None
        self._primary = rule.primary_of_baseline * before.primary / before.ok
        self._bad = (before.bad_percent + rule.errors_above_points) / 100
        self._p95_us = rule.p95_of_baseline * p95_us
        self._empty_is_chance = math.exp(-(before.ok + before.bad) / max(parts, 1.0)) >= CHANCE

    def meets(self, level: Level) -> bool:
        """Whether a level as a whole is within them; without an operation that ended ok it is not."""
        p95_us = level.latency.percentile_us(95.0)
        return (
            p95_us is not None
            and level.primary >= self._primary * level.ok
            and level.bad_percent <= 100 * self._bad
            and p95_us <= self._p95_us
        )

    def worse(self, part: Level) -> bool:
        """Whether a part is beyond them by more than chance; so is one without an operation where there were many."""
        if not part.ok + part.bad:
            return not self._empty_is_chance
        return (
            _beyond(part.ok - part.primary, part.ok, 1 - self._primary)
            or _beyond(part.bad, part.ok + part.bad, self._bad)
            or _beyond(part.slower_than(self._p95_us), part.ok, 0.05)
        )


def _beyond(found: int, n: int, allowed: float) -> bool:
    """Whether ``found`` of ``n`` or more come less often than by ``CHANCE``, where ``allowed`` is the share of each."""
    if found <= n * allowed:
        return False
    if allowed <= 0:
        return True
    log_odds = math.log(allowed) - math.log1p(-allowed)
    log_term = math.lgamma(n + 1) - math.lgamma(found + 1) - math.lgamma(n - found + 1)
    term = math.exp(log_term + found * log_odds + n * math.log1p(-allowed))
    tail = 0.0
    for more in range(found, n + 1):
        tail += term
        if tail >= CHANCE:
            return False
        term *= math.exp(log_odds) * (n - more) / (more + 1)
    return True


class Timeline:
    """Levels by bins of time, an operation in that in which its outcome was known."""

    def __init__(self, bins: Mapping[int, Level] | None = None, bin_ns: int = BIN_NS) -> None:
        self.bin_ns = bin_ns
        self._bins = dict(bins or {})

    def add(self, operation: Operation) -> None:
        """Take one operation."""
        if operation.flag is Flag.STOPPED:
            return
        at = operation.end_ns // self.bin_ns
        level = self._bins.get(at)
        if level is None:
            level = self._bins[at] = Level()
        level.add(operation)

    @property
    def part_ns(self) -> int:
        """Length of what is held against chance: half a second, or one bin where bins are longer."""
        return max(PART_NS // self.bin_ns, 1) * self.bin_ns

    @property
    def first_ns(self) -> int:
        """Begin of the first bin with an operation; 0 where there is none."""
        return min(self._bins, default=0) * self.bin_ns

    @property
    def end_ns(self) -> int:
        """Begin of the last bin with an operation, which is cut off; 0 where there is none."""
        return max(self._bins, default=0) * self.bin_ns

    def over(self, bins: Sequence[int]) -> Level:
        """Return what was measured in some bins."""
        level = Level()
        for at in bins:
            if at in self._bins:
                level.merge(self._bins[at])
        return level

    def first_good(self, from_ns: int, until_ns: int, limits: Limits, seconds: int) -> int | None:
        """Return when the first stretch of seconds within ``limits`` began that lies between two moments."""
        length, part = -(-seconds * 1_000_000_000 // self.bin_ns), self.part_ns // self.bin_ns
        at, last = -(-from_ns // self.bin_ns), until_ns // self.bin_ns - length
        checked = at  # parts that begin before it are not worse
        while at <= last:
            bad = [
                begin
                for begin in range(max(at, checked), at + length - part + 1)
                if limits.worse(self.over(range(begin, begin + part)))
            ]
            checked = at + length - part + 1
            if bad:
                at = bad[-1] + 1
            elif limits.meets(self.over(range(at, at + length))):
                return at * self.bin_ns
            else:
                at += 1
        return None


@dataclass(slots=True)
class Search:
    """What was looked for after windows that ended together. Times in nanoseconds."""

    windows: tuple[int, ...]  # their places in the order given
    begin_ns: int  # of the first of them
    end_ns: int | None  # of the last of them
    until_ns: int  # how long it went on undisturbed
    before: Level
    bins: list[int]  # those of ``before``
    recovered_ns: int | None = None

    @property
    def comparable(self) -> bool:
        """Whether there was clean time enough before it."""
        return self.before.ok >= FEWEST


def searches(
    timeline: Timeline, windows: Sequence[tuple[int, int | None]], rule: RecoveryRule | None = None
) -> list[Search]:
    """Look for the recovery from windows, given as begin and end (None: not in this run) in order of their begin.

    Those that ended while another one was open are not there: the one that ended last stands for them. Those that
    ended within one quarter of a second ended together, and share what is found.
    """
    rule = rule or RecoveryRule()
    clean = _Clean(timeline, windows)
    found: list[Search] = []
    for place, (begin_ns, end_ns) in enumerate(windows):
        if clean.ended_during_another(end_ns):
            continue
        together = next((search for search in found if _together(search.end_ns, end_ns)), None)
        if together is not None:
            together.windows += (place,)
            continue
        last_ns = clean.end_of_all(end_ns)
        until_ns = timeline.end_ns if last_ns is None else clean.undisturbed_until(last_ns)
        before, bins = clean.before(begin_ns)
        search = Search((place,), begin_ns, last_ns, until_ns, before, bins)
        found.append(search)
        if last_ns is not None and search.comparable:
            limits = Limits(before, rule, len(bins) * timeline.bin_ns / timeline.part_ns)
            search.recovered_ns = timeline.first_good(last_ns, until_ns, limits, rule.seconds)
        if search.recovered_ns is not None:
            clean.recovered(search.recovered_ns)
    return found


def _together(one_ns: int | None, other_ns: int | None) -> bool:
    return one_ns is not None and other_ns is not None and abs(one_ns - other_ns) < BIN_NS


class _Clean:
    """Which time of a run is clean, as far as its windows have been judged."""

    def __init__(self, timeline: Timeline, windows: Sequence[tuple[int, int | None]]) -> None:
        self._timeline = timeline
        self._windows = windows
        self._until: dict[int, int] = {}  # begin of a window -> when it was recovered from

    def recovered(self, at_ns: int) -> None:
        """Take the time from a recovery on for clean, whatever windows were over by then."""
        for begin_ns, end_ns in self._windows:
            if end_ns is not None and end_ns <= at_ns:
                self._until.setdefault(begin_ns, at_ns)

    def before(self, at_ns: int) -> tuple[Level, list[int]]:
        """Return the last clean time before a moment, and its bins."""
        bins: list[int] = []
        bin_ns = self._timeline.bin_ns
        first = self._timeline.first_ns // bin_ns
        at = at_ns // bin_ns - 1
        while at >= first and len(bins) < BASELINE_NS // bin_ns:
            if not any(begin < (at + 1) * bin_ns and at * bin_ns < self._end(begin) for begin, _ in self._windows):
                bins.append(at)
            at -= 1
        return self._timeline.over(bins), bins

    def _end(self, begin_ns: int) -> int:
        return self._until.get(begin_ns, 1 << 62)

    def ended_during_another(self, end_ns: int | None) -> bool:
        """Whether another window was open, and went on, when one ended."""
        return end_ns is not None and any(
            begin < end_ns and (end is None or (end > end_ns and not _together(end, end_ns)))
            for begin, end in self._windows
        )

    def end_of_all(self, end_ns: int | None) -> int | None:
        """Return the last end of the windows that ended together with one."""
        return max((end for _, end in self._windows if end is not None and _together(end, end_ns)), default=end_ns)

    def undisturbed_until(self, end_ns: int) -> int:
        """Return when the next window began after one had ended; the end of the run where none did."""
        return min([*(begin for begin, _ in self._windows if begin >= end_ns), self._timeline.end_ns])
