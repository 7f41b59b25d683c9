"""Cases made from a few words. Times are milliseconds after the operation's start; it ends after 100 of them."""

from __future__ import annotations

from harness.judge.case import Case
from harness.judge.checkers.disturbances.fault_windows import FaultWindow, windows_of
from harness.load.faults.plan import parse_fault_plan
from harness.words.operation import Attempt, Call, Edge, Flag, Injection, Operation, Outcome, Span

MS = 1_000_000
START_NS = 1_740_000_000_000_000_000

OPEN, HALF_OPEN, CLOSED = "open", "half_open", "closed"


def operation(ordinal: int = 0, *, at_ms: float | None = None, **fields: object) -> Operation:
    """Return an operation that ended ok after 100 ms, begun ``at_ms`` (or as many as its ordinal) after the start."""
    begun = START_NS + round((ordinal if at_ms is None else at_ms) * MS)
    ended = begun + 100 * MS
    said = (Outcome.OK, "fast", "fast", 0.5, 0, 1, None, None)
    times = (begun, begun, begun, ended, ended)
    return Operation(ordinal, 0, 0, "NormalUser", "s1", 4, "fast", *times, *said)._replace(**fields)


def made(
    tried: str = "",
    *,
    ordinal: int = 0,
    at_ms: float | None = None,
    injections: tuple[tuple[object, ...], ...] = (),
    calls: tuple[tuple[object, ...], ...] = (),
    spans: tuple[tuple[object, ...], ...] = (("router", "route", 0, 100),),
    **fields: object,
) -> Case:
    """Return a case.

    Args:
        tried: attempts such as ``a0 failed, a0 failed, b1 ok``: route, tier, outcome, and a breaker's state; each
            takes 10 ms (none where it was not run).
        ordinal: of the operation.
        at_ms: when it began, in milliseconds after the start; its ordinal if not given.
        injections: (fault, kind, place, start, end).
        calls: (backend, arrived, ended, outcome).
        spans: (stage, kind, start, end).
        fields: of the operation, which fits the attempts where they say nothing.

    """
    words = [attempt.split() for attempt in tried.split(", ") if attempt]
    base = operation(ordinal, at_ms=at_ms)
    attempts, at = [], 0
    for place, (where, outcome, *breaker) in enumerate(words):
        took = 0 if outcome in ("rejected", "skipped") else 10
        times = base.start_ns + at * MS, base.start_ns + (at + took) * MS
        state = breaker[0] if breaker else None
        attempts.append(Attempt(base.id, place, where[:-1], int(where[-1]), *times, outcome, state, None))
        at += took
    return Case(
        _fitting(base, attempts)._replace(**fields),
        attempts,
        [Injection(base.id, *_at(row, base, 3, 4)) for row in injections],
        [_call(base, *row) for row in calls],
        [Span(base.id, *_at(row, base, 2, 3), "ok") for row in spans],
    )


def _fitting(base: Operation, attempts: list[Attempt]) -> Operation:
    if not attempts:
        return base
    last = attempts[-1]
    if last.outcome != "ok":
        error = "ChainFailedError: no route answered"
        fields = {"outcome": Outcome.FAILED, "route": None, "asked_route": None, "error": error}
    else:
        fields = {"route": last.route, "asked_route": attempts[0].route, "tier": last.tier}
    expected = attempts[0].route
    return base._replace(attempts=len(attempts), expected_route=expected, **fields)


def _at(row: tuple[object, ...], base: Operation, *times: int) -> list[object]:
    return [
        base.start_ns + round(value * MS) if place in times and value is not None else value
        for place, value in enumerate(row)
    ]


def _call(base: Operation, backend: str, arrived: float, ended: float, outcome: str) -> Call:
    began, over = base.start_ns + round(arrived * MS), base.start_ns + round(ended * MS)
    error = None if outcome == "served" else "ConnectionError: 503"
    return Call(base.id, backend, 4, began, None if outcome == "refused" else began, over, outcome, error)


def stopped(**changes: object) -> dict[str, object]:
    """Return the fields of an operation that the harness stopped."""
    return {"outcome": Outcome.CANCELLED, "flag": Flag.STOPPED, "route": None, "tier": 0, **changes}


def edge(
    at_ns: int, name: str, before: str, after: str, cause: str = "failures in a row: 5", what: str = "breaker"
) -> Edge:
    """Return an edge of a breaker, or of a fault's window."""
    return Edge(at_ns, what, name, before, after, cause)


def decided(checker, cases):
    """Return what a checker decides on cases."""
    for case in cases:
        checker.add(case)
    return checker.close()


PLAN = parse_fault_plan(
    b"""
[[fault]]
name = "down"
where = { route = "a", tier = 0 }
what = { kind = "error" }
when = { from_s = 1, to_s = 2 }
[[fault]]
name = "forced"
where = { breaker = "a" }
what = { kind = "breaker_open" }
when = { from_s = 1, to_s = 2 }
[[fault]]
name = "gone"
where = { backend = "b" }
what = { kind = "hang" }
when = { from_s = 1, to_s = 2 }
[[fault]]
name = "first hundred"
where = { stage = "router" }
what = { kind = "latency", ms = 5 }
when = { operations = [0, 99] }
""",
    "plan",
)


def at(seconds: float) -> int:
    """Return the Unix nanoseconds of a moment of the run."""
    return START_NS + round(seconds * 1000 * MS)


def opened(name: str, start_s: float, end_s: float, cause: str = "2.00 s") -> list[Edge]:
    """Return the edges of one window of a fault."""
    return [
        edge(at(start_s), name, "closed", "open", f"{start_s:.2f} s", "fault"),
        edge(at(end_s), name, "open", "closed", cause, "fault"),
    ]


def windows(*edges: Edge, worker: int = 0) -> list[FaultWindow]:
    """Return the windows that the edges of one worker tell of."""
    return windows_of({worker: sorted(edges)}, PLAN.fault)
