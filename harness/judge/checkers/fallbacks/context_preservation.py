"""State preservation and route histories: what an operation carries from attempt to attempt."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from harness.judge.case import Case, walks
from harness.judge.checker import OfCases
from harness.judge.checkers.fallbacks.fallbacks import Violations
from harness.judge.entry import Entry
from harness.judge.evidence import Need
from harness.words.operation import AttemptOutcome


class StatePreservation(OfCases):
    """Protected context reaches every attempt as the one before it was given it, but for declared writes.

    Compared are the checksums that a fallback chain with protected keys tells: what an attempt was given with what
    the one before it left. Whether data of another operation shows up in this one's is not seen. Source: ROUTE-004 H3.
    """

    name = "state preservation"
    place = 80
    needs = frozenset({Need.ATTEMPTS})
    left_out = True
    means = "the protected context changed from one attempt to the next"
    advice = "Hand each attempt its own copy of the protected context."
    invalid_when = "the protected context an attempt was given differs from what the attempt before it left"
    unknown_when = "no chain with protected keys made two attempts"
    not_judged = ("leaks of one operation's data into another",)
    source = "ROUTE-004 H3"

    def __init__(self) -> None:
        self.pairs = 0
        """Attempts whose context was compared with that of the one before."""
        self._found = Violations()

    def add(self, case: Case) -> None:
        """Look at the attempts of one operation."""
        for walk in walks(case.attempts) if len(case.attempts) > 1 else ():
            for before, after in pairwise(walk):
                if before.left is None or after.given is None:
                    continue
                self.pairs += 1
                if after.given != before.left:
                    self._found.add("changed", case)

    def close(self) -> Entry:
        """INVALID if protected context changed undeclared; UNKNOWN where no two attempts could be compared."""
        missing = "no operation tells the protected context of two attempts (FallbackChainStage: protected=...)"
        return self._found.decide(self.name, self.pairs, "changes of protected context", missing)


class RouteHistory:
    """Every operation that fell back has a whole route history: from the primary to who answered, in time."""

    name = "route history"
    required = True

    def __init__(self) -> None:
        self._cases = 0
        self._found = Violations()

    def add(self, case: Case) -> None:
        """Look at one operation that ended ok and fell back."""
        if not case.answered or not case.fell_back:
            return
        self._cases += 1
        for kind in gaps(case):
            self._found.add(kind, case)

    def close(self) -> Entry:
        """INVALID if a history has a gap; UNKNOWN where no operation fell back."""
        return self._found.decide(self.name, self._cases, "histories with gaps", "no operation fell back")


def gaps(case: Case) -> Iterator[str]:
    """Yield what is missing in the history of an operation that fell back."""
    operation, attempts = case.operation, case.attempts
    if not attempts:
        yield "no attempts"
        return
    if [attempt.ordinal for attempt in attempts] != list(range(operation.attempts)):
        yield "attempts missing"
    if any(walk[0].tier for walk in walks(attempts)):
        yield "no primary"
    answered = [attempt.tier for attempt in attempts if attempt.outcome == AttemptOutcome.OK]
    if operation.tier not in answered:
        yield "no attempt that answered"
    if any(not operation.start_ns <= a.start_ns <= a.end_ns <= operation.end_ns for a in attempts):
        yield "outside the operation's time"
