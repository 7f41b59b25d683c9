"""Seeing the stages of an operation: spans around the stage runners of a built graph.

The runners are wrapped inside whatever interceptors the target has, so that interceptors, their order and what they
do stay as shipped. Stageflow's own events and ``duration_ms`` cannot serve: started and completed events are not
emitted, and the duration is cut to whole wall-clock milliseconds (stageflow-core 1.2.0).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

from stageflow import StageContext, StageOutput, StageStatus
from stageflow.pipeline.dag import UnifiedStageGraph

from harness.words.clock import now_ns
from harness.words.errors import printable
from harness.words.operation import STAGE_FRAME, Injection, SpanSeen

_T = TypeVar("_T")
Runner = Callable[[StageContext], Awaitable[object]]

UNFINISHED = "unfinished"
"""Outcome of a span whose stage still ran when its operation was over."""


class Faulty(Protocol):
    """What puts faults around the calls of one operation (``harness.pipeline.inject.injector``)."""

    injections: list[Injection]

    async def stage(self, name: str, kind: str, call: Runner, ctx: StageContext) -> object:
        """Run a stage, perhaps with faults."""

    async def attempt(self, route: str, tier: int, call: Runner, ctx: StageContext) -> object:
        """Run an attempt of a fallback chain, perhaps with faults."""

    async def backend(self, name: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Run the call of a backend, perhaps with faults."""


class Trace:
    """What is seen of one operation while it runs. Times are monotonic nanoseconds."""

    __slots__ = ("end_ns", "hit", "reported_attempts", "running", "spans")

    def __init__(self) -> None:
        self.end_ns: int | None = None
        self.spans: list[SpanSeen] = []  # in the order in which the stages were entered
        self.running = 0  # how many stages have been entered and not left
        self.hit: Faulty | None = None  # where a fault plan is in force
        self.reported_attempts: object = None  # by a fallback chain, also where the operation has no output

    @property
    def entered_ns(self) -> int | None:
        """When the first stage was entered, None if none was."""
        return self.spans[0][2] if self.spans else None

    def cut_off(self, end_ns: int) -> None:
        """Record the stages that still run as unfinished: the operation has its outcome without them."""
        self.spans = [span if span[3] else [*span[:3], end_ns, UNFINISHED] for span in self.spans]


current_trace: ContextVar[Trace | None] = ContextVar("routeswarm_trace", default=None)
"""The trace of the operation whose task is running. Tasks inherit it, so stages need no argument."""


def trace_stages(graph: UnifiedStageGraph) -> None:
    """Wrap every stage runner of a built graph so that its spans are recorded. Wrapping twice changes nothing."""
    for spec in graph.stage_specs:
        if getattr(spec.runner, "_routeswarm_traced", False):
            continue
        kind = spec.kind.value if spec.kind is not None else ""
        spec.runner = _traced(printable(spec.name), kind, spec.runner)  # type: ignore[assignment]


_OK = StageStatus.OK


def _outcome_of(status: object) -> str:
    """Return the plain text of a status, whose own hash is a Python call; a target can put anything there."""
    return status.value if isinstance(status, StageStatus) else "error"


def _traced(name: str, kind: str, runner: Runner) -> Runner:
    async def traced(ctx: StageContext) -> object:
        trace = current_trace.get()
        if trace is None:
            return await runner(ctx)
        span: SpanSeen = [name, kind, now_ns(), 0, "error"]  # one object for the collector to look at
        trace.spans.append(span)
        trace.running += 1
        try:
            output = await (runner(ctx) if trace.hit is None else trace.hit.stage(name, kind, runner, ctx))
            status = output.status if isinstance(output, StageOutput) else _OK
            span[4] = "ok" if status is _OK else _outcome_of(status)
            return output
        except asyncio.CancelledError:
            span[4] = "cancelled"
            raise
        finally:
            span[3] = now_ns()
            trace.running -= 1

    # So that a stack names the stage: one that holds the thread can be seen only from outside, as functions and lines.
    traced.__code__ = traced.__code__.replace(co_name=f"{STAGE_FRAME}{name}")
    traced._routeswarm_traced = True  # type: ignore[attr-defined]
    return traced
