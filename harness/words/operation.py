"""The operation: one request driven through the target, as one flat record.

Every consumer (Locust's statistics, series, history, checkers) is a fold over operations and knows no other
consumer. A NamedTuple, because it is made once per request on the target's own core: creating one costs a
third of a frozen slotted dataclass, the garbage collector stops tracking it, and ``_fields`` is the column
schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from harness.words.place import Place


class Outcome(StrEnum):
    """How an operation ended. Exactly one each, always."""

    OK = "ok"
    FAILED = "failed"  # surfaced as an error
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"  # no outcome within the outer deadline
    SHED = "shed"  # refused by the target's declared rule

    __hash__ = str.__hash__  # Enum's own is a Python call, several times per operation


class Flag(StrEnum):
    """What is odd about an operation, beyond its outcome."""

    NO_ROUTE = "no_route"  # a ROUTE stage answered without a route
    MALFORMED = "malformed"  # the route is no text
    OVERSIZED = "oversized"  # the route was longer than ROUTE_LABEL_LIMIT characters
    STOPPED = "stopped"  # cancelled by the harness, whose user was stopped: says nothing about the target

    __hash__ = str.__hash__


CLOCKS = ("response", "service", "queue", "lag")
"""The four clocks of an operation: ``Operation.response_ns``, ``service_ns``, ``queue_ns``, ``lag_ns``."""


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    OK = "ok"  # its answer was taken
    FAILED = "failed"
    TIMEOUT = "timeout"  # cut off by its own timeout or by the chain's deadline
    REJECTED = "rejected"  # not executed: its breaker gave no permit
    SKIPPED = "skipped"  # not executed: no time was left for it
    CANCELLED = "cancelled"  # the operation was cancelled meanwhile

    __hash__ = str.__hash__


ROUTE_LABEL_LIMIT = 100
"""Characters of a route kept as its label; a longer one keeps its head and a checksum of the whole."""


LABELS_KEPT = 200
"""Distinct routes and errors that get rows of their own; a target that invents routes must not fill the memory."""

OTHER = "(other)"
"""What the further ones are counted as."""

STOPPED_ROUTE = "(stopped)"
"""Route in the series of operations that the harness cancelled: they took none, and the target is not to blame."""


AttemptTuple = tuple[str, int, int, int, str, str | None, str | None, int | None, int | None]
"""An attempt as it is read: route, tier, start_ns, end_ns, outcome, breaker, reason, given, left."""


class Decision(NamedTuple):
    """What the ROUTE stages of one operation chose.

    ``tier`` 0 is the primary route, 1, 2, ... are fallbacks in their declared order. ``asked_route`` is the
    route first tried: it differs from ``route`` exactly when a fallback answered. ``attempts`` is 1 unless the
    target reports more. ``confidence`` is None when the target gives none. ``tried`` are the attempts one by one,
    where the target tells them.
    """

    route: str | None
    asked_route: str | None = None
    confidence: float | None = None
    tier: int = 0
    attempts: int = 1
    flag: Flag | None = None
    tried: tuple[AttemptTuple, ...] = ()


class Operation(NamedTuple):
    """One request driven through the target. Times are nanoseconds of one monotonic clock.

    In a running process the clock is ``time.monotonic_ns``; in the history it has been moved to the Unix epoch
    by one constant per worker (see ``words.clock``), so that workers can be laid side by side.
    """

    id: int  # worker index << 40 | ordinal within the worker: unique in a run
    worker: int
    user: int  # ordinal of the user within its worker
    user_class: str
    scenario: str
    priority: int  # 0-9, 9 most urgent
    expected_route: str | None  # golden route of the corpus, None where it gives none
    intended_ns: int  # when it should have started
    start_ns: int  # when it was handed to the loop
    entered_ns: int | None  # when its first stage was entered, None if none was
    end_ns: int  # when its outcome was known
    resumed_ns: int  # when the user greenlet ran again
    outcome: Outcome
    route: str | None
    asked_route: str | None
    confidence: float | None
    tier: int
    attempts: int
    flag: Flag | None
    error: str | None  # "Type: message", at most 300 characters

    @property
    def decided_route(self) -> str | None:
        """The route that was decided on: where a fallback served it, the one that was asked first.

        None where that one is not known: a target that falls back and does not tell which route it asked first has
        ``asked_route`` None or equal to ``route``.
        """
        if not self.tier:
            return self.route
        return self.asked_route if self.asked_route != self.route else None

    @property
    def response_ns(self) -> int:
        """Response time: intended start to outcome."""
        return self.end_ns - self.intended_ns

    @property
    def service_ns(self) -> int | None:
        """Service time: first stage entered to outcome; None where no stage was entered."""
        return None if self.entered_ns is None else self.end_ns - self.entered_ns

    @property
    def queue_ns(self) -> int | None:
        """Queueing in the loop: handed to the loop to first stage entered; None where no stage was entered."""
        return None if self.entered_ns is None else self.entered_ns - self.start_ns

    @property
    def lag_ns(self) -> int:
        """Harness lag: intended start to handed over, and outcome to the moment its user ran again."""
        return (self.start_ns - self.intended_ns) + (self.resumed_ns - self.end_ns)


class Span(NamedTuple):
    """One execution of one stage inside an operation, on the operation's clock."""

    operation: int
    stage: str
    kind: str
    start_ns: int
    end_ns: int
    outcome: str  # the StageStatus value, or "error" / "cancelled" when it raised


