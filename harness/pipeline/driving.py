"""Operations one at a time: driving one and taking whatever becomes of it, and the sequential pass."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Protocol
from uuid import UUID

from harness.load.corpus.corpus import Scenario
from harness.pipeline.runner import NO_DECISION, Reply, TargetRunner
from harness.pipeline.target import Identity
from harness.pipeline.tracing import Trace
from harness.words.clock import now_ns
from harness.words.errors import DeadlineExceeded, one_line
from harness.words.operation import Operation, Outcome, operation_id

_NOBODY = UUID(int=1)
"""Session and user of a sequential pass."""


class Driver(Protocol):
    """Runs a coroutine on a loop and waits for it (``harness.loop.HubLoop``)."""

    def drive(self, coro: Coroutine[object, object, Reply], deadline_s: float | None = None) -> Reply:
        """Return the result of ``coro``; raise what it raises, or ``DeadlineExceeded``."""


def drive_operation(
    driver: Driver, runner: TargetRunner, scenario: Scenario, identity: Identity, trace: Trace, deadline_s: float
) -> Reply:
    """Run one operation and return what it came to, whatever ended it.

    Raised is only what was thrown into the caller while it waited.
    """
    try:
        return driver.drive(runner.run(scenario, identity, trace), deadline_s)
    except DeadlineExceeded:
        trace.end_ns = None  # it ends now; its task may go on
        return Reply(Outcome.TIMEOUT, NO_DECISION, f"no outcome within {deadline_s * 1000:g} ms")
    except asyncio.CancelledError as error:
        return Reply(Outcome.CANCELLED, NO_DECISION, one_line(error))
    except (Exception, GeneratorExit) as error:  # noqa: BLE001  # of the task: no sample is lost, whatever ended it
        return Reply(Outcome.FAILED, NO_DECISION, one_line(error))


def run_sequential(
    driver: Driver,
    runner: TargetRunner,
    scenarios: Iterable[Scenario],
    deadline_s: float,
    budget_s: float | None = None,
) -> list[Operation]:
    """Run scenarios one after the other and return an operation for each; see ``one_by_one``."""
    return list(one_by_one(driver, runner, scenarios, deadline_s, budget_s))


def one_by_one(
    driver: Driver,
    runner: TargetRunner,
    scenarios: Iterable[Scenario],
    deadline_s: float,
    budget_s: float | None = None,
) -> Iterator[Operation]:
    """Run scenarios one after the other, each when its operation is asked for.

    After ``budget_s`` seconds (None: never) no further scenario is begun; the first one always is.
    """
    begun_ns = now_ns()
    for ordinal, scenario in enumerate(scenarios):
        if budget_s is not None and ordinal and now_ns() - begun_ns > budget_s * 1e9:
            return
        unique = UUID(int=ordinal + 1)  # a router that knows a request again must not take it for the one before
        identity = Identity(unique, unique, _NOBODY, _NOBODY)
        yield _run_one(driver, runner, scenario, identity, deadline_s, ordinal)


def _run_one(
    driver: Driver, runner: TargetRunner, scenario: Scenario, identity: Identity, deadline_s: float, ordinal: int
) -> Operation:
    trace = Trace()
    start_ns = now_ns()
    reply = drive_operation(driver, runner, scenario, identity, trace, deadline_s)
    end_ns = now_ns() if trace.end_ns is None else trace.end_ns
    return Operation(
        id=operation_id(0, ordinal),
        worker=0,
        user=0,
        user_class="(sequential)",
        scenario=scenario.id,
        priority=scenario.priority,
        expected_route=scenario.expected_route,
        intended_ns=start_ns,
        start_ns=start_ns,
        entered_ns=trace.entered_ns,
        end_ns=end_ns,
        resumed_ns=end_ns,
        outcome=reply.outcome,
        route=reply.decision.route,
        asked_route=reply.decision.asked_route,
        confidence=reply.decision.confidence,
        tier=reply.decision.tier,
        attempts=reply.decision.attempts,
        flag=reply.decision.flag,
        error=reply.error,
    )
