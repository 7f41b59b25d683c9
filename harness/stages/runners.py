"""What answers for a route: a Stageflow stage, a function of the context, or a whole pipeline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from uuid import uuid4

from stageflow import (
    Pipeline,
    PipelineContext,
    Stage,
    StageCancellationRequested,
    StageContext,
    StageKind,
    StageOutput,
    StageStatus,
    UnifiedStageExecutionError,
    UnifiedStageGraph,
)
from stageflow.pipeline.dag import UnifiedPipelineCancelled, UnifiedStageSpec

from harness.words.errors import ChainError, RouteError, RouteRetryError

Function = Callable[[StageContext], Awaitable[object] | object]
Runner = Stage | type[Stage] | Function | Pipeline | UnifiedStageGraph
Call = Callable[[StageContext], Awaitable[object]]


def as_call(runner: Runner) -> Call:
    """Return how a runner is asked for an answer.

    A stage class is instantiated for each attempt, as Stageflow does for each run; a stage instance is shared.

    Raises:
        ChainError: it is none of the kinds of runner there are.

    """
    if isinstance(runner, (Pipeline, UnifiedStageGraph)):
        return SubPipeline(runner)
    if isinstance(runner, type) and callable(getattr(runner, "execute", None)):
        made: Callable[[], Stage] = runner
        return _maybe_async(lambda ctx: made().execute(ctx))
    execute = getattr(runner, "execute", None)
    if callable(execute):
        return execute if inspect.iscoroutinefunction(execute) else _maybe_async(execute)
    if not callable(runner):
        raise ChainError(f"a {type(runner).__name__} cannot run: expected a stage, a function or a pipeline")
    if inspect.iscoroutinefunction(runner) or isinstance(runner, SubPipeline):
        return runner
    return _maybe_async(runner)


def _maybe_async(function: Callable[[StageContext], object]) -> Call:
    async def call(ctx: StageContext) -> object:
        result = function(ctx)
        return await result if inspect.isawaitable(result) else result

    return call


def answer_in(output: StageOutput) -> object:
    """Return what a stage answered.

    Raises:
        RouteRetryError: it asked to be tried again.
        RouteError: it failed or skipped.

    """
    if output.status is StageStatus.OK:
        return output.data
    if output.status is StageStatus.RETRY:
        raise RouteRetryError(output.error or "asked to be tried again")
    if output.status is StageStatus.SKIP:
        raise RouteError(f"skipped: {output.data.get('reason') or 'no reason given'}")
    raise RouteError(output.error or output.status.value)


class SubPipeline:
    """A pipeline as the runner of a route: runs it in a context of its own and returns the output of one stage.

    A ``Pipeline`` is built for each attempt, as its ``run()`` does; a built graph is shared, and with it Stageflow's
    interceptors and its cancellation token: there the failure of one operation can cancel others (1.2.0).

    Args:
        pipeline: what to run.
        answer: the stage whose output is the answer; by default the only ROUTE stage, else the only last stage.

    Raises:
        ChainError: there is no such stage, or more than one.

    """

    def __init__(self, pipeline: Pipeline | UnifiedStageGraph, *, answer: str | None = None) -> None:
        self._pipeline = pipeline
        specs = _specs(pipeline)
        candidates = _answering_stages(specs) if answer is None else [answer]
        if len(candidates) != 1 or candidates[0] not in {spec.name for spec in specs}:
            stages = ", ".join(spec.name for spec in specs)
            raise ChainError(f"sub-pipeline: {', '.join(candidates)}: expected answer= to name one stage of {stages}")
        self._answer = candidates[0]

    async def __call__(self, ctx: StageContext) -> object:
        """Run the pipeline and return the ``StageOutput`` of its answering stage."""
        pipeline = self._pipeline
        graph = pipeline if isinstance(pipeline, UnifiedStageGraph) else pipeline.build()
        child = _child_context(ctx)
        tasks: set[asyncio.Task[object]] = set()

        def begin(_name: str, _kind: object, _stage: StageContext, _run: PipelineContext) -> None:
            task = asyncio.current_task()
            if task is not None:
                tasks.add(task)
            if ctx.is_cancelled:
                child.mark_canceled(ctx.cancellation_reason or "cancelled")

        child.add_before_stage_start_hook(begin)
        try:
            results = await graph.run(child)
        except BaseException as error:
            await _end(child, tasks)
            if isinstance(error, UnifiedPipelineCancelled) and ctx.is_cancelled:
                raise StageCancellationRequested(error.reason) from error
            if isinstance(error, UnifiedStageExecutionError):
                raise error.original from error  # a retry policy knows the errors of stages, not their wrapping
            raise
        return results[self._answer]


def _specs(pipeline: Pipeline | UnifiedStageGraph) -> list[UnifiedStageSpec]:
    graph = pipeline.build() if isinstance(pipeline, Pipeline) else pipeline
    assert isinstance(graph, UnifiedStageGraph)  # what Pipeline.build() declares to return is a protocol
    return graph.stage_specs


def _answering_stages(specs: list[UnifiedStageSpec]) -> list[str]:
    """Return the stage a pipeline answers with; none or several where that is not clear."""
    routes = [spec.name for spec in specs if spec.kind is StageKind.ROUTE]
    needed = {name for spec in specs for name in spec.dependencies}
    return routes if len(routes) == 1 else [spec.name for spec in specs if spec.name not in needed]


def _child_context(ctx: StageContext) -> PipelineContext:
    """Return the context of a pipeline that runs within a stage, with a run id of its own."""
    child = PipelineContext.from_snapshot(ctx.snapshot, ports=ctx.inputs.ports, event_sink=ctx.event_sink)
    child.parent_run_id = ctx.pipeline_run_id
    child.parent_stage_id = ctx.stage_name
    child.pipeline_run_id = uuid4()
    return child


async def _end(child: PipelineContext, tasks: set[asyncio.Task[object]]) -> None:
    """Cancel the stages of a run that was given up, and wait for them.

    A graph whose ``run`` is cancelled leaves its stages running (stageflow-core 1.2.0). Stages that were scheduled and
    have not begun see the mark when they begin, one step of the loop later, and end.
    """
    child.mark_canceled("the attempt was given up")
    asked: set[asyncio.Task[object]] = set()
    while True:
        for task in tasks - asked:
            task.cancel()
        asked |= tasks
        try:
            await asyncio.sleep(0)
            if running := {task for task in tasks if not task.done()}:
                await asyncio.wait(running)
        except asyncio.CancelledError:
            continue  # what ended the attempt is raised when its stages have ended
        if all(task.done() for task in tasks):
            break
    for task in tasks:
        if not task.cancelled():
            task.exception()  # was seen: asyncio need not report it
