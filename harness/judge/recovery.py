"""Recovery after a fault: when the run is again as it was before. Source: Bronson et al. 2021, metastable failures.

Recovered is the first moment after a window's end from which three seconds* are as the clean time before the window:
at least 95 % of its share of operations served by their primary, at most one percentage point more operations that did
not end ok, and a p95 of at most 1.2 times its own. Clean is the time in which no window was open and no earlier one
still had to be recovered from; the last ten seconds* of it before the window are compared with. Numbers with * are
ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.judge.entry import Entry, Status
from harness.judge.fault_windows import OPEN, FaultWindow
from harness.measure.histogram import Histogram
from harness.words.operation import Edge, Flag, Operation, Outcome

BIN_NS = 250_000_000
BASELINE_NS = 10_000_000_000
GOOD_NS = 3_000_000_000
ENOUGH_NS = 10_000_000_000
"""How long a run must go on undisturbed before not having recovered is a finding."""

GRACE_NS = 500_000_000
"""How long after a fault's end calls that it hit may still open a breaker."""

SHARE, POINTS, TIMES = 0.95, 1.0, 1.2
FEWEST = 20
"""Operations that ended ok below which a p95 says nothing."""

GROWN = 1.1
"""How many times the users there may be, for latencies to be compared at all."""


class Level:
    """What was measured over a stretch of time."""

    __slots__ = ("bad", "latency", "ok", "primary")

    def __init__(self) -> None:
        self.ok = 0
        self.primary = 0  # of those that ended ok, by tier 0
        self.bad = 0
        self.latency = Histogram()

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

    def as_good_as(self, before: Level) -> bool:
        """Whether this is a level like the one before the fault."""
        p95, p95_before = self.latency.percentile_us(95.0), before.latency.percentile_us(95.0)
        if p95 is None or p95_before is None:
            return False
        share, share_before = self.primary / self.ok, before.primary / before.ok
        return (
            share >= SHARE * share_before
            and self._bad_percent <= before._bad_percent + POINTS
            and p95 <= TIMES * p95_before
        )

    @property
    def _bad_percent(self) -> float:
        return 100.0 * self.bad / (self.ok + self.bad)

    def __str__(self) -> str:
        """Return the three numbers that are compared."""
        p95 = self.latency.percentile_us(95.0)
        if p95 is None:
            return f"{self.ok + self.bad:,} operations, none ended ok"
        share = 100.0 * self.primary / self.ok
        return f"{share:.1f} % by the primary, {self._bad_percent:.1f} % not ok, p95 {p95 / 1000:.3g} ms"


class Timeline:
    """A fold of operations into quarters of a second, by when their outcome was known."""

    def __init__(self) -> None:
        self._bins: dict[int, Level] = {}

    def add(self, operation: Operation) -> None:
        """Take one operation."""
        if operation.flag is Flag.STOPPED:
            return
        at = operation.end_ns // BIN_NS
        level = self._bins.get(at)
        if level is None:
            level = self._bins[at] = Level()
        level.add(operation)

    @property
    def first_ns(self) -> int:
        """Begin of the first quarter with an operation; 0 where there is none."""
        return min(self._bins, default=0) * BIN_NS

    @property
    def end_ns(self) -> int:
        """Begin of the last quarter with an operation, which is cut off; 0 where there is none."""
        return max(self._bins, default=0) * BIN_NS

    def over(self, bins: Sequence[int]) -> Level:
        """Return what was measured in some quarters."""
        level = Level()
        for at in bins:
            if at in self._bins:
                level.merge(self._bins[at])
        return level


