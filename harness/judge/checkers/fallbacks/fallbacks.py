"""Fallback correctness: fallbacks rightly used and in order; and what other checkers ask of ways down a chain.

Inside an attempt a route may ask several backends: that is its own matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.judge.case import QUOTES, Case, primary_answered_first, quoted, ran, walks
from harness.judge.checker import OfCases
from harness.judge.entry import EXAMPLES, Entry, Status, Unseen, zero_of
from harness.judge.evidence import Need
from harness.words.operation import LABELS_KEPT, Attempt, AttemptOutcome, Outcome

FAILED = frozenset({AttemptOutcome.FAILED, AttemptOutcome.TIMEOUT})
CLOSED = "closed"


NOTHING_UNSEEN = Unseen()


class Violations:
    """Violations of one property: how many, a few operations, and fewer quotes of their rows."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._examples: list[int] = []
        self._quotes: list[str] = []

    def add(self, kind: str, case: Case) -> None:
        """Take one violation."""
        self.kinds[kind] += 1
        identifier = case.operation.id
        if identifier not in self._examples and len(self._examples) < EXAMPLES:
            self._examples.append(identifier)
        if len(self._quotes) < QUOTES:
            self._quotes.append(f"{kind}: {quoted(case)}")

    def decide(self, name: str, n: int, what: str, missing: str, unseen: Unseen = NOTHING_UNSEEN) -> Entry:
        """Return the entry: INVALID with the violations, VALID with n.

        UNKNOWN with what is missing where n is 0, and where more operations could not be looked at than could.
        """
        total = self.kinds.total()
        if total:
            kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.kinds.items()))
            detail = unseen.beside(n, f"{kinds}; of {n:,} cases, e.g. {'; '.join(self._quotes)}")
            return Entry(name, Status.INVALID, f"{total:,}", "0", detail, tuple(self._examples))
        if not n and not unseen.count:
            return Entry(name, Status.UNKNOWN, None, "0", missing, required=False)
        detail = unseen.beside(n, f"{what}: {zero_of(n)}")
        if unseen.outweighs(n):
            return Entry(name, Status.UNKNOWN, None, "0", detail, required=False)
        return Entry(name, Status.VALID, "0", "0", detail)


def wrong_uses(walk: Sequence[Attempt]) -> Iterator[str]:
    """Yield what is wrong with a way down a chain: ``false`` and ``order``, each at most once.

    A fallback is used rightly when every tier above it was tried and failed or timed out, was rejected by a breaker
    that was not closed (open, or out of probes), or was skipped for want of time.
    """
    tiers = [attempt.tier for attempt in walk]
    in_order = all(0 <= after - before <= 1 for before, after in pairwise(tiers))
    starts = [attempt.start_ns for attempt in walk]
    if not in_order or starts != sorted(starts):
        yield "order"
    if not all(_rightly_used(walk, place) for place, attempt in enumerate(walk) if attempt.tier and ran(attempt)):
        yield "false"


def _rightly_used(walk: Sequence[Attempt], place: int) -> bool:
    last_of = {attempt.tier: attempt for attempt in walk[:place] if attempt.tier < walk[place].tier}
    return 0 in last_of and all(gave_way(attempt) for attempt in last_of.values())


def gave_way(attempt: Attempt) -> bool:
    """Whether the next tier may be tried after an attempt."""
    if attempt.outcome == AttemptOutcome.REJECTED:
        return attempt.breaker != CLOSED
    return attempt.outcome in FAILED or attempt.outcome == AttemptOutcome.SKIPPED


def given_up(case: Case) -> tuple[str, ...] | None:
    """Return the routes an operation tried before it ended without an answer, None where it did not give up.

    Cancelled operations did not: a chain must stop then.
    """
    if not case.attempts or case.stopped or case.operation.outcome in (Outcome.OK, Outcome.CANCELLED, Outcome.SHED):
        return None
    last = walks(case.attempts)[-1]
    return routes_of(last) if last[-1].outcome in FAILED or last[-1].outcome == AttemptOutcome.REJECTED else None


