"""The client: one call = one operation = one Locust request event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlet import GreenletExit
from locust.exception import StopUser
from locust.runners import STATE_CLEANUP

from harness.load.corpus.corpus import Scenario
from harness.pipeline.driving import drive_operation
from harness.pipeline.runner import NO_DECISION, Reply
from harness.pipeline.target import tried_in
from harness.pipeline.tracing import Trace
from harness.swarm.loading.session import Session
from harness.words.clock import now_ns
from harness.words.errors import one_line
from harness.words.operation import Decision, Flag, Operation, Outcome, operation_id

if TYPE_CHECKING:
    from locust import User

ROUTE = "ROUTE"
FALLBACK = "FALLBACK"
UNDECIDED = "(no decision)"
_new_operation = tuple.__new__  # Operation(...) is a Python call with twenty arguments more
_STOPPED = Decision(None, flag=Flag.STOPPED)
_OF_DECISION = Decision._fields.index("flag") + 1
"""Fields of a decision that an operation has as well, in the same order, before its error."""

assert Operation._fields[-_OF_DECISION - 1 :] == (*Decision._fields[:_OF_DECISION], "error")


def _cut_short(thrown: BaseException) -> Reply:
    """Return what an operation came to whose user had something thrown into it."""
    if isinstance(thrown, GreenletExit):
        return Reply(Outcome.CANCELLED, _STOPPED, "cancelled: the user was stopped")
    return Reply(Outcome.CANCELLED, NO_DECISION, one_line(thrown))


class StageflowClient:
    """Drives scenarios through the target on behalf of one user.

    Args:
        session: what the users of this worker share.
        user: the user whose class and environment the operations carry.

    """

    def __init__(self, session: Session, user: User) -> None:
        self._session = session
        self._user_class = type(user).__name__
        self._ordinal = session.new_user()
        self._identity = session.user_identity(self._ordinal)
        self._first_id = operation_id(session.worker, 0)
        self._fire = user.environment.events.request.fire
        self._runner = user.environment.runner
        self._known_names = session.names.kept

    def route(self, scenario: Scenario, intended_ns: int | None = None) -> Operation:
        """Run one scenario and return its operation, recorded and reported, whatever became of it.

        Args:
            scenario: the input.
            intended_ns: monotonic nanoseconds at which the operation should have started; now, if not given. Waiting
                from then on counts in its response time, at the gate as well.

        Raises:
            GreenletExit: the user was killed meanwhile; the operation is recorded as cancelled first.
            StopUser: the run is ending, no operation was started.

        """
        session = self._session
        if session.gate.closed:
            session.gate.wait(self._ending)
        if self._runner is not None and self._runner.state == STATE_CLEANUP:
            # Locust kills waiting users; one whose wait ends in that moment would begin here, and then be killed.
            raise StopUser
        identifier = self._first_id + session.started
        session.started += 1
        trace = Trace()
        stop: BaseException | None = None
        start_ns = now_ns()
        identity = session.identity(identifier, self._identity)
        try:
            outcome, decision, error = drive_operation(
                session.loop, session.runner, scenario, identity, trace, session.deadline_s
            )
        except BaseException as thrown:  # noqa: BLE001  # into this greenlet: its operation is not lost either
            stop = thrown
            outcome, decision, error = _cut_short(thrown)
        resumed_ns = now_ns()
        if trace.running:
            trace.cut_off(resumed_ns)
        spans = trace.spans
        operation = _new_operation(
            Operation,
            (
                identifier,
                session.worker,
                self._ordinal,
                self._user_class,
                scenario.id,
                scenario.priority,
                scenario.expected_route,
                start_ns if intended_ns is None else int(intended_ns),
                start_ns,
                spans[0][2] if spans else None,
                resumed_ns if trace.end_ns is None else trace.end_ns,
                resumed_ns,
                outcome,
                *decision[:_OF_DECISION],
                error,
            ),
        )
        tried = decision.tried or (() if trace.reported_attempts is None else tried_in(trace.reported_attempts)[0])
        session.record(operation, spans, tried)
        if trace.hit is not None and trace.hit.injections:
            session.note("injections", trace.hit.injections)
        self._report(operation)
        if stop is not None:
            raise stop
        return operation

    def _ending(self) -> bool:
        return self._runner is not None and self._runner.state == STATE_CLEANUP

    def _report(self, operation: Operation) -> None:
        """Fire Locust's request event: statistics, web UI and stock CSV."""
        error = operation.error
        name = operation.asked_route or operation.expected_route or UNDECIDED
        self._fire(
            request_type=FALLBACK if operation.tier else ROUTE,
            name=name if name in self._known_names else self._session.names.of(name),
            response_time=(operation.end_ns - operation.intended_ns) / 1e6,
            response_length=0,
            exception=None if error is None else self._session.errors.of(error),
            context=operation,
        )
