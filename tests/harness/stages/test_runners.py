"""Whatever runs for a route, a whole pipeline included, answers, fails and ends as one call."""

from __future__ import annotations

import asyncio
import gc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stageflow import Pipeline, PipelineContext, StageKind, StageOutput
from stageflow.pipeline.dag import UnifiedPipelineCancelled

from harness.stages.chain import FallbackChainStage
from harness.stages.retry import RetryPolicy
from harness.stages.routes import Default, Route
from harness.stages.runners import SubPipeline

LATER = Default("later")


class Sleeps:
    """A stage that sleeps and notes how it ended."""

    def __init__(self, ended, *, seconds=3600.0, kind=StageKind.TRANSFORM, last_words=0.0):
        self.kind = kind
        self._ended = ended
        self._seconds = seconds
        self._last_words = last_words

    async def execute(self, ctx):
        self._ended.append("began")
        try:
            await asyncio.sleep(self._seconds)
        finally:
            try:
                await asyncio.sleep(self._last_words)
            finally:
                self._ended.append("ended")
        return StageOutput.ok(run=str(ctx.pipeline_run_id), text=ctx.snapshot.input_text)


class Answers:
    kind = StageKind.ROUTE

    async def execute(self, ctx):
        return StageOutput.ok(text=ctx.snapshot.input_text, run=ctx.pipeline_run_id, tenant=ctx.snapshot.metadata["t"])


class Fails:
    kind = StageKind.TRANSFORM

    async def execute(self, ctx):
        raise ConnectionError("503")


def sub(*stages, after=()):
    pipeline = Pipeline(name="sub")
    for place, stage in enumerate(stages):
        pipeline = pipeline.with_stage(f"s{place}", stage, dependencies=tuple(after[place]) if after else ())
    return pipeline


@pytest.mark.parametrize(
    "runner", [Answers, Answers(), lambda ctx: Answers().execute(ctx), sub(Answers), sub(Answers).build()]
)
def test_a_stage_class_a_stage_a_function_and_pipelines_answer_alike(stage_context, runner):
    data = asyncio.run(FallbackChainStage([Route("a", runner)], LATER).execute(stage_context("hi", t="t1"))).data
    assert (data["route"], data["result"]["text"], data["result"]["tenant"]) == ("a", "hi", "t1")


def test_a_stage_class_is_made_anew_for_each_attempt(stage_context):
    made = []

    class Counted(Answers):
        def __init__(self):
            made.append(self)

    stage = FallbackChainStage([Route("a", Counted)], LATER)
    for _ in range(3):
        asyncio.run(stage.execute(stage_context(t=1)))
    assert len(made) == 3


def test_a_sub_pipeline_runs_under_an_id_of_its_own_and_knows_its_parent():
    seen = []

    async def look(ctx):
        seen.append(ctx)
        return {"x": 1}

    ctx = PipelineContext.create(input_text="hi", metadata={"t": 1}).derive_root_stage_context(stage_name="router")
    asyncio.run(SubPipeline(Pipeline(name="sub").with_stage("look", look, StageKind.ROUTE))(ctx))
    assert seen[0].pipeline_run_id is not None
    assert seen[0].pipeline_run_id != ctx.pipeline_run_id


def test_the_answer_is_that_of_the_route_stage_else_of_the_last_one_else_of_the_one_named(stage_context):
    async def first(ctx):
        return {"by": "first"}

    async def last(ctx):
        return {"by": "last"}

    def pipeline(kind):
        return (
            Pipeline(name="sub")
            .with_stage("first", first, kind)
            .with_stage("last", last, StageKind.TRANSFORM, after="first")
        )

    def answer(runner):
        return asyncio.run(FallbackChainStage([Route("a", runner)], LATER).execute(stage_context())).data["result"]

    assert answer(pipeline(StageKind.ROUTE)) == {"by": "first"}
    assert answer(pipeline(StageKind.TRANSFORM)) == {"by": "last"}
    assert answer(SubPipeline(pipeline(StageKind.ROUTE), answer="last")) == {"by": "last"}


def test_a_retry_knows_the_errors_of_stages_not_their_wrapping(stage_context):
    retry = RetryPolicy(ConnectionError, wait=lambda state: 0.0)
    data = asyncio.run(FallbackChainStage([Route("a", sub(Fails), retry=retry)], LATER).execute(stage_context())).data
    assert [a["outcome"] for a in data["attempts"]] == ["failed", "failed", "ok"]
    assert data["attempts"][0]["reason"] == "ConnectionError: 503"


def test_a_sub_pipeline_that_one_of_its_stages_cancelled_has_not_answered(stage_context):
    async def stops(ctx):
        return StageOutput.cancel(reason="enough")

    data = asyncio.run(
        FallbackChainStage([Route("a", Pipeline().with_stage("s", stops, StageKind.ROUTE))], LATER).execute(
            stage_context()
        )
    ).data
    assert (data["route"], data["attempts"][0]["outcome"]) == ("default", "failed")
    assert "enough" in data["attempts"][0]["reason"]


