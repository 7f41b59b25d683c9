"""Recovery after a fault: when the run is again as it was before. Source: Bronson et al. 2021, metastable failures.

Recovered is the first moment after a window's end from which three seconds* are as the clean time before the window:
at least 95 % of its share of operations served by their primary, at most one percentage point more operations that did
not end ok, and a p95 of at most 1.2 times its own; and no half second* in them is worse than that by more than chance
(``recovery_search``). Clean is the time in which no window was open and no earlier one still had to be recovered from;
the last ten seconds* of it before the window are compared with. Numbers with * are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from harness.judge.checker import OfOperations
from harness.judge.checkers.disturbances.fault_windows import OPEN, FaultWindow, windows_in
from harness.judge.checkers.disturbances.recovery_search import BIN_NS, RecoveryRule, Search, Timeline, searches
from harness.judge.entry import Entry, Status
from harness.judge.evidence import Evidence, Need
from harness.words.operation import Edge, Operation

RULE = RecoveryRule()
ENOUGH_NS = 10_000_000_000
"""How long a run must go on undisturbed before not having recovered is a finding."""

GRACE_NS = 500_000_000
"""How long after a fault's end calls that it hit may still open a breaker."""

GROWN = 1.1
"""How many times the users there may be, for latencies to be compared at all."""


class Recovery(OfOperations):
    """After each fault the run becomes again what it was before.

    Args:
        windows: in order of their beginning; ``recovered_ns`` of each is filled in by ``close``.
        users: concurrent users by Unix second.
        breakers: edges of breakers by worker.

    """

    name = "recovery"
    place = 120
    needs = frozenset({Need.PLAN})
    means = "routing did not become what it was before a fault, long after the fault was over"
    advice = "Look for what keeps the load up after the fault: retries, queues, breakers that stay open."
    invalid_when = (
        "a fault was over for 10 s* without another one, and 3 s* in a row as before it never came (*Recovery* below)"
    )
    unknown_when = "the run says nothing on it (below); then it is not required"
    source = "Bronson et al. 2021"

    def __init__(
        self, windows: Sequence[FaultWindow], users: Mapping[int, int], breakers: Mapping[int, Sequence[Edge]]
    ) -> None:
        self._windows = windows
        self._users = users
        self._breakers = breakers
        self._timeline = Timeline()

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.once(windows_in), evidence.users, evidence.breaker_edges)

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
        found = searches(self._timeline, [(window.begins_ns, window.ends_ns) for window in windows], RULE)
        judged = 0
        for search in found:
            of_search = [windows[place] for place in search.windows]
            judged += len(of_search)
            if search.recovered_ns is not None:
                took_s += [self._recovered(window, search.recovered_ns) for window in of_search]
                cut_short.clear()
                continue
            status, why = self._why_not(search)
            said = f"{' and '.join(window.fault.name for window in of_search)}: {why}"
            if status is Status.INVALID:
                broken.append(said)
            else:
                disturbed = search.end_ns is not None and search.until_ns < self._timeline.end_ns
                (cut_short if disturbed else unknown).append(said)
        unknown = cut_short + unknown
        target = f"{RULE.seconds} s as before"
        said = f"{len(took_s)} of {judged} windows recovered from"
        if took_s:
            said += f", after {min(took_s):.2f} to {max(took_s):.2f} s"
        if broken:
            return Entry(self.name, Status.INVALID, said, target, "; ".join(broken))
        if unknown or not judged:
            detail = "; ".join(unknown) or "no window of a fault was seen"
            return Entry(self.name, Status.UNKNOWN, said, target, detail, required=False)
        return Entry(self.name, Status.VALID, said, target, _found(judged, len(took_s)))

    @staticmethod
    def _recovered(window: FaultWindow, at_ns: int) -> float:
        window.recovered_ns = at_ns
        assert window.recovery_s is not None
        return window.recovery_s

    def _why_not(self, search: Search) -> tuple[Status, str]:
        """Return what it means that no recovery was found, and why."""
        end_ns, until_ns = search.end_ns, search.until_ns
        if end_ns is None:
            return Status.UNKNOWN, "it lasted to the end of the run"
        if not search.comparable:
            return Status.UNKNOWN, f"only {search.before.ok} operations ended ok in clean time before it"
        left_s = max(0.0, (until_ns - end_ns) / 1e9)
        if until_ns - end_ns < ENOUGH_NS:
            why = f"only {left_s:.1f} s were left undisturbed after it, and it had not recovered by then"
            return Status.UNKNOWN, why
        if waiting := self._still_open(end_ns, until_ns):
            return Status.UNKNOWN, f"{left_s:.1f} s after its end, breaker {waiting!r} had not yet let a probe through"
        last = until_ns // BIN_NS
        users_before, users_after = self._most(search.bins), self._most(range(-(-end_ns // BIN_NS), last))
        if users_before is not None and users_after is not None and users_after > GROWN * users_before:
            why = f"the load had grown from {users_before} to {users_after} users: nothing to compare with"
            return Status.UNKNOWN, why
        after = self._timeline.over(range(last - RULE.seconds * 1_000_000_000 // BIN_NS, last))
        return Status.INVALID, f"not recovered {left_s:.1f} s after its end: {after}; before: {search.before}"

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
