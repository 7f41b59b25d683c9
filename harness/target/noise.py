"""The harness's noise floor: operations through a null pipeline, driven as those of the target are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from uuid import UUID

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from harness.judge.noise_floor import NoiseFloor
from harness.load.corpus import Scenario
from harness.target.runner import TargetRunner
from harness.target.sequential import Driver, drive_operation
from harness.target.target import Identity, Target
from harness.target.tracing import Trace
from harness.words.clock import now_ns
from harness.words.operation import Outcome

BATCHES, OPERATIONS = 15, 20
"""Batches, and operations in each: 2 ms, which fit between two turns of other processes that start as well.

With two workers on two processors the p99 of 300 operations in one piece was 4 to 16 ms, of a harness that adds 0.2 ms,
and the longest of each 60 was 8 to 16 ms.
"""

CALMEST = 5
"""Batches that make the floor: 100 operations, without which there is no p99."""

WARM_UP = 20
"""Operations before those that count: the first ones fill caches of Stageflow and of the interpreter."""

BUDGET_S = 0.15
"""After it no further operation is begun: a start must not become visibly slower on a slow machine."""

_DEADLINE_S = 1.0
_SCENARIO = Scenario("null", "null", 4)


class NullRouter:
    """Chooses the same route at once."""

    name = "null"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:  # noqa: ARG002  # a stage's signature
        """Choose."""
        return StageOutput.ok(route="null")


def null_runner() -> TargetRunner:
    """Return a target of one ROUTE stage that does nothing."""
    pipeline = Pipeline(name="null").with_stage("null", NullRouter, StageKind.ROUTE)
    return TargetRunner(Target(pipeline), "shared", "null")


def measure_noise(driver: Driver) -> NoiseFloor | None:
    """Return the response times that the harness and Stageflow alone give, None where they could not be measured."""
    runner = null_runner()
    until_ns = now_ns() + round(BUDGET_S * 1e9)
    taken_ns: list[int] = []
    for number in range(WARM_UP + BATCHES * OPERATIONS):
        if now_ns() > until_ns:
            break
        response_ns = _drive(driver, runner, number)
        if response_ns is None:
            return None
        if number >= WARM_UP:
            taken_ns.append(response_ns)
    return floor_of(taken_ns)


def floor_of(taken_ns: Sequence[int]) -> NoiseFloor | None:
    """Return the floor of response times in the order they were taken: the ``CALMEST`` batches with the lowest maxima.

    What else the machine does while processes start is not the harness's doing, and passes; what the harness adds is in
    every batch. None with fewer whole batches.
    """
    begins = range(0, len(taken_ns) - OPERATIONS + 1, OPERATIONS)
    batches = sorted((taken_ns[begin : begin + OPERATIONS] for begin in begins), key=max)
    if len(batches) < CALMEST:
        return None
    ordered = sorted(chain.from_iterable(batches[:CALMEST]))
    p50, p95, p99 = (ordered[math.ceil(share * len(ordered)) - 1] / 1e6 for share in (0.5, 0.95, 0.99))
    return NoiseFloor(p50, p95, p99, max(taken_ns) / 1e6)


def _drive(driver: Driver, runner: TargetRunner, number: int) -> int | None:
    """Return the response time of one operation, None if it did not end ok."""
    trace = Trace()
    unique = UUID(int=number)
    start_ns = now_ns()
    reply = drive_operation(driver, runner, _SCENARIO, Identity(unique, unique, unique, unique), trace, _DEADLINE_S)
    if reply.outcome is not Outcome.OK or trace.end_ns is None:
        return None
    return trace.end_ns - start_ns
