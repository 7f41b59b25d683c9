from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from stageflow import BaseInterceptor, ErrorAction, Pipeline, PipelineContext, StageKind, StageOutput

from harness.pipeline.tracing import current_trace, trace_stages


def spans_of(trace):
    return [(name, kind, outcome) for name, kind, _, _, outcome in trace.spans]


class Recording(BaseInterceptor):
    """Notes every call it gets, in order, with what it was given."""

    def __init__(self, name, priority, calls):
        self.name, self.priority, self._calls = name, priority, calls

    async def before(self, stage_name, ctx):
        self._calls.append((self.name, "before", stage_name, ctx.request_id))

    async def after(self, stage_name, result, ctx):
        self._calls.append((self.name, "after", stage_name, result.status, dict(result.data), result.error))

    async def on_error(self, stage_name, error, ctx):
        self._calls.append((self.name, "on_error", stage_name, type(error), str(error)))
        return ErrorAction.FAIL


def test_each_stage_is_seen_with_its_kind_in_order_and_within_the_operation(drive, stage):
    pipeline = (
        Pipeline(name="mine")
        .with_stage("guard", stage(lambda ctx: None), StageKind.GUARD)
        .with_stage("router", stage(lambda ctx: {"route": "fast"}), StageKind.ROUTE, after="guard")
        .with_stage("answer", stage(lambda ctx: StageOutput.skip(reason="x")), StageKind.TRANSFORM, after="router")
    )
    driven = drive(pipeline)
    driven()
    trace = driven.trace
    assert spans_of(trace) == [("guard", "guard", "ok"), ("router", "route", "ok"), ("answer", "transform", "skip")]
    assert trace.entered_ns == trace.spans[0][2]
    times = [time for _, _, start, end, _ in trace.spans for time in (start, end)]
    assert times == sorted(times)
    assert times[-1] <= trace.end_ns


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda ctx: StageOutput.fail(error="x"), "fail"),
        (lambda ctx: StageOutput.cancel(reason="x"), "cancel"),
        (lambda ctx: "text", "ok"),
        (lambda ctx: 1 / 0, "error"),
    ],
)
def test_the_outcome_of_a_stage_is_what_it_returned_or_that_it_raised(router, drive, answer, outcome):
    driven = drive(router(answer))
    driven()
    assert spans_of(driven.trace) == [("router", "route", outcome)]


def test_a_stage_that_was_not_run_has_no_span(drive, stage):
    pipeline = (
        Pipeline(name="mine")
        .with_stage("router", stage(lambda ctx: 1 / 0), StageKind.ROUTE)
        .with_stage("answer", stage(lambda ctx: None), StageKind.TRANSFORM, after="router")
    )
    driven = drive(pipeline)
    driven()
    assert [span[0] for span in driven.trace.spans] == ["router"]


def test_stages_that_run_side_by_side_overlap(drive, stage):
    pipeline = Pipeline(name="mine").with_stage("router", stage(lambda ctx: {"route": "fast"}), StageKind.ROUTE)
    both = asyncio.Barrier(2)

    async def meets(ctx):
        await both.wait()

    for name in ("left", "right"):
        pipeline = pipeline.with_stage(name, stage(meets), StageKind.TRANSFORM, after="router")
    driven = drive(pipeline)
    driven()
    left, right = sorted(driven.trace.spans[1:])
    assert max(left[2], right[2]) <= min(left[3], right[3])


def test_concurrent_operations_have_their_own_spans_however_they_interleave(drive, stage):
    async def steps(ctx):
        for _ in range(int(ctx.snapshot.input_text) % 7):
            await asyncio.sleep(0)
        return {"route": ctx.snapshot.input_text}

    pipeline = (
        Pipeline(name="mine")
        .with_stage("guard", stage(steps), StageKind.GUARD)
        .with_stage("router", stage(steps), StageKind.ROUTE, after="guard")
    )
    driven = drive(pipeline)

    async def one(number):
        operation = asyncio.ensure_future(driven.one(str(number)))
        await asyncio.sleep(0)  # the operation begins here, and ``trace`` is its own until the next begins
        trace = driven.trace
        return await operation, trace

    async def main():
        return await asyncio.gather(*(one(number) for number in range(50)))

    results = asyncio.run(main())
    assert [reply.decision.route for reply, _ in results] == [str(number) for number in range(50)]
    traces = [trace for _, trace in results]
    assert len(set(map(id, traces))) == 50
    assert {tuple(spans_of(trace)) for trace in traces} == {(("guard", "guard", "ok"), ("router", "route", "ok"))}
    # really at the same time: the first to begin was not the first to end
    assert [trace.end_ns for trace in traces] != sorted(trace.end_ns for trace in traces)


def test_an_operation_leaves_no_trace_in_the_context_of_its_caller(router, drive):
    driven = drive(router(lambda ctx: {"route": "fast"}))

    async def main():
        await asyncio.create_task(driven.one())
        return current_trace.get()

    assert asyncio.run(main()) is None


def context(number):
    return PipelineContext.create(request_id=UUID(int=number), input_text=str(number))


def observed(pipeline, traced):
    """Return what two interceptors saw of three operations, and what became of these."""
    calls = []
    graph = pipeline.build(interceptors=[Recording("outer", 1, calls), Recording("inner", 90, calls)])
    if traced:
        trace_stages(graph)
        trace_stages(graph)

    async def run(number):
        try:
            results = await graph.run(context(number))
        except Exception as error:  # noqa: BLE001  # what became of the operation is what is compared
            return type(error), str(error)
        return {name: (output.status, output.data) for name, output in results.items()}

    async def main():
        return [await run(number) for number in range(3)]

    return asyncio.run(main()), calls


def test_interceptors_see_the_same_calls_with_and_without_tracing(stage):
    def answer(ctx):
        if ctx.snapshot.input_text == "1":
            raise ValueError("one")
        return {"route": ctx.snapshot.input_text}

    pipeline = (
        Pipeline(name="mine")
        .with_stage("guard", stage(lambda ctx: StageOutput.skip(reason="x")), StageKind.GUARD)
        .with_stage("router", stage(answer), StageKind.ROUTE, after="guard")
    )
    plain, traced = observed(pipeline, traced=False), observed(pipeline, traced=True)
    assert traced == plain
    assert [call[0] for call in plain[1][:2]] == ["outer", "inner"]
    assert sum(call[1] == "on_error" for call in plain[1]) == 2


def test_a_stage_traced_twice_has_one_span(router, drive):
    graph = router(lambda ctx: {"route": "fast"}).build()
    trace_stages(graph)
    driven = drive(graph)
    driven()
    assert len(driven.trace.spans) == 1


def test_a_traced_graph_runs_without_a_trace(router):
    graph = router(lambda ctx: {"route": "fast"}).build()
    trace_stages(graph)
    results = asyncio.run(graph.run(context(1)))
    assert results["router"].data["route"] == "fast"


@pytest.mark.parametrize("status", [["x"], 5, "\ud800"])
def test_a_status_that_stageflow_does_not_know_is_an_error_in_its_span(router, drive, status):
    def answer(ctx):
        output = StageOutput.ok(route="a")
        object.__setattr__(output, "status", status)
        return output

    driven = drive(router(answer))
    driven()
    assert spans_of(driven.trace) == [("router", "route", "error")]
