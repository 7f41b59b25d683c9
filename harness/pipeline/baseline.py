"""The sequential pass: scenarios one after the other, before the load and without any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import UUID

from harness.load.corpus.corpus import Scenario
from harness.pipeline.driving import Driver, drive_operation
from harness.pipeline.runner import TargetRunner
from harness.pipeline.target import Identity
from harness.pipeline.tracing import Trace
from harness.words.clock import now_ns
from harness.words.operation import Operation, operation_id

_NOBODY = UUID(int=1)
"""Session and user of a sequential pass."""


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
