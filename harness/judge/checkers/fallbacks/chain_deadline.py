"""The deadline that a fallback chain gives itself: every way down it ends in time."""

from __future__ import annotations

from typing import Self

from harness.judge.case import Case, walks
from harness.judge.checker import OfCases
from harness.judge.checkers.outcomes.hang import LATE_MS
from harness.judge.entry import EXAMPLES, Entry, Status, zero_of
from harness.judge.evidence import Evidence, Need
from harness.load.faults.kinds import KINDS


class ChainDeadline(OfCases):
    """No way down a fallback chain takes longer than the deadline the chain declares, and 50 ms*.

    From the begin of its first attempt to the end of its last. Of several chains the longest deadline counts for all:
    attempts do not tell whose they are. Left out are ways that overlap a fault that blocked the event loop: whoever was
    on the way then waited for the plan.

    Args:
        deadline_ms: what the chains of the target declare; None where one of them declares none.

    """

    name = "chain deadline"
    place = 90
    needs = frozenset({Need.ATTEMPTS})
    left_out = True
    means = "a fallback chain took over 50 ms longer than the `deadline_ms` it declares"
    advice = (
        "Look for a route that catches its cancellation, or blocks the loop: the attempts of the operation say which."
    )
    invalid_when = (
        "from the begin of its first attempt to the end of its last, an operation took over 50 ms* longer than the "
        "deadline that the chain declares (`deadline_ms`; of several chains the longest, each chain for itself)"
    )
    unknown_when = "no chain declares a deadline, or no operation tells its attempts"
    source = "ours"

    def __init__(self, deadline_ms: float | None) -> None:
        self._deadline_ms = deadline_ms
        self._cases = 0
        self._past_half = 0
        self._longest_ns = 0
        self._late: list[tuple[int, int, int]] = []  # operation, begin and end of its way
        self._blocked: list[tuple[int, int]] = []  # begin and end of a fault that held the loop

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.facts.chain_deadline_ms)

    def add(self, case: Case) -> None:
        """Measure the ways of one operation whose attempts are told."""
        if self._deadline_ms is None or not case.attempts or case.stopped:
            return
        self._cases += 1
        self._blocked += [
            (injection.start_ns, injection.end_ns or injection.start_ns)
            for injection in case.injections
            if (kind := KINDS.get(injection.kind)) is not None and kind.holds_loop
        ]
        ways = [case.attempts] if len(case.attempts) == 1 else walks(case.attempts)
        took_ns, begin_ns, end_ns = max(
            [(way[-1].end_ns - way[0].start_ns, way[0].start_ns, way[-1].end_ns) for way in ways]
        )
        self._longest_ns = max(self._longest_ns, took_ns)
        self._past_half += took_ns > self._deadline_ms / 2 * 1e6
        if took_ns > (self._deadline_ms + LATE_MS) * 1e6:
            self._late.append((case.operation.id, begin_ns, end_ns))

    def close(self) -> Entry:
        """INVALID if a way took longer; UNKNOWN, and not required, where no deadline or no attempt is told."""
        if self._deadline_ms is None or not self._cases:
            detail = "the target tells no attempts, or no deadline of a chain"
            return Entry(self.name, Status.UNKNOWN, None, None, detail, required=False)
        target = f"within {self._deadline_ms:g} ms"
        late = [
            operation
            for operation, begin_ns, end_ns in self._late
            if not any(begin_ns < until_ns and since_ns < end_ns for since_ns, until_ns in self._blocked)
        ]
        actual = f"{len(late):,} late, longest {self._longest_ns / 1e6:.1f} ms"
        past_half = f"{self._past_half:,} took more than half of it"
        if len(late) < len(self._late):
            past_half += f"; {len(self._late) - len(late):,} late ones met a fault that blocked the loop"
        if late:
            detail = f"{len(late):,} of {self._cases:,} took over {LATE_MS:g} ms longer than their chain's deadline"
            return Entry(self.name, Status.INVALID, actual, target, f"{detail}; {past_half}", tuple(late[:EXAMPLES]))
        detail = f"over {LATE_MS:g} ms past their chain's deadline: {zero_of(self._cases)}; {past_half}"
        return Entry(self.name, Status.VALID, actual, target, detail)
