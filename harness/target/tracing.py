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

from stageflow import StageContext, StageOutput
from stageflow.pipeline.dag import UnifiedStageGraph

from harness.words.clock import now_ns
from harness.words.errors import printable
from harness.words.operation import Injection, SpanTuple

_T = TypeVar("_T")
Runner = Callable[[StageContext], Awaitable[object]]

UNFINISHED = "unfinished"
"""Outcome of a span whose stage still ran when its operation was over."""


class Faulty(Protocol):
    """What puts faults around the calls of one operation (``harness.target.injector``)."""

    injections: list[Injection]

    async def stage(self, name: str, kind: str, call: Runner, ctx: StageContext) -> object:
        """Run a stage, perhaps with faults."""

    async def attempt(self, route: str, tier: int, call: Runner, ctx: StageContext) -> object:
        """Run an attempt of a fallback chain, perhaps with faults."""

    async def backend(self, name: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Run the call of a backend, perhaps with faults."""


class Trace:
    """What is seen of one operation while it runs. Times are monotonic nanoseconds."""

    __slots__ = ("end_ns", "entered_ns", "hit", "open", "spans", "told")

    def __init__(self) -> None:
        self.entered_ns: int | None = None
        self.end_ns: int | None = None
        self.spans: list[SpanTuple] = []
        self.open: dict[str, tuple[str, int]] = {}  # stage that runs -> its kind, start_ns
        self.hit: Faulty | None = None  # where a fault plan is in force
        self.told: object = None  # the attempts a fallback chain told, also where the operation has no output

    def cut_off(self, end_ns: int) -> None:
        """Record the stages that still run as unfinished: the operation has its outcome without them."""
        for stage, (kind, start_ns) in self.open.items():
            self.spans.append((stage, kind, start_ns, end_ns, UNFINISHED))


current_trace: ContextVar[Trace | None] = ContextVar("routeswarm_trace", default=None)
"""The trace of the operation whose task is running. Tasks inherit it, so stages need no argument."""


def trace_stages(graph: UnifiedStageGraph) -> None:
    """Wrap every stage runner of a built graph so that its spans are recorded. Wrapping twice changes nothing."""
    for spec in graph.stage_specs:
        if getattr(spec.runner, "_routeswarm_traced", False):
            continue
        kind = spec.kind.value if spec.kind is not None else ""
        spec.runner = _traced(printable(spec.name), kind, spec.runner)  # type: ignore[assignment]


def _traced(name: str, kind: str, runner: Runner) -> Runner:
    async def traced(ctx: StageContext) -> object:
        trace = current_trace.get()
        if trace is None:
            return await runner(ctx)
        start_ns = now_ns()
        if trace.entered_ns is None:
            trace.entered_ns = start_ns
        trace.open[name] = kind, start_ns
        outcome = "error"
        try:
            output = await (runner(ctx) if trace.hit is None else trace.hit.stage(name, kind, runner, ctx))
            outcome = output.status if isinstance(output, StageOutput) else "ok"
            return output
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            trace.open.pop(name, None)
            trace.spans.append((name, kind, start_ns, now_ns(), outcome))

    traced._routeswarm_traced = True  # type: ignore[attr-defined]
    return traced
