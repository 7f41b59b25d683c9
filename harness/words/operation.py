"""The operation: one request driven through the target, as one flat record.

Every consumer (Locust's statistics, series, history, checkers) is a fold over operations and knows no other
consumer. A NamedTuple, because it is made once per request on the target's own core: creating one costs a
third of a frozen slotted dataclass, and the garbage collector stops tracking it. Each field declares its column of the
history; ``words.schema`` has the tables that follow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from harness.words.column import Column, integer, ns, text
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


_ID = integer(64, "id of the operation")


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

    id: Annotated[int, integer(64, "2⁴⁰ times the worker, plus an ordinal: unique in a run; shown as worker-ordinal")]
    worker: Annotated[int, integer(32, "worker that sent it")]
    user: Annotated[int, integer(32, "ordinal of the user within its worker")]
    user_class: Annotated[str, text("class of the user")]
    scenario: Annotated[str, text("what was sent: an id of the corpus")]
    priority: Annotated[int, integer(8, "0 to 9, 9 most urgent", most=9)]
    expected_route: Annotated[str | None, text("golden route of the corpus")]
    intended_ns: Annotated[int, ns("when it should have started")]
    start_ns: Annotated[int, ns("when it was handed to the loop")]
    entered_ns: Annotated[int | None, ns("when its first stage was entered")]
    end_ns: Annotated[int, ns("when its outcome was known")]
    resumed_ns: Annotated[int, ns("when its user ran again")]
    outcome: Annotated[Outcome, text("ok, failed, cancelled, timeout or shed")]
    route: Annotated[str | None, text("the decided route")]
    asked_route: Annotated[str | None, text("the route first tried")]
    confidence: Annotated[float | None, Column("", "float32", "as the target gave it", least=-math.inf)]
    tier: Annotated[int, integer(16, "0 is the primary route, 1, 2, ... are fallbacks")]
    attempts: Annotated[int, integer(32, "attempts, 1 unless the target reports more")]
    flag: Annotated[Flag | None, text("what is odd about it: no_route, malformed, oversized or stopped")]
    error: Annotated[str | None, text("Type: message, at most 300 characters: of a longer one its begin and its end")]

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

    operation: Annotated[int, _ID]
    stage: Annotated[str, text("name of the stage")]
    kind: Annotated[str, text("kind of the stage")]
    start_ns: Annotated[int, ns("when it was entered")]
    end_ns: Annotated[int, ns("when it was left")]
    # A stage that raises has error or cancelled; one that still runs as its operation is over is unfinished.
    outcome: Annotated[
        str, text("Stageflow's status, or error, cancelled or unfinished (its operation was over first)")
    ]


class Injection(NamedTuple):
    """One fault that hit one operation, on the operation's clock."""

    operation: Annotated[int, integer(64, "id of the operation it hit")]
    fault: Annotated[str, text("its name in the fault plan")]
    kind: Annotated[str, text("kind of the fault")]
    place: Annotated[str, text("where it hit: a stage, a route with its tier, a backend")]
    start_ns: Annotated[int, ns("when it hit")]
    end_ns: Annotated[int | None, ns("when the call it hit was over; none if it was not when its operation was")]
    window: Annotated[int | None, integer(64, "which window of the fault in its worker, from 0", since=2)] = None

    @property
    def at(self) -> Place:
        """The place as a value."""
        return Place.parse(self.place)


class CallOutcome(StrEnum):
    """How a call to a backend ended."""

    SERVED = "served"
    REFUSED = "refused"  # the queue was full
    FAILED = "failed"  # overload, or a fault
    CANCELLED = "cancelled"


class Call(NamedTuple):
    """One call of a simulated backend, as its own log tells it: the truth next to what the pipeline says."""

    operation: Annotated[int | None, integer(64, "id of the operation; none where the call was not tagged with it")]
    backend: Annotated[str, text("name of the simulated backend")]
    # The target gives it, so that any number of 8 bits can come.
    priority: Annotated[int, integer(8, "0 to 9, 9 most urgent", least=-math.inf)]
    arrived_ns: Annotated[int, ns("when the call came")]
    started_ns: Annotated[int | None, ns("when it got its slot; none if it never did")]
    ended_ns: Annotated[int, ns("when it was over")]
    outcome: Annotated[str, text("served, refused, failed or cancelled")]
    error: Annotated[str | None, text("what it failed with")]


class Edge(NamedTuple):
    """A change of state at one moment: of a fault's window, or of a circuit breaker."""

    at_ns: Annotated[int, ns("when the state changed")]
    what: Annotated[str, text("fault or breaker")]
    name: Annotated[str, text("whose state")]
    before: Annotated[str, text("state before")]
    after: Annotated[str, text("state after")]
    cause: Annotated[str, text("why")]
    window: Annotated[int | None, integer(64, "of a fault: which of its windows in its worker, from 0", since=2)] = None


THE_RUN_ENDED = "the run ended"
"""Cause of the edge of a fault's window that was open when the run ended."""

FAULT_FAILED = "failed: "
"""Begins the cause of the edge that ends the window of a fault that raised as it was put in force, or undone."""


class Attempt(NamedTuple):
    """One try of one route inside an operation, as the target reports it, on the operation's clock."""

    operation: Annotated[int, _ID]
    ordinal: Annotated[int, integer(16, "place within the operation, from 0")]
    route: Annotated[str, text("the route tried")]
    tier: Annotated[int, integer(16, "its tier")]
    start_ns: Annotated[int, ns("when it began")]
    end_ns: Annotated[int, ns("when it was over")]
    outcome: Annotated[str, text("what came of it: ok, failed, timeout, rejected, skipped or cancelled")]
    breaker: Annotated[str | None, text("state of its circuit breaker")]
    reason: Annotated[str | None, text("why it gave no answer, or was let through in spite of its breaker")]
    given: Annotated[int | None, integer(64, "checksum of the protected context it was given", least=-math.inf)] = None
    left: Annotated[
        int | None,
        integer(
            64, "the same of what it left to the attempts after it: equal, but for declared writes", least=-math.inf
        ),
    ] = None


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
