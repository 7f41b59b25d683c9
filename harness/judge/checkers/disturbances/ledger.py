"""The ledger: what became of every injected fault. *injected = retried + fell back + surfaced + served late*.

The rules, in this order; the first that applies gives an injection its one fate:

1. **surfaced**: the operation did not end ok (stopped ones among them), or ended ok and is flagged.
2. The attempt in which it struck gave no answer. Then the next executed attempt is of the same route: **retried**; or a
   later one answered: **fell back**; or neither, and the operation still says ok: **unaccounted**.
3. The call or stage it struck was made again inside the same attempt (where the target tells none: the same stage):
   **retried**. Another backend served there afterwards: **fell back**.
4. Where the target tells no attempts one by one, what it reports of the operation as a whole: a tier above 0: **fell
   back**; more than one attempt: **retried**.
5. A kind whose effect is *delay*: **served late**; but not where the log of the backend says that the delayed call was
   given up: **unaccounted**.
6. One whose effect is *change* (of what is read) or *answer*: the decided route is the one the corpus expects, or else
   the one of the baseline (of an answer changed after a fallback: the one whose attempt answered): **no effect**, which
   is counted as served late, since the equation has no term of its own for it, and shown apart. It is another one:
   **unaccounted**, since nothing but a comparison with the right answer shows it. Nothing to compare with:
   **undecided**.
7. A kind that is not known here, as of a later version: **undecided**.
8. Anything else: **unaccounted**.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Self

from harness.judge.case import QUOTES, Case, quoted, ran, walks
from harness.judge.checker import OfCases
from harness.judge.entry import EXAMPLES, Entry, Status, zero_of
from harness.judge.evidence import Evidence, Need
from harness.load.faults.kinds import KINDS
from harness.load.faults.kinds.what import Effect
from harness.words.operation import Attempt, AttemptOutcome, Call, CallOutcome, Injection, Span
from harness.words.place import PlaceKind


class Fate(StrEnum):
    """What became of an injected fault."""

    RETRIED = "retried"
    FELL_BACK = "fell back"
    SURFACED = "surfaced"
    SERVED_LATE = "served late"
    NO_EFFECT = "no effect"  # counted as served late
    UNACCOUNTED = "unaccounted"
    UNDECIDED = "undecided"  # counted as unaccounted, but nobody's proven fault


def fate_of(case: Case, injection: Injection, reference: Mapping[str, str | None]) -> Fate:
    """Return the fate of one injection of a case.

    Args:
        case: the operation it hit.
        injection: one of the case's.
        reference: routes of the baseline by scenario, for operations without an expected route.

    """
    if not case.answered:
        return Fate.SURFACED
    struck = struck_by(case.attempts, injection)
    if struck is not None and struck.outcome != AttemptOutcome.OK:
        return _after(case.attempts, struck)
    call = _call_struck_by(case.calls, injection)
    made_again = _made_again(case, injection, struck, call)
    if made_again is not None:
        return made_again
    kind = KINDS.get(injection.kind)
    effect = None if kind is None else kind.effect
    if effect is Effect.DELAY and (call is None or call.outcome == CallOutcome.SERVED):
        return Fate.SERVED_LATE
    if not case.attempts and case.operation.tier:
        return Fate.FELL_BACK
    if not case.attempts and case.operation.attempts > 1:
        return Fate.RETRIED
    if effect is Effect.ANSWER and case.operation.tier:
        return _answered_by(case)
    if effect in (Effect.CHANGE, Effect.ANSWER):
        return _compared(case, reference)
    return Fate.UNDECIDED if effect is None else Fate.UNACCOUNTED


def struck_by(attempts: Sequence[Attempt], injection: Injection) -> Attempt | None:
    """Return the executed attempt in which a fault struck, None where it struck outside of all that are told."""
    holding = [a for a in attempts if ran(a) and a.start_ns <= injection.start_ns <= a.end_ns]
    named = [a for a in holding if injection.at.takes(a.route, a.tier)]
    return next(reversed(named or holding), None)


def _after(attempts: Sequence[Attempt], struck: Attempt) -> Fate:
    """Return what followed an attempt that gave no answer."""
    walk = next(walk for walk in walks(attempts) if struck in walk)
    later = [attempt for attempt in walk[walk.index(struck) + 1 :] if ran(attempt)]
    if later and (later[0].route, later[0].tier) == (struck.route, struck.tier):
        return Fate.RETRIED
    if any(attempt.outcome == AttemptOutcome.OK for attempt in later):
        return Fate.FELL_BACK
    return Fate.UNACCOUNTED


def _call_struck_by(calls: Sequence[Call], injection: Injection) -> Call | None:
    """Return the logged call that a fault of a backend struck: in its slot."""
    place = injection.at
    for call in calls if place.kind is PlaceKind.BACKEND else ():
        began_ns = call.arrived_ns if call.started_ns is None else call.started_ns
        if place.name == call.backend and began_ns <= injection.start_ns <= call.ended_ns:
            return call
    return None


def _made_again(case: Case, injection: Injection, struck: Attempt | None, call: Call | None) -> Fate | None:
    """Return what the backends' logs and the spans show to have followed inside the same attempt or stage."""
    place = injection.at
    if place.kind is PlaceKind.STAGE:
        return Fate.RETRIED if any(_begins_after(span, place.name, injection) for span in case.spans) else None
    if call is None or call.outcome == CallOutcome.SERVED:
        return None
    until_ns = _end_of_scope(case.spans, injection.start_ns) if struck is None else struck.end_ns
    later = [other for other in case.calls if call.ended_ns <= other.arrived_ns <= until_ns and other is not call]
    if any(other.backend == call.backend for other in later):
        return Fate.RETRIED
    return Fate.FELL_BACK if any(other.outcome == CallOutcome.SERVED for other in later) else None


