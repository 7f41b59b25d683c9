"""Fallbacks under overload: what made primaries give way with nothing injected. Source: ROUTE-004 H4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.judge.case import Case, primary_answered_first, ran, walks
from harness.judge.checkers.disturbances.fault_windows import FaultWindow
from harness.judge.checkers.fallbacks.fallbacks import gave_way
from harness.judge.entry import Entry, Status
from harness.words.operation import Attempt, AttemptOutcome, Operation

AFTER_NS = 10_000_000_000
"""For how long after a fault a fallback may still be its doing: breakers are open, queues are long."""

REFUSED = "refused"
"""Outcome of a call that a backend did not take."""


class Overload:
    """A fold: operations that fell back with nothing injected, by what their primary's last attempt came to.

    Left out is the time of fault windows and ten seconds* after each. That a primary was overloaded is said by the log
    of its backend (*refused*), its timeout (*timeout*) or its breaker (*breaker open*); *failed* is any other error.

    Args:
        windows: of faults.
        users: concurrent users by Unix second.

    """

    name = "activation under overload"

    def __init__(self, windows: Sequence[FaultWindow], users: Mapping[int, int]) -> None:
        self._disturbed = [(w.start_ns, None if w.end_ns is None else w.end_ns + AFTER_NS) for w in windows]
        self._users = users
        self._causes: Counter[str] = Counter()
        self._first_ns: int | None = None

    def add(self, case: Case) -> None:
        """Take one case."""
        if not case.attempts or primary_answered_first(case.attempts) or case.stopped or case.injections:
            return
        if self._is_disturbed(case.operation):
            return
        for walk in walks(case.attempts):
            primary = [attempt for attempt in walk if attempt.tier == 0]
            after = next((attempt for attempt in walk if attempt.tier and ran(attempt)), None)
            if after is None or not primary or not gave_way(primary[-1]):
                continue
            self._causes[_cause(primary[-1], case)] += 1
            if self._first_ns is None or after.start_ns < self._first_ns:
                self._first_ns = after.start_ns

    def _is_disturbed(self, operation: Operation) -> bool:
        return any(
            operation.end_ns >= start_ns and (until_ns is None or operation.start_ns <= until_ns)
            for start_ns, until_ns in self._disturbed
        )

    def close(self, correctness: Entry) -> Entry:
        """VALID if there were fallbacks with nothing injected and fallbacks are correct; UNKNOWN without any."""
        n, target = self._causes.total(), "fallbacks with nothing injected, and right"
        if self._first_ns is None:
            detail = "no operation fell back while nothing was injected"
            return Entry(self.name, Status.UNKNOWN, None, target, detail, required=False)
        causes = ", ".join(f"{cause} {count:,}" for cause, count in self._causes.most_common())
        users = self._users.get(self._first_ns // 1_000_000_000)
        first = "" if users is None else f", the first with {users:,} users"
        detail = f"n = {n:,} fallbacks with nothing injected: {causes}{first}"
        actual = f"{n:,} fallbacks"
        if correctness.status is not Status.VALID:
            found = f"{detail}; {correctness.detail}"
            return Entry(self.name, correctness.status, actual, target, found, correctness.examples, required=False)
        return Entry(self.name, Status.VALID, actual, target, detail, required=False)


def _cause(last: Attempt, case: Case) -> str:
    """Return what the last attempt of a primary came to, in words."""
    if last.outcome == AttemptOutcome.REJECTED:
        return "breaker open"
    if last.outcome == AttemptOutcome.TIMEOUT:
        return "timeout"
    if last.outcome == AttemptOutcome.SKIPPED:
        return "no time left"
    refused = any(call.outcome == REFUSED and last.start_ns <= call.arrived_ns <= last.end_ns for call in case.calls)
    return REFUSED if refused else "failed"