class Injection(NamedTuple):
    """One fault that hit one operation, on the operation's clock."""

    operation: int
    fault: str  # its name in the plan
    kind: str
    place: str  # "stage router", "route premium, tier 0", "backend gpu-a"
    start_ns: int
    end_ns: int | None  # when the call it hit was over; None if it was not when the operation had its outcome
    window: int | None = None  # which window of the fault in this worker, from 0; None in histories of 0.1.0

    @property
    def at(self) -> Place:
        """The place as a value."""
        return Place.parse(self.place)


class Call(NamedTuple):
    """One call of a simulated backend, as its own log tells it: the truth next to what the pipeline says."""

    operation: int | None  # None where the call had no tag of an operation
    backend: str
    priority: int
    arrived_ns: int
    started_ns: int | None  # when it got its slot, None if it never did
    ended_ns: int
    outcome: str  # "served", "refused", "failed" or "cancelled"
    error: str | None


class Edge(NamedTuple):
    """A change of state at one moment: of a fault's window, or of a circuit breaker."""

    at_ns: int
    what: str  # "fault" or "breaker"
    name: str
    before: str
    after: str
    cause: str
    window: int | None = None  # of a fault: which of its windows in this worker, from 0; None in histories of 0.1.0


THE_RUN_ENDED = "the run ended"
"""Cause of the edge of a fault's window that was open when the run ended."""

FAULT_FAILED = "failed: "
"""Begins the cause of the edge that ends the window of a fault that raised as it was put in force, or undone."""


class Attempt(NamedTuple):
    """One try of one route inside an operation, as the target reports it, on the operation's clock."""

    operation: int
    ordinal: int  # place within the operation, from 0
    route: str
    tier: int
    start_ns: int
    end_ns: int
    outcome: str  # an AttemptOutcome
    breaker: str | None  # state of its breaker, None where it has none
    reason: str | None  # why it gave no answer, or was let through in spite of its breaker
    given: int | None = None  # checksum of the protected context it was given, None where none is told
    left: int | None = None  # of what it leaves to the attempts after it: the same, but for declared writes


STAGE_FRAME = "stage "
"""Begins the name of the function around each stage: a step that holds the thread is seen from outside, as a stack."""

SpanSeen = list[Any]
"""A span while its operation runs: stage, kind, start_ns, end_ns (0 while it runs itself), outcome."""

OPERATION_BITS = (1 << 63) - 1
"""Bits of the id of a request that hold its operation's id."""

WORKER_SHIFT = 40
"""Bits of an operation id that hold the ordinal within its worker."""


def operation_id(worker: int, ordinal: int) -> int:
    """Return the id of the ``ordinal``-th operation of ``worker``."""
    return (worker << WORKER_SHIFT) | ordinal


def worker_of(identifier: int) -> int:
    """Return the worker that sent an operation."""
    return identifier >> WORKER_SHIFT


def operation_index(identifier: int, sharers: Sequence[int]) -> int:
    """Return the index in the run of an operation; no two have the same.

    The ``sharers``, workers that were there when the run began, have 0, 1, 2, ... in turn. One that came later has no
    share in these: its operations have indices of their own beyond all others.
    """
    worker, ordinal = identifier >> WORKER_SHIFT, identifier & ((1 << WORKER_SHIFT) - 1)
    if worker in sharers:
        return ordinal * len(sharers) + sharers.index(worker)
    return (worker + 1 << WORKER_SHIFT) | ordinal


def display_id(identifier: int) -> str:
    """Return an operation id as people read it: ``worker-ordinal``."""
    return f"{identifier >> WORKER_SHIFT}-{identifier & ((1 << WORKER_SHIFT) - 1)}"