def _begins_after(span: Span, stage: str, injection: Injection) -> bool:
    return injection.end_ns is not None and span.stage == stage and span.start_ns >= injection.end_ns


def _end_of_scope(spans: Sequence[Span], at_ns: int) -> int:
    """Return when the stage that ran at a moment ended, the one that began last if there were several."""
    running = [span for span in spans if span.start_ns <= at_ns <= span.end_ns]
    return max(running, key=lambda span: span.start_ns).end_ns if running else at_ns


def _compared(case: Case, reference: Mapping[str, str | None]) -> Fate:
    operation = case.operation
    right = operation.expected_route
    if right is None:
        right = reference.get(operation.scenario)
    decided = operation.decided_route
    if right is None or decided is None:
        return Fate.UNDECIDED
    return Fate.NO_EFFECT if decided == right else Fate.UNACCOUNTED


def _answered_by(case: Case) -> Fate:
    """Compare the route of an operation that fell back with those whose attempts answered."""
    answered = {attempt.route for attempt in case.attempts if attempt.outcome == AttemptOutcome.OK}
    if not answered or case.operation.route is None:
        return Fate.UNDECIDED
    return Fate.NO_EFFECT if answered.issuperset(case.operation.route.split("/")) else Fate.UNACCOUNTED


class Ledger(OfCases):
    """Every injected fault is accounted for, and no more than what was injected.

    Args:
        reference: routes of the baseline by scenario.
        written: injections in the history.

    """

    name = "ledger"
    place = 110
    needs = frozenset({Need.FAULTS})
    means = "an injected fault left no trace: no retry, no fallback, no error, no delay"
    advice = "Find what swallowed the faults that are unaccounted for: a fault that leaves no trace is not handled."
    invalid_when = "an injected fault is accounted for by nothing"
    unknown_when = (
        "no fault hit an operation; an injected fault belongs to no operation of the history; or a changed key or "
        "answer has no route to be compared with"
    )
    source = "ours"

    def __init__(self, reference: Mapping[str, str | None], written: int) -> None:
        self._reference = reference
        self._written = written
        self._examples: list[int] = []
        self._quotes: list[str] = []
        self.silent = 0
        """Operations that ended ok with a fault that nothing accounts for."""
        self.by_fault: dict[str, Counter[Fate]] = {}

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run."""
        return cls(evidence.reference, evidence.seen.injections)

    def add(self, case: Case) -> None:
        """Settle the injections of one case."""
        silent = False
        for injection in case.injections:
            fate = fate_of(case, injection, self._reference)
            self.by_fault.setdefault(injection.fault, Counter())[fate] += 1
            silent = silent or fate is Fate.UNACCOUNTED
        if not silent:
            return
        self.silent += 1
        if len(self._examples) < EXAMPLES:
            self._examples.append(case.operation.id)
        if len(self._quotes) < QUOTES:
            self._quotes.append(quoted(case))

    @property
    def fates(self) -> Counter[Fate]:
        """Injections by fate, of all faults."""
        total: Counter[Fate] = Counter()
        for fates in self.by_fault.values():
            total.update(fates)
        return total

    @property
    def examples(self) -> tuple[int, ...]:
        """Ids of operations with a fault that nothing accounts for."""
        return tuple(self._examples)

    @property
    def quotes(self) -> str:
        """Their rows."""
        return "; ".join(self._quotes)

    def close(self) -> Entry:
        """INVALID if a fault is accounted for by nothing; UNKNOWN where that cannot be said, or no fault struck."""
        fates = self.fates
        injected, left = fates.total(), fates[Fate.UNACCOUNTED]
        if not self._written and not injected:
            return Entry(self.name, Status.UNKNOWN, None, "0 unaccounted", "no fault hit an operation", required=False)
        detail = in_words(fates)
        if left:
            detail = f"{left:,} of {injected:,} faults are accounted for by nothing, e.g. {self.quotes}; {detail}"
            return Entry(self.name, Status.INVALID, f"{left:,} unaccounted", "0 unaccounted", detail, self.examples)
        status, actual = Status.VALID, "0 unaccounted"
        if injected != self._written:
            status = Status.UNKNOWN
            detail = f"{self._written - injected:,} injected faults belong to no operation of the history; {detail}"
        elif fates[Fate.UNDECIDED]:
            status, actual = Status.UNKNOWN, f"{fates[Fate.UNDECIDED]:,} undecided"
            detail = f"no expected route and no baseline to compare with; {detail}"
        else:
            detail = f"{detail}; unaccounted: {zero_of(injected)}"
        return Entry(self.name, status, actual, "0 unaccounted", detail)

    def totals(self) -> dict[str, object]:
        """Return ``ledger``."""
        return {"ledger": self.as_json()}

    def as_json(self) -> dict[str, object]:
        """Return the balance as it stands in ``verdict.json``."""
        return {**balance(self.fates), "by_fault": {name: balance(fates) for name, fates in self.by_fault.items()}}


def balance(fates: Mapping[Fate, int]) -> dict[str, int]:
    """Return the terms of the equation: ``injected`` is the sum of the next four and ``unaccounted``.

    ``no_effect`` of ``served_late`` and ``undecided`` of ``unaccounted`` are shown again apart.
    """
    count = {fate: fates.get(fate, 0) for fate in Fate}
    return {
        "injected": sum(count.values()),
        "retried": count[Fate.RETRIED],
        "fell_back": count[Fate.FELL_BACK],
        "surfaced": count[Fate.SURFACED],
        "served_late": count[Fate.SERVED_LATE] + count[Fate.NO_EFFECT],
        "unaccounted": count[Fate.UNACCOUNTED] + count[Fate.UNDECIDED],
        "no_effect": count[Fate.NO_EFFECT],
        "undecided": count[Fate.UNDECIDED],
    }


def in_words(fates: Mapping[Fate, int]) -> str:
    """Return the balance as an equation in words."""
    terms = balance(fates)
    said = " + ".join(f"{terms[name]:,} {name.replace('_', ' ')}" for name in _TERMS)
    rest = f" + {terms['unaccounted']:,} unaccounted" if terms["unaccounted"] else ""
    idle = f" ({terms['no_effect']:,} of them without effect)" if terms["no_effect"] else ""
    return f"{terms['injected']:,} injected = {said}{idle}{rest}"


_TERMS = ("retried", "fell_back", "surfaced", "served_late")
