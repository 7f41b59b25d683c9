"""What backends and breakers of the target tell of themselves: the truth beside what its pipeline says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, cast
from uuid import UUID

from harness.pipeline.tracing import current_trace
from harness.words.clock import now_ns
from harness.words.components import BACKEND, BREAKER, Owner, components
from harness.words.operation import OPERATION_BITS, Call, Edge

Rows = Iterable[tuple[object, ...]]


class LoggedCall(Protocol):
    """A row of a backend's log."""

    backend: str
    tag: object
    priority: int
    arrived_ns: int
    started_ns: int | None
    ended_ns: int
    outcome: str
    error: str | None


class Logging(Protocol):
    """A backend."""

    name: str
    fault: Callable[..., Awaitable[None]] | None

    def keep_log(self, limit: int = ...) -> None:
        """Log calls from now on."""

    def take_log(self) -> tuple[list[LoggedCall], int]:
        """Return the calls since it was last taken, and how many more were lost."""


class BreakerChange(Protocol):
    """An event of a breaker."""

    breaker: str
    before: str
    after: str
    cause: str
    detail: str


class Audible(Protocol):
    """A breaker."""

    def listen(self, on_event: Callable[[BreakerChange], None]) -> Callable[[], None]:
        """Tell of every edge; return what ends that."""


class Truth:
    """Writes down what the parts of the target tell while a run goes on.

    Args:
        note: takes rows of a table of the history.
        owner: the build of the target whose parts are listened to.
        inject: whether faults may be put around the calls of backends.

    """

    def __init__(self, note: Callable[[str, Rows], None], owner: Owner | None, *, inject: bool) -> None:
        self._note = note
        self._backends = [cast(Logging, part) for part in components(BACKEND, owner=owner)]
        self._undo = [cast(Audible, part).listen(self._on_edge) for part in components(BREAKER, owner=owner)]
        self.lost_calls = 0
        for backend in self._backends:
            backend.take_log()
            backend.keep_log()
            if inject:
                self._undo.append(_put_around(backend))

    def gather(self) -> None:
        """Write down the calls that have ended since it was last asked."""
        for backend in self._backends:
            logged, lost = backend.take_log()
            self.lost_calls += lost
            self._note("calls", [_call(call) for call in logged])

    def stop(self) -> None:
        """Leave the parts alone; idempotent."""
        self.gather()
        for undo in self._undo:
            undo()
        self._undo = []

    def _on_edge(self, event: BreakerChange) -> None:
        cause = f"{event.cause}: {event.detail}" if event.detail else str(event.cause)
        self._note("edges", [Edge(now_ns(), "breaker", event.breaker, str(event.before), str(event.after), cause)])


def _call(logged: LoggedCall) -> Call:
    tag = logged.tag
    operation = tag.int & OPERATION_BITS if isinstance(tag, UUID) else None
    return Call(
        operation,
        logged.backend,
        logged.priority,
        logged.arrived_ns,
        logged.started_ns,
        logged.ended_ns,
        str(logged.outcome),
        logged.error,
    )


def _put_around(backend: Logging) -> Callable[[], None]:
    """Put the faults of the plan around a backend's calls, within what the target itself has there; return the undo."""
    own = backend.fault
    backend.fault = _faulty if own is None else lambda info, serve: own(info, lambda: _faulty(info, serve))

    def take_away() -> None:
        backend.fault = own

    return take_away


async def _faulty(info: LoggedCall, serve: Callable[[], Awaitable[None]]) -> None:
    """Serve the call of an operation, with the faults that are open for its backend."""
    trace = current_trace.get()
    if trace is None or trace.hit is None:
        await serve()
    else:
        await trace.hit.backend(info.backend, serve)