def test_a_rejection_that_stageflow_turns_into_an_empty_success_is_no_answer(stage_context):
    """Its default breaker, once open, answers with an ok output that holds nothing (stageflow-core 1.2.0)."""
    stage = FallbackChainStage([Route("a", sub(Fails).build())], LATER)

    async def main():
        return [(await stage.execute(stage_context())).data for _ in range(20)]

    routes = asyncio.run(main())
    assert {data["route"] for data in routes} == {"default"}
    reasons = {data["attempts"][0]["reason"] for data in routes}
    assert reasons == {"ConnectionError: 503", "NoAnswerError: it gave an empty dict"}


@pytest.mark.parametrize("built", [False, True])
def test_a_sub_pipeline_that_is_cut_off_leaves_no_stage_running(virtually, stage_context, built):
    ended = []

    async def main():
        pipeline = sub(*(Sleeps(ended, last_words=1.0) for _ in range(3)), Answers(), after=[(), (), (), ("s0",)])
        stage = FallbackChainStage([Route("a", pipeline.build() if built else pipeline, timeout_ms=20)], LATER)
        data = (await stage.execute(stage_context(t=1))).data
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return data

    data = virtually(main())
    assert data["attempts"][0]["outcome"] == "timeout"
    assert ended == ["began"] * 3 + ["ended"] * 3


def test_a_stage_that_was_scheduled_as_its_run_broke_off_never_begins(virtually, stage_context):
    """A stage that raises CancelledError ends Stageflow's run in mid-step, maybe after it scheduled further stages."""
    begun = []

    async def passes(ctx):
        await asyncio.sleep(0.005)
        return {"x": 1}

    async def breaks(ctx):
        await asyncio.sleep(0.005)
        raise asyncio.CancelledError

    async def late(ctx):
        begun.append(ctx)
        await asyncio.sleep(3600)

    async def main():
        pipeline = Pipeline(name="sub")
        for name in "abcdefgh":  # those that ended together are looked at in no particular order
            pipeline = pipeline.with_stage(name, passes, StageKind.TRANSFORM)
            pipeline = pipeline.with_stage(f"after {name}", late, StageKind.TRANSFORM, after=name)
        pipeline = pipeline.with_stage("breaks", breaks, StageKind.ROUTE)
        data = (await FallbackChainStage([Route("a", pipeline)], LATER).execute(stage_context())).data
        assert data["attempts"][0]["reason"] == "RouteError: something it waited for was cancelled"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    for _ in range(10):
        virtually(main())
    assert begun == []


def test_a_sub_pipeline_begins_no_stage_once_the_pipeline_around_it_was_cancelled(scripted_breaker):
    begun = []
    breaker = scripted_breaker()

    async def main():
        ctx = PipelineContext.create(input_text="hello")

        async def first(_):
            ctx.mark_canceled("the caller hung up")
            return {"x": 1}

        async def second(_):
            begun.append("second")

        pipeline = Pipeline(name="sub").with_stage("first", first, StageKind.TRANSFORM)
        pipeline = pipeline.with_stage("second", second, StageKind.ROUTE, after="first")
        chain = FallbackChainStage([Route("a", pipeline, breaker=breaker)], LATER)
        graph = Pipeline(name="p").with_stage("router", chain).build()
        with pytest.raises(UnifiedPipelineCancelled, match="hung up"):
            await graph.run(ctx)

    asyncio.run(main())
    assert begun == []
    assert breaker.told == ["released"]


def test_what_stages_raise_as_they_are_cut_off_is_no_error_nobody_saw(virtually, stage_context):
    complaints = []

    async def fails_when_cut_off(ctx):
        try:
            await asyncio.sleep(3600)
        finally:
            raise ValueError("interrupted")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        runner = Pipeline(name="sub").with_stage("s", fails_when_cut_off, StageKind.ROUTE)
        data = (await FallbackChainStage([Route("a", runner, timeout_ms=5)], LATER).execute(stage_context())).data
        gc.collect()
        return data

    assert virtually(main())["attempts"][0]["outcome"] == "timeout"
    # Of CPython 3.11's wait_for, which Stageflow uses, there is one in any case.
    assert [context for context in complaints if "_execute_node" in repr(context)] == []


@settings(max_examples=100)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.booleans())
def test_whenever_it_is_cancelled_nothing_is_left_running(
    virtually, stage_context, first_ms, second_ms, after_ms, twice
):
    ended = []

    async def main():
        inner = sub(
            Sleeps(ended, seconds=first_ms / 1e3, last_words=0.002),
            Sleeps(ended, seconds=second_ms / 1e3),
            Sleeps(ended, seconds=0.005, kind=StageKind.ROUTE),
            after=[(), (), ("s0",)],
        )
        nested = Pipeline(name="outer").with_stage("inner", FallbackChainStage([Route("i", inner)], LATER))
        stage = FallbackChainStage([Route("a", nested, timeout_ms=15), Route("b", inner)], LATER)
        task = asyncio.create_task(stage.execute(stage_context()))
        await asyncio.sleep(after_ms / 1e3)
        task.cancel()
        if twice:
            await asyncio.sleep(0.001)
            task.cancel()
        await asyncio.wait([task])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtually(main())
    assert ended.count("began") == ended.count("ended")