def routes_of(walk: Sequence[Attempt]) -> tuple[str, ...]:
    """Return the routes of a way down a chain, one per tier."""
    return tuple(dict.fromkeys(attempt.route for attempt in walk))


TELLS_NONE = "the target tells no attempts"


def untold(count: int) -> Unseen:
    """Return the operations whose attempts are not told."""
    return Unseen(count, "of these no attempts are told")


class Ways:
    """The orders of routes seen in a run: by them it is known whether a next route existed."""

    def __init__(self) -> None:
        self._begun: set[tuple[str, ...]] = set()  # every beginning of a way that went on

    def add(self, case: Case) -> None:
        """Take the ways of one case."""
        if primary_answered_first(case.attempts):
            return
        for walk in walks(case.attempts):
            routes = routes_of(walk)
            if routes[:-1] in self._begun or len(self._begun) >= LABELS_KEPT:
                continue
            self._begun.update(routes[:end] for end in range(1, len(routes)))

    def went_on(self, routes: tuple[str, ...]) -> bool:
        """Whether an operation that tried these routes tried another one after them."""
        return routes in self._begun


class FallbackCorrectness(OfCases):
    """Fallbacks are used when their primary gave way, as soon as it did, and in their declared order.

    *False*: a tier above 0 was used and a tier before it had neither failed, nor been open, nor run out of time.
    *Missed*: a tier failed, other operations show that a next one exists, it was not tried and the operation did not
    end ok. *Order*: a tier was left out or came before an earlier one. Source: ROUTE-004.
    """

    name = "fallback correctness"
    place = 60
    needs = frozenset({Need.ATTEMPTS})
    means = "a fallback was used without need, was missed, or came out of order"
    advice = "Check when the chain goes on: after a failure, a timeout or an open breaker only."
    invalid_when = (
        "*false*: a tier above 0 was used and a tier before it had neither failed, nor timed out, nor been rejected "
        "by a breaker that was not closed, nor been skipped for want of time. *Missed*: the last tier tried gave "
        "no answer, other operations tried another route after the same ones, this one did not, and it failed or "
        "timed out. *Order*: a tier was left out, or came before an earlier one"
    )
    unknown_when = "most operations tell no attempts"
    source = "ROUTE-004"

    def __init__(self) -> None:
        self._cases = 0
        self._untold = 0
        self._found = Violations()
        self._ways = Ways()
        self._given_up: dict[tuple[str, ...], list[Case]] = {}
        self._given_up_counts: Counter[tuple[str, ...]] = Counter()

    def add(self, case: Case) -> None:
        """Look at one operation whose attempts are told."""
        if case.stopped:
            return
        if not case.attempts:
            self._untold += 1
            return
        self._cases += 1
        if primary_answered_first(case.attempts):
            return
        self._ways.add(case)
        for kind in dict.fromkeys(kind for walk in walks(case.attempts) for kind in wrong_uses(walk)):
            self._found.add(kind, case)
        routes = given_up(case)
        if routes is not None and (routes in self._given_up_counts or len(self._given_up_counts) < LABELS_KEPT):
            self._given_up_counts[routes] += 1
            kept = self._given_up.setdefault(routes, [])
            if len(kept) < EXAMPLES:
                kept.append(case)

    def close(self) -> Entry:
        """INVALID if a fallback was false, missed or out of order; UNKNOWN where no attempts are told."""
        for routes, count in self._given_up_counts.items():
            if self._ways.went_on(routes):
                for case in self._given_up[routes]:
                    self._found.add("missed", case)
                self._found.kinds["missed"] += count - len(self._given_up[routes])
        what = "false, missed or out of order"
        return self._found.decide(self.name, self._cases, what, TELLS_NONE, untold(self._untold))

    @property
    def kinds(self) -> Counter[str]:
        """Violations by kind; complete once closed."""
        return self._found.kinds
