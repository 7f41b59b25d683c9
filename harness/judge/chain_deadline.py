"""The deadline that a fallback chain gives itself: every way down it ends in time."""

from __future__ import annotations

from harness.judge.case import Case, walks
from harness.judge.checkers import LATE_MS
from harness.judge.entry import EXAMPLES, Entry, Status, zero_of


class ChainDeadline:
    """No way down a fallback chain takes longer than the deadline the chain declares, and 50 ms*.

    From the begin of its first attempt to the end of its last. Of several chains the longest deadline counts for all:
    attempts do not tell whose they are.

    Args:
        deadline_ms: what the chains of the target declare; None where one of them declares none.

    """

    name = "chain deadline"
    required = True

    def __init__(self, deadline_ms: float | None) -> None:
        self._deadline_ms = deadline_ms
        self._cases = 0
        self._late = 0
        self._past_half = 0
        self._longest_ns = 0
        self._examples: list[int] = []

    def add(self, case: Case) -> None:
        """Measure the ways of one operation whose attempts are told."""
        if self._deadline_ms is None or not case.attempts or case.stopped:
            return
        self._cases += 1
        ways = [case.attempts] if len(case.attempts) == 1 else walks(case.attempts)
        took_ns = max([way[-1].end_ns - way[0].start_ns for way in ways])
        self._longest_ns = max(self._longest_ns, took_ns)
        self._past_half += took_ns > self._deadline_ms / 2 * 1e6
        if took_ns > (self._deadline_ms + LATE_MS) * 1e6:
            self._late += 1
            if len(self._examples) < EXAMPLES:
                self._examples.append(case.operation.id)

    def close(self) -> Entry:
        """INVALID if a way took longer; UNKNOWN, and not required, where no deadline or no attempt is told."""
        if self._deadline_ms is None or not self._cases:
            detail = "the target tells no attempts, or no deadline of a chain"
            return Entry(self.name, Status.UNKNOWN, None, None, detail, required=False)
        target = f"within {self._deadline_ms:g} ms"
        actual = f"{self._late:,} late, longest {self._longest_ns / 1e6:.1f} ms"
        past_half = f"{self._past_half:,} took more than half of it"
        if self._late:
            detail = f"{self._late:,} of {self._cases:,} took over {LATE_MS:g} ms longer than their chain's deadline"
            return Entry(self.name, Status.INVALID, actual, target, f"{detail}; {past_half}", tuple(self._examples))
        detail = f"over {LATE_MS:g} ms past their chain's deadline: {zero_of(self._cases)}; {past_half}"
        return Entry(self.name, Status.VALID, actual, target, detail)