class Recovery:
    """After each fault the run becomes again what it was before.

    Args:
        windows: in order of their beginning; ``recovered_ns`` of each is filled in by ``close``.
        users: concurrent users by Unix second.
        breakers: edges of breakers by worker.

    """

    name = "recovery"
    required = True

    def __init__(
        self, windows: Sequence[FaultWindow], users: Mapping[int, int], breakers: Mapping[int, Sequence[Edge]]
    ) -> None:
        self._windows = windows
        self._users = users
        self._breakers = breakers
        self._timeline = Timeline()

    def add(self, operation: Operation) -> None:
        """Take one operation of the run, hit or not."""
        self._timeline.add(operation)

    def close(self) -> Entry:
        """INVALID if it never recovered from a window in time enough; UNKNOWN where that could not show.

        What ended while another window was open is not judged: the one that ended last is. Nor is what another window
        followed too soon, where a later one was recovered from.
        """
        broken: list[str] = []
        unknown: list[str] = []
        cut_short: list[str] = []
        took_s: list[float] = []
        windows = sorted(self._windows, key=lambda window: window.begins_ns)
        clean = _Clean(self._timeline, [(window.begins_ns, window.ends_ns) for window in windows])
        judged = [window for window in windows if not clean.ended_during_another(window)]
        for window in judged:
            why, status = self._judge(window, clean)
            if window.recovery_s is not None:
                took_s.append(window.recovery_s)
                cut_short.clear()
            elif status is Status.INVALID:
                broken.append(f"{window.fault.name}: {why}")
            else:
                disturbed = window.ends_ns is not None and clean.followed(window.ends_ns)
                (cut_short if disturbed else unknown).append(f"{window.fault.name}: {why}")
        unknown = cut_short + unknown
        target = f"{GOOD_NS / 1e9:g} s as before"
        said = f"{len(took_s)} of {len(judged)} windows recovered from"
        if took_s:
            said += f", after {min(took_s):.2f} to {max(took_s):.2f} s"
        if broken:
            return Entry(self.name, Status.INVALID, said, target, "; ".join(broken))
        if unknown or not judged:
            detail = "; ".join(unknown) or "no window of a fault was seen"
            return Entry(self.name, Status.UNKNOWN, said, target, detail, required=False)
        return Entry(self.name, Status.VALID, said, target, _found(len(judged), len(took_s)))

    def _judge(self, window: FaultWindow, clean: _Clean) -> tuple[str, Status]:
        """Look for the recovery from one window; return why there is none, and what that means."""
        end_ns = window.ends_ns
        if end_ns is None:
            return "it lasted to the end of the run", Status.UNKNOWN
        before, bins = clean.before(window.begins_ns)
        if before.ok < FEWEST:
            return f"only {before.ok} operations ended ok in clean time before it", Status.UNKNOWN
        until_ns = clean.undisturbed_until(end_ns)
        first, last = -(-end_ns // BIN_NS), (until_ns - GOOD_NS) // BIN_NS
        length = GOOD_NS // BIN_NS
        for at in range(first, last + 1):
            if self._timeline.over(range(at, at + length)).as_good_as(before):
                window.recovered_ns = at * BIN_NS
                clean.recovered(window.recovered_ns)
                return "", Status.VALID
        left_s = max(0.0, (until_ns - end_ns) / 1e9)
        if until_ns - end_ns < ENOUGH_NS:
            return (
                f"only {left_s:.1f} s were left undisturbed after it, and it had not recovered by then",
                Status.UNKNOWN,
            )
        if waiting := self._still_open(end_ns, until_ns):
            return f"{left_s:.1f} s after its end, breaker {waiting!r} had not yet let a probe through", Status.UNKNOWN
        users_before, users_after = self._most(bins), self._most(range(first, until_ns // BIN_NS))
        after = self._timeline.over(range(until_ns // BIN_NS - length, until_ns // BIN_NS))
        if users_before is not None and users_after is not None and users_after > GROWN * users_before:
            return (
                f"the load had grown from {users_before} to {users_after} users: nothing to compare with",
                Status.UNKNOWN,
            )
        return f"not recovered {left_s:.1f} s after its end: {after}; before: {before}", Status.INVALID

    def _still_open(self, end_ns: int, until_ns: int) -> str | None:
        """Return a breaker that opened during a fault and whose open time was not over until a moment."""
        for edges in self._breakers.values():
            last = {edge.name: edge for edge in edges if edge.at_ns <= until_ns}
            for edge in last.values():
                if edge.after == OPEN and edge.at_ns <= end_ns + GRACE_NS:
                    return edge.name
        return None

    def _most(self, bins: Sequence[int]) -> int | None:
        seconds = {at * BIN_NS // 1_000_000_000 for at in bins}
        return max((self._users[second] for second in seconds if second in self._users), default=None)


def _found(judged: int, recovered: int) -> str:
    rest = f"; {judged - recovered} were followed by another too soon to tell" if judged > recovered else ""
    return f"windows without recovery: 0 of {judged}{rest}"


class _Clean:
    """Which time of a run is clean, as far as its windows have been judged."""

    def __init__(self, timeline: Timeline, taken: Sequence[tuple[int, int | None]]) -> None:
        self._timeline = timeline
        self._windows = taken
        self._until: dict[int, int] = {}  # begin of a window -> when it was recovered from

    def recovered(self, at_ns: int) -> None:
        """Take the time from a recovery on for clean, whatever windows were over by then."""
        for begin_ns, end_ns in self._windows:
            if end_ns is not None and end_ns <= at_ns:
                self._until.setdefault(begin_ns, at_ns)

    def before(self, at_ns: int) -> tuple[Level, list[int]]:
        """Return the last clean time before a moment, and its quarters."""
        bins: list[int] = []
        first = self._timeline.first_ns // BIN_NS
        at = at_ns // BIN_NS - 1
        while at >= first and len(bins) < BASELINE_NS // BIN_NS:
            if not any(begin < (at + 1) * BIN_NS and at * BIN_NS < self._end(begin) for begin, _ in self._windows):
                bins.append(at)
            at -= 1
        return self._timeline.over(bins), bins

    def _end(self, begin_ns: int) -> int:
        return self._until.get(begin_ns, 1 << 62)

    def ended_during_another(self, window: FaultWindow) -> bool:
        """Whether another window was open when one ended."""
        end_ns = window.ends_ns
        return end_ns is not None and any(
            begin < end_ns and (end is None or end > end_ns) for begin, end in self._windows
        )

    def followed(self, end_ns: int) -> bool:
        """Whether another window began after one had ended."""
        return any(begin >= end_ns for begin, _ in self._windows)

    def undisturbed_until(self, end_ns: int) -> int:
        """Return when the next window began after one had ended; the end of the run where none did."""
        return min([*(begin for begin, _ in self._windows if begin >= end_ns), self._timeline.end_ns])
