"""Silent fallbacks: told where they happened, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from harness.judge.case import Case
from harness.judge.checker import OfCases
from harness.judge.checkers.fallbacks.fallbacks import NOTHING_UNSEEN, Violations
from harness.judge.entry import Entry, Unseen
from harness.judge.evidence import Evidence, Need
from harness.words.operation import AttemptOutcome, Call, CallOutcome, Span


class SilentFallback(OfCases):
    """No operation was served by a fallback that nothing tells of, and no fallback is told that did not happen.

    Truth is the log of the backends. A hidden fallback is an operation that ended ok, says tier 0 and one attempt and
    tells none, although inside one of its ROUTE stages a call was not served and a later one of another backend was.
    Told and not happened is a tier above that of any attempt that answered. Source: ROUTE-004 section 1.3.

    Args:
        calls: rows of the backends' logs.
        untied: those of them that carry no operation. Where they are most, the logs say nothing of operations that
            tell no attempts.

    """

    name = "silent fallback"
    place = 50
    needs = frozenset({Need.ATTEMPTS, Need.CALLS, Need.PLAN})
    means = "a fallback served and nothing says so, or one is told that did not happen"
    advice = "Let the target's output, an event or its history say that a fallback served."
    invalid_when = (
        "an operation ended ok, says tier 0 and one attempt, and tells none, although inside one ROUTE stage a call "
        "was not served and a later one of another backend was; or its tier is above that of every attempt that "
        "answered"
    )
    unknown_when = (
        "most tell no attempts, and no backend logs calls or most logged calls carry no operation; or none ended ok"
    )
    source = "ROUTE-004 §1.3"

    def __init__(self, calls: int = 0, untied: int = 0) -> None:
        self._calls = calls
        self._untied = untied
        self._telling = 0  # operations that tell their attempts
        self._silent = 0
        self._found = Violations()

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.seen.calls, evidence.seen.untied_calls)

    def add(self, case: Case) -> None:
        """Look at one operation that ended ok."""
        if not case.answered:
            return
        operation = case.operation
        if case.attempts:
            self._telling += 1
            answered = [attempt.tier for attempt in case.attempts if attempt.outcome == AttemptOutcome.OK]
            if answered and operation.tier > max(answered):
                self._found.add("told and not happened", case)
            return
        self._silent += 1
        if not operation.tier and operation.attempts <= 1 and hidden_fallback(case):
            self._found.add("not told", case)

    def close(self) -> Entry:
        """INVALID if a fallback was not told, or told and not made; UNKNOWN where most could not be looked at."""
        n, unseen = self._telling + self._silent, NOTHING_UNSEEN
        lost = f"{self._untied:,} of {self._calls:,} calls in the backends' logs carry no operation"
        if self._untied * 2 > self._calls or not self._calls:
            why = lost if self._calls else "they tell no attempts, and no backend logs calls"
            n, unseen = self._telling, Unseen(self._silent, why)
        entry = self._found.decide(self.name, n, "fallbacks not told", "no operation ended ok", unseen)
        if self._untied and not unseen.count:
            entry = replace(entry, detail=f"{lost}, {entry.detail}")
        return entry


def hidden_fallback(case: Case) -> bool:
    """Whether the backends' logs show that another backend served after one had not, inside one ROUTE stage."""
    return any(
        _other_served(call, case.calls, span)
        for span in case.spans
        if span.kind == "route"
        for call in case.calls
        if call.outcome != CallOutcome.SERVED and span.start_ns <= call.arrived_ns <= span.end_ns
    )


def _other_served(lost: Call, calls: Sequence[Call], span: Span) -> bool:
    later = [
        call for call in calls if lost.ended_ns <= call.arrived_ns <= span.end_ns and call.outcome == CallOutcome.SERVED
    ]
    backends = {call.backend for call in later}
    return bool(backends) and lost.backend not in backends
