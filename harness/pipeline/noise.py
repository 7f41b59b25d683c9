"""The harness's noise floor: operations through a null pipeline, driven as those of the target are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import chain
from uuid import UUID

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from harness.judge.criteria.noise_floor import NoiseFloor
from harness.load.corpus.corpus import Scenario
from harness.pipeline.driving import Driver, drive_operation
from harness.pipeline.runner import TargetRunner
from harness.pipeline.target import Identity, Target
from harness.pipeline.tracing import Trace
from harness.words.clock import now_ns
from harness.words.operation import Outcome

BURSTS = 15
"""How often users send together, each time after a pause."""

MOST_TOGETHER = 10
"""Users of a burst where there are as many: those that happen to send in the same millisecond, not all there are."""

CALM = 2 / 3
"""Share of the bursts that make the floor, those with the lowest maxima: other processes start as well, and pass.

With two workers on two processors the longest of each 60 operations was 8 to 16 ms, of a harness that adds 1 ms.
"""

PAUSE_S = 0.02
"""How long the process sleeps before a burst: after 20 ms the caches are others'.

What wakes after 1 ms took 0.17 ms, after 10 ms 0.3 to 0.45 ms, after 20 ms 0.5 ms, after 100 ms 0.52 ms.
"""

BUDGET_S = 0.35
"""After it no further burst is begun: a start must not become visibly slower on a slow machine."""

FEWEST_BURSTS = 8
"""With fewer done in time, nothing is known of the floor."""

BATCHES, BATCH = 3, 20
"""Operations one after the other, for the best there is: the calmest batch of them."""

WARM_UP = 20
"""Operations before those that count: the first ones fill caches of Stageflow and of the interpreter."""

Together = Callable[[int, Callable[[], None]], None]
"""Sleeps ``PAUSE_S`` in so many greenlets, then calls in each of them, and returns when all have."""

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


def measure_noise(driver: Driver, together: Together, users: int) -> NoiseFloor | None:
    """Return the response times that the harness and Stageflow alone give, None where they could not be measured.

    Measured is what users see: they wake from a sleep, up to ``MOST_TOGETHER`` of the ``users`` at once.
    """
    bench = _Bench(driver)
    tight = [bench.drive() for _ in range(WARM_UP + BATCHES * BATCH)][WARM_UP:]
    until_ns = now_ns() + round(BUDGET_S * 1e9)
    bursts: list[list[int]] = []
    while len(bursts) < BURSTS and now_ns() < until_ns and not bench.failed:
        bursts.append(bench.burst(together, max(min(users, MOST_TOGETHER), 1)))
    return None if bench.failed else floor_of(bursts, tight)


def floor_of(bursts: Sequence[Sequence[int]], tight: Sequence[int]) -> NoiseFloor | None:
    """Return the floor of response times by burst, and of those of operations one after the other, in their order.

    The floor is that of the calm bursts. None with fewer than ``FEWEST_BURSTS``.
    """
    if len(bursts) < FEWEST_BURSTS:
        return None
    calm = sorted(bursts, key=max)[: math.ceil(CALM * len(bursts))]
    ordered = sorted(chain.from_iterable(calm))
    batches = (tight[begin : begin + BATCH] for begin in range(0, len(tight), BATCH))
    best = sorted(min(batches, key=max))
    p50, p95, p99 = (_percentile_ms(ordered, share) for share in (0.5, 0.95, 0.99))
    longest_ms = max(map(max, bursts)) / 1e6
    best_ms = _percentile_ms(best, 0.95)
    return NoiseFloor(p50_ms=p50, p95_ms=p95, p99_ms=p99, max_ms=longest_ms, best_p95_ms=best_ms)


def _percentile_ms(ordered: Sequence[int], share: float) -> float:
    return ordered[math.ceil(share * len(ordered)) - 1] / 1e6


class _Bench:
    """Drives null operations as the client drives those of the target."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._runner = null_runner()
        self._count = 0
        self.failed = False  # whether one did not end ok

    def burst(self, together: Together, users: int) -> list[int]:
        """Return the response times of operations that so many users send at once."""
        taken_ns: list[int] = []
        together(users, lambda: taken_ns.append(self.drive()))
        return taken_ns

    def drive(self) -> int:
        """Return the response time of one operation in nanoseconds."""
        self._count += 1
        trace = Trace()
        unique = UUID(int=self._count)
        identity = Identity(unique, unique, unique, unique)
        start_ns = now_ns()
        reply = drive_operation(self._driver, self._runner, _SCENARIO, identity, trace, _DEADLINE_S)
        end_ns = now_ns() if trace.end_ns is None else trace.end_ns
        self.failed |= reply.outcome is not Outcome.OK
        return end_ns - start_ns
