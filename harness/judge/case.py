"""A case: one operation with what its target told of its attempts, and what truly happened to it.

What the target **said** is in ``attempts``. What **happened** is in ``injections`` (the injector's ledger), ``calls``
(the backends' own logs) and ``spans`` (the stages). Calls and spans are there only for operations that were hit by a
fault or had a call that was not served: nobody asks for those of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from harness.words.operation import Attempt, AttemptOutcome, Call, Flag, Injection, Operation, Outcome, Span, display_id

NOT_RUN = frozenset({AttemptOutcome.REJECTED, AttemptOutcome.SKIPPED})
"""Outcomes of attempts that were not executed."""

QUOTES = 3
"""Violations quoted in the detail of an entry."""


class Case(NamedTuple):
    """One operation, and the rows of the other tables that are of it."""

    operation: Operation
    attempts: Sequence[Attempt] = ()
    injections: Sequence[Injection] = ()
    calls: Sequence[Call] = ()
    spans: Sequence[Span] = ()

    @property
    def answered(self) -> bool:
        """Whether the operation ended ok with a usable route."""
        return self.operation.outcome is Outcome.OK and self.operation.flag is None

    @property
    def fell_back(self) -> bool:
        """Whether the target says that a fallback answered or was tried."""
        return self.operation.tier > 0 or any(attempt.tier > 0 and ran(attempt) for attempt in self.attempts)

    @property
    def stopped(self) -> bool:
        """Whether the harness stopped the operation: then it says nothing about the target."""
        return self.operation.flag is Flag.STOPPED


def primary_answered_first(attempts: Sequence[Attempt]) -> bool:
    """Whether the primary answered at once: nothing about it can be wrong but what that one attempt says."""
    return len(attempts) == 1 and attempts[0].outcome == AttemptOutcome.OK and not attempts[0].tier


def ran(attempt: Attempt) -> bool:
    """Whether an attempt was executed."""
    return attempt.outcome not in NOT_RUN


def walks(attempts: Sequence[Attempt]) -> list[list[Attempt]]:
    """Return the attempts chain by chain, where an operation went through several.

    A chain is left with its first answer; what begins at tier 0 after that is another one.
    """
    found: list[list[Attempt]] = []
    for attempt in attempts:
        if not found or (found[-1][-1].outcome == AttemptOutcome.OK and attempt.tier == 0):
            found.append([])
        found[-1].append(attempt)
    return found


def quoted(case: Case) -> str:
    """Return a case as evidence quotes it: the operation, its attempts, and what hit it."""
    operation = case.operation
    said = f"{display_id(operation.id)} {operation.outcome.value}, route {operation.route!r}, tier {operation.tier}"
    if operation.error is not None:
        said += f", {operation.error[:80]}"
    parts = [said]
    if case.attempts:
        parts.append("attempts " + ", ".join(_attempt(attempt) for attempt in case.attempts[:8]))
    if case.injections:
        parts.append("hit by " + ", ".join(_injection(injection) for injection in case.injections[:4]))
    if case.calls:
        parts.append("calls " + ", ".join(f"{call.backend} {call.outcome}" for call in case.calls[:8]))
    return f"[{' | '.join(parts)}]"


def _attempt(attempt: Attempt) -> str:
    why = f" ({attempt.reason[:60]})" if attempt.reason else ""
    breaker = f", breaker {attempt.breaker}" if attempt.breaker not in (None, "closed") else ""
    return f"{attempt.route}@{attempt.tier} {attempt.outcome}{breaker}{why}"


def _injection(injection: Injection) -> str:
    return f"{injection.fault!r} ({injection.kind}) at {injection.place}"
