"""What a fallback chain keeps, in real pipelines and on both loops: answers, history, breakers, cancellation."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref

import pytest
from stageflow import Pipeline, PipelineContext, StageCancellationRequested, StageKind, StageOutput
from stageflow.pipeline.dag import UnifiedPipelineCancelled, UnifiedStageExecutionError

from harness.loop import HubLoop
from harness.stages.breaker import CircuitBreaker
from harness.stages.breaker_presets import LITELLM, PORTKEY
from harness.stages.chain import WARNINGS_PER_S, FallbackChainStage
from harness.stages.chain.attempts import current_place
from harness.stages.retry import RetryPolicy
from harness.stages.routes import Default, Route
from harness.words.errors import ChainError, ChainFailedError

LATER = Default({"text": "later"})


def answers(answer=None):
    return lambda ctx: {"text": "hello"} if answer is None else answer


def raises(error):
    async def run(ctx):
        raise error

    return run


async def hangs(ctx):
    await asyncio.Event().wait()


class Chosen:
    """A ROUTE stage as pipelines have them."""

    kind = StageKind.ROUTE

    async def execute(self, ctx):
        return StageOutput.ok(text="from a stage", confidence=0.75)


class Says:
    """A stage that returns what it was made with."""

    kind = StageKind.ROUTE

    def __init__(self, output):
        self.output = output

    async def execute(self, ctx):
        return self.output


def run(stage, *, event_sink=None, data=None, **metadata):
    """Run a pipeline of one chain on plain asyncio and return its output."""

    async def main():
        graph = Pipeline(name="p").with_stage("router", stage).build()
        ctx = PipelineContext.create(input_text="hello", metadata=metadata, event_sink=event_sink, data=data)
        results = await graph.run(ctx)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return results["router"]

    return asyncio.run(main())


def outcomes(data):
    return [(a["route"], a["tier"], a["outcome"]) for a in data["attempts"]]


class TestAnswers:
    def test_the_primary_answers_and_nothing_else_is_tried(self, caplog):
        output = run(FallbackChainStage([Route("a", Chosen()), Route("b", raises(AssertionError()))], LATER))
        (attempt,) = output.data.pop("attempts")
        assert output.data == {
            "route": "a",
            "asked_route": "a",
            "tier": 0,
            "degraded": False,
            "result": {"text": "from a stage", "confidence": 0.75},
            "confidence": 0.75,
        }
        assert 0 < attempt.pop("start_ns") <= attempt.pop("end_ns")
        rest = {"route": "a", "tier": 0, "attempt": 1, "outcome": "ok", "breaker": None, "reason": None}
        assert attempt == rest
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

    @pytest.mark.parametrize(
        ("runner", "reason"),
        [
            (raises(ConnectionError("503")), "ConnectionError: 503"),
            (answers({}), "NoAnswerError: it gave an empty dict"),
            (answers(""), "NoAnswerError: it gave an empty str"),
            (lambda ctx: None, "NoAnswerError: it gave None"),
            (Says(None), "NoAnswerError: it gave None"),
            (Says(StageOutput.ok()), "NoAnswerError: it gave an empty dict"),
            (Says(StageOutput.fail("no model")), "RouteError: no model"),
            (Says(StageOutput.skip(reason="off")), "RouteError: skipped: off"),
            (Says(StageOutput.retry("busy")), "RouteRetryError: busy"),
            (raises(asyncio.CancelledError()), "RouteError: something it waited for was cancelled"),
            (raises(TimeoutError("of its own")), "TimeoutError: of its own"),
        ],
    )
    def test_what_is_no_answer_falls_back_and_says_why(self, runner, reason):
        data = run(FallbackChainStage([Route("a", runner), Route("b", answers(), degraded=True)], LATER)).data
        assert outcomes(data) == [("a", 0, "failed"), ("b", 1, "ok")]
        assert data["attempts"][0]["reason"] == reason
        assert (data["route"], data["asked_route"], data["tier"], data["degraded"]) == ("b", "a", 1, True)

    def test_a_route_may_declare_what_it_accepts(self):
        def confident(answer):
            return answer["confidence"] > 0.8

        data = run(FallbackChainStage([Route("a", Chosen(), accept=confident), Route("b", answers())], LATER)).data
        assert data["attempts"][0]["reason"] == "NoAnswerError: it gave dict that is not accepted"
        assert data["route"] == "b"

    def test_the_default_answers_when_no_route_does_and_hands_out_copies(self):
        stage = FallbackChainStage([Route("a", raises(KeyError()))], LATER)
        data = run(stage).data
        assert outcomes(data) == [("a", 0, "failed"), ("default", 1, "ok")]
        assert (data["route"], data["tier"], data["degraded"]) == ("default", 1, True)
        data["result"]["text"] = "changed"
        assert run(stage).data["result"] == {"text": "later"}

    def test_a_default_may_be_a_function_of_the_context(self):
        default = Default(lambda ctx: ctx.snapshot.input_text.upper(), name="echo", degraded=False)
        data = run(FallbackChainStage([Route("a", raises(KeyError()))], default)).data
        assert (data["route"], data["result"], data["degraded"]) == ("echo", "HELLO", False)

    def test_when_even_the_default_fails_the_error_has_the_history(self, sink, caplog):
        stage = FallbackChainStage([Route("a", raises(KeyError("x")))], Default(lambda ctx: None))
        with pytest.raises(UnifiedStageExecutionError) as caught:
            run(stage, event_sink=sink)
        error = caught.value.original
        assert isinstance(error, ChainFailedError)
        assert outcomes({"attempts": error.attempts}) == [("a", 0, "failed"), ("default", 1, "failed")]
        assert "KeyError" in str(error)
        ((kind, event),) = sink.events
        assert (kind, event["route"], event["attempts"]) == ("route.history", None, error.attempts)
        assert any(record.levelno == logging.ERROR and record.name.startswith("harness") for record in caplog.records)

    def test_a_stage_that_asks_to_cancel_the_pipeline_cancels_it(self):
        stage = FallbackChainStage([Route("a", Says(StageOutput.cancel(reason="enough"))), Route("b", Chosen())], LATER)
        with pytest.raises(UnifiedPipelineCancelled) as caught:
            run(stage)
        assert caught.value.reason == "enough"
        assert outcomes(caught.value.results["router"].data) == [("a", 0, "ok")]


def test_the_errors_of_a_storm_do_not_wait_for_the_garbage_collector(stage_context):
    class HeavyError(ConnectionError):
        pass

    def noted(error):
        seen.append(weakref.ref(error))
        return error

    async def fails(ctx):
        raise noted(HeavyError("503"))

    seen = []
    retry = RetryPolicy(HeavyError, retries=2, wait=lambda state: 0.0)
    stage = FallbackChainStage([Route("a", fails, retry=retry), Route("b", answers())], LATER)

    gc.disable()
    try:
        asyncio.run(stage.execute(stage_context()))
        assert len(seen) == 3
        assert [ref() for ref in seen] == [None, None, None]
    finally:
        gc.enable()


class TestTold:
    def test_the_history_is_emitted_as_an_event(self, sink):
        stage = FallbackChainStage([Route("a", raises(KeyError())), Route("b", answers())], LATER)
        data = run(stage, event_sink=sink).data
        ((kind, event),) = sink.events
        assert kind == "route.history"
        told = ("route", "asked_route", "tier", "degraded", "attempts")
        assert {key: event[key] for key in told} == {key: data[key] for key in told}
        assert event["stage"] == "router"

    def test_a_fallback_is_logged_as_a_warning_that_names_both_routes_and_the_reason(self, caplog):
        stage = FallbackChainStage([Route("a", raises(KeyError("x"))), Route("b", answers())], LATER, name="picker")
        run(stage)
        (record,) = [record for record in caplog.records if record.name == "harness.stages.chain"]
        assert record.levelno == logging.WARNING
        assert record.getMessage() == "picker: 'a' fell back to 'b', tier 1: a: failed, KeyError: 'x'"

    def test_a_storm_logs_a_few_lines_a_second_and_counts_the_rest(self, caplog, stage_context):
        now = [0]
        stage = FallbackChainStage([Route("a", raises(KeyError()))], LATER, clock_ns=lambda: now[0])

        async def storm(operations):
            for _ in range(operations):
                await stage.execute(stage_context())

        asyncio.run(storm(50))
        now[0] = 1_000_000_000
        asyncio.run(storm(1))
        lines = [record.getMessage() for record in caplog.records if record.name == "harness.stages.chain"]
        assert len(lines) == WARNINGS_PER_S + 1
        assert lines[-1].endswith(f"(and {50 - WARNINGS_PER_S} more since the last line)")

    def test_a_runner_can_see_where_in_the_chain_it_runs(self):
        seen = []

        async def fails(ctx):
            seen.append(current_place.get())
            raise ConnectionError

        retry = RetryPolicy(ConnectionError, wait=lambda state: 0.0)
        after = Default(lambda ctx: seen.append(current_place.get()) or "later")
        run(FallbackChainStage([Route("a", fails, retry=retry), Route("b", fails)], after))
        assert seen == [("a", "a", 0, 1), ("a", "a", 0, 2), ("a", "b", 1, 1), None]


class TestChoosing:
    def chain(self, choose, **options):
        routes = [Route(name, answers({"by": name})) for name in ("a", "b", "c")]
        return FallbackChainStage(routes, LATER, choose=choose, **options)

    def test_a_named_chain_is_taken_by_what_the_context_says(self):
        stage = self.chain(lambda ctx: ctx.snapshot.metadata["intent"], chains={"x": ("b", "a"), "y": ("c",)})
        assert run(stage, intent="x").data["route"] == "b"
        assert run(stage, intent="y").data["route"] == "c"

    def test_an_order_may_be_given_as_it_is(self):
        data = run(self.chain(lambda ctx: ["c", "a"])).data
        assert (data["route"], data["asked_route"], data["tier"]) == ("c", "c", 0)

    @pytest.mark.parametrize(
        ("chosen", "says"),
        [
            ("z", "choose named 'z', expected one of x"),
            (["a", "z"], "a -> z: unknown route 'z', expected one of a, b, c"),
            (["a", "b", "a"], "a -> b -> a: 'a' comes back: only its retries may try a route again"),
            ([], "no route: expected at least one"),
        ],
    )
    def test_what_choose_should_not_name_surfaces_as_an_error(self, chosen, says):
        with pytest.raises(UnifiedStageExecutionError) as caught:
            run(self.chain(lambda ctx: chosen, chains={"x": ("a",)}))
        assert isinstance(caught.value.original, ChainError)
        assert says in str(caught.value.original)


REJECTED = [("a", 0, "rejected"), ("b", 1, "rejected"), ("default", 2, "ok")]


def fail_until_open(breaker):
    while (permit := breaker.try_acquire()) is not None:
        permit.fail(ConnectionError())


class TestBreakers:
    def test_a_route_without_a_permit_is_recorded_and_not_run(self, scripted_breaker):
        routes = [Route("a", raises(AssertionError()), breaker=scripted_breaker("open")), Route("b", answers())]
        data = run(FallbackChainStage(routes, LATER)).data
        assert outcomes(data) == [("a", 0, "rejected"), ("b", 1, "ok")]
        first = data["attempts"][0]
        assert (first["breaker"], first["reason"]) == ("open", "its breaker gave no permit")
        assert first["start_ns"] == first["end_ns"]

    @pytest.mark.parametrize(
        ("runner", "told"),
        [
            (Chosen(), "succeeded"),
            (raises(ConnectionError()), "failed: ConnectionError"),
            (hangs, "failed: TimeoutError"),
            (answers({}), "failed: NoAnswerError"),
            (Says(StageOutput.fail("no")), "failed: RouteError"),
        ],
    )
    def test_a_permit_is_told_once_what_became_of_its_call(self, scripted_breaker, runner, told):
        breaker = scripted_breaker()
        run(FallbackChainStage([Route("a", runner, timeout_ms=5, breaker=breaker)], LATER))
        assert breaker.told == [told]

    def test_each_retry_asks_for_a_permit_of_its_own(self, scripted_breaker):
        breaker = scripted_breaker(script=[True, False])
        retry = RetryPolicy(ConnectionError, retries=5, wait=lambda state: 0.0)
        routes = [Route("a", raises(ConnectionError()), retry=retry, breaker=breaker), Route("b", answers())]
        data = run(FallbackChainStage(routes, LATER)).data
        assert outcomes(data) == [("a", 0, "failed"), ("a", 0, "rejected"), ("b", 1, "ok")]
        assert breaker.told == ["failed: ConnectionError"]

    def test_with_all_breakers_open_the_default_answers(self, scripted_breaker):
        routes = [Route(name, answers(), breaker=scripted_breaker("open")) for name in "ab"]
        data = run(FallbackChainStage(routes, LATER)).data
        assert outcomes(data) == [("a", 0, "rejected"), ("b", 1, "rejected"), ("default", 2, "ok")]

    def test_with_all_breakers_open_all_are_used_in_order_where_that_is_declared(self, scripted_breaker):
        breakers = [scripted_breaker("open") for _ in "ab"]
        routes = [
            Route("a", raises(ConnectionError("503")), breaker=breakers[0]),
            Route("b", answers(), breaker=breakers[1]),
        ]
        data = run(FallbackChainStage(routes, LATER, all_open="use")).data
        assert outcomes(data) == [("a", 0, "failed"), ("b", 1, "ok")]
        reasons = [a["reason"] for a in data["attempts"]]
        assert reasons == ["all breakers open; ConnectionError: 503", "all breakers open"]
        assert [breaker.told for breaker in breakers] == [[], []]

    @pytest.mark.parametrize(
        ("settings", "all_open", "expected"),
        [
            ((PORTKEY, PORTKEY), None, [("a", 0, "failed"), ("b", 1, "ok")]),
            ((PORTKEY, PORTKEY), "default", REJECTED),
            ((PORTKEY, LITELLM), None, REJECTED),
            ((LITELLM, PORTKEY), None, REJECTED),
            ((LITELLM, LITELLM), None, REJECTED),
            ((LITELLM, LITELLM), "use", [("a", 0, "failed"), ("b", 1, "ok")]),
        ],
    )
    def test_with_all_breakers_open_all_are_used_where_the_settings_of_all_say_so_and_the_chain_nothing_else(
        self, settings, all_open, expected
    ):
        breakers = [CircuitBreaker("b", settings=one, clock=lambda: 0.0) for one in settings]
        for breaker in breakers:
            fail_until_open(breaker)
        routes = [
            Route("a", raises(ConnectionError("503")), breaker=breakers[0]),
            Route("b", answers(), breaker=breakers[1]),
        ]
        stage = FallbackChainStage(routes, LATER, all_open=all_open)
        assert outcomes(run(stage).data) == expected
        assert [breaker.state for breaker in breakers] == ["open", "open"]

    def test_a_breaker_whose_open_time_is_over_is_not_open(self):
        now_s = [0.0]
        breakers = [CircuitBreaker(name, settings=PORTKEY, clock=lambda: now_s[0]) for name in "ab"]
        fail_until_open(breakers[1])
        now_s[0] = PORTKEY.open_s
        fail_until_open(breakers[0])
        routes = [Route("a", raises(AssertionError()), breaker=breakers[0]), Route("b", answers(), breaker=breakers[1])]
        assert outcomes(run(FallbackChainStage(routes, LATER)).data) == [("a", 0, "rejected"), ("b", 1, "ok")]
        assert [breaker.state for breaker in breakers] == ["open", "closed"]

    @pytest.mark.parametrize("other", [None, "closed", "half_open"])
    def test_one_route_whose_breaker_is_not_open_and_the_open_ones_stay_unused(self, scripted_breaker, other):
        second = None if other is None else scripted_breaker(other)
        routes = [
            Route("a", raises(AssertionError()), breaker=scripted_breaker("open")),
            Route("b", answers(), breaker=second),
        ]
        data = run(FallbackChainStage(routes, LATER, all_open="use")).data
        assert outcomes(data) == [("a", 0, "rejected"), ("b", 1, "ok")]

    def test_whether_all_breakers_are_open_is_decided_as_an_operation_begins(self, scripted_breaker):
        first, second = scripted_breaker("closed"), scripted_breaker("open")

        def opens(ctx):
            first.state = "open"
            raise ConnectionError

        routes = [Route("a", opens, breaker=first), Route("b", answers(), breaker=second)]
        data = run(FallbackChainStage(routes, LATER, all_open="use")).data
        assert outcomes(data) == [("a", 0, "failed"), ("b", 1, "rejected"), ("default", 2, "ok")]

    def test_equal_inputs_and_equal_breaker_views_are_decided_equally_a_hundred_times(self, scripted_breaker):
        def one():
            routes = [
                Route("a", answers(), breaker=scripted_breaker("open")),
                Route("b", raises(ConnectionError()), breaker=scripted_breaker("half_open")),
                Route("c", answers()),
            ]
            return FallbackChainStage(routes, LATER)

        seen = set()
        for _ in range(100):
            data = run(one()).data
            seen.add(
                (data["route"], *((*o, a["breaker"]) for o, a in zip(outcomes(data), data["attempts"], strict=True)))
            )
        assert len(seen) == 1


class TestCancellation:
    def cancelled(self, stage, ctx):
        """Cancel an operation once its chain waits, and return what the task raised."""

        async def main():
            task = asyncio.create_task(stage.execute(ctx))
            for _ in range(3):
                await asyncio.sleep(0)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())

    def test_it_ends_the_attempt_releases_its_permit_and_tells(self, scripted_breaker, stage_context, sink):
        breaker = scripted_breaker()
        stage = FallbackChainStage([Route("a", hangs, breaker=breaker), Route("b", answers())], LATER)
        self.cancelled(stage, stage_context(event_sink=sink))
        assert breaker.told == ["released"]
        ((_, event),) = sink.events
        assert (event["route"], outcomes(event)) == (None, [("a", 0, "cancelled")])
        assert event["attempts"][0]["reason"] == "the operation was cancelled"

    def test_a_runner_that_turns_it_into_an_error_does_not_start_a_fallback(
        self, scripted_breaker, stage_context, sink
    ):
        async def converts(ctx):
            try:
                await hangs(ctx)
            except asyncio.CancelledError:
                raise ConnectionError("interrupted") from None

        breaker = scripted_breaker()
        stage = FallbackChainStage(
            [Route("a", converts, timeout_ms=1000, breaker=breaker), Route("b", raises(AssertionError()))], LATER
        )
        self.cancelled(stage, stage_context(event_sink=sink))
        assert breaker.told == ["released"]
        assert outcomes(sink.events[0][1]) == [("a", 0, "cancelled")]

    def test_it_ends_the_wait_before_a_retry(self, stage_context, sink):
        retry = RetryPolicy(ConnectionError, wait=lambda state: 3600.0)
        stage = FallbackChainStage([Route("a", raises(ConnectionError()), retry=retry)], LATER)
        self.cancelled(stage, stage_context(event_sink=sink))
        assert outcomes(sink.events[0][1]) == [("a", 0, "failed")]

    def test_a_pipeline_that_was_cancelled_meanwhile_gets_no_further_attempt(self, scripted_breaker):
        tried = []

        async def main():
            ctx = PipelineContext.create(input_text="hello")

            async def fails(_):
                ctx.mark_canceled("the caller hung up")
                raise ConnectionError

            routes = [Route("a", fails), Route("b", lambda _: tried.append("b"))]
            graph = Pipeline(name="p").with_stage("router", FallbackChainStage(routes, LATER)).build()
            with pytest.raises(UnifiedPipelineCancelled):
                await graph.run(ctx)

        asyncio.run(main())
        assert tried == []

    def test_nor_does_its_default_answer(self):
        async def main():
            ctx = PipelineContext.create(input_text="hello")

            async def fails(_):
                ctx.mark_canceled("the caller hung up")
                raise ConnectionError

            chain = FallbackChainStage([Route("a", fails)], Default(lambda ctx: pytest.fail("it answered")))
            with pytest.raises(UnifiedPipelineCancelled, match="hung up"):
                await Pipeline(name="p").with_stage("router", chain).build().run(ctx)

        asyncio.run(main())

    def test_a_runner_that_sees_the_cancellation_cancels_the_pipeline(self, scripted_breaker):
        breaker = scripted_breaker()
        stage = FallbackChainStage(
            [Route("a", raises(StageCancellationRequested("hung up")), breaker=breaker), Route("b", answers())], LATER
        )
        with pytest.raises(UnifiedPipelineCancelled, match="hung up"):
            run(stage)
        assert breaker.told == ["released"]

    def test_the_timeout_of_stageflow_ends_a_chain_like_any_cancellation(self, scripted_breaker, sink):
        breaker = scripted_breaker()
        stage = FallbackChainStage([Route("a", hangs, breaker=breaker), Route("b", answers())], LATER)
        with pytest.raises(UnifiedStageExecutionError, match="timed out"):
            run(stage, event_sink=sink, data={"_timeout_ms": 5})
        assert breaker.told == ["released"]
        assert outcomes(sink.events[0][1]) == [("a", 0, "cancelled")]

    def test_what_is_no_exception_is_not_held_back(self, scripted_breaker, stage_context):
        class Stop(BaseException):
            pass

        breaker = scripted_breaker()
        stage = FallbackChainStage([Route("a", raises(Stop()), breaker=breaker), Route("b", answers())], LATER)
        with pytest.raises(Stop):
            asyncio.run(stage.execute(stage_context()))
        assert breaker.told == ["released"]


class TestTime:
    def test_an_answer_after_the_timeout_was_caught_is_a_timeout(self, virtually, stage_context):
        async def stubborn(ctx):
            try:
                await hangs(ctx)
            except asyncio.CancelledError:
                return {"text": "late"}

        stage = FallbackChainStage([Route("a", stubborn, timeout_ms=20), Route("b", answers())], LATER)
        data = virtually(stage.execute(stage_context())).data
        assert outcomes(data) == [("a", 0, "timeout"), ("b", 1, "ok")]
        assert data["attempts"][0]["reason"] == "TimeoutError: no answer within 20 ms"

    def test_a_timeout_is_tried_again_where_that_is_declared(self, virtually, stage_context):
        retry = RetryPolicy(TimeoutError, retries=2)
        data = virtually(
            FallbackChainStage([Route("a", hangs, timeout_ms=20, retry=retry)], LATER).execute(stage_context())
        ).data
        assert outcomes(data) == [("a", 0, "timeout")] * 3 + [("default", 1, "ok")]

    @pytest.mark.parametrize(("wait_s", "tries"), [(0.05, 2), (0.095, 1), (0.2, 1)])
    def test_a_retry_that_would_wait_to_the_deadline_leaves_the_time_to_the_next_route(
        self, virtually, stage_context, wait_s, tries
    ):
        async def fails(ctx):
            await asyncio.sleep(0.01)
            raise ConnectionError

        retry = RetryPolicy(ConnectionError, retries=5, wait=lambda state: wait_s)
        stage = FallbackChainStage([Route("a", fails, retry=retry), Route("b", answers())], LATER, deadline_ms=100)
        data = virtually(stage.execute(stage_context())).data
        assert outcomes(data) == [("a", 0, "failed")] * tries + [("b", 1, "ok")]

    def test_later_tiers_have_what_is_left_of_the_deadline(self, virtually, stage_context):
        stage = FallbackChainStage(
            [Route("a", hangs, timeout_ms=80), Route("b", hangs, timeout_ms=80), Route("c", answers())],
            LATER,
            deadline_ms=lambda ctx: ctx.snapshot.metadata["budget_ms"],
        )

        async def timed(**metadata):
            begun = asyncio.get_running_loop().time()
            data = (await stage.execute(stage_context(**metadata))).data
            return data, asyncio.get_running_loop().time() - begun

        data, took_s = virtually(timed(budget_ms=100))
        assert outcomes(data) == [("a", 0, "timeout"), ("b", 1, "timeout"), ("c", 2, "skipped"), ("default", 3, "ok")]
        assert [a["reason"] for a in data["attempts"]] == [
            "TimeoutError: no answer within 80 ms",
            "TimeoutError: no answer within the deadline of the chain",
            "no time left",
            None,
        ]
        assert took_s == pytest.approx(0.1)
        data, took_s = virtually(timed(budget_ms=None))
        assert outcomes(data)[-1] == ("c", 2, "ok")
        assert took_s == pytest.approx(0.16)


def test_a_chain_on_the_loop_of_the_harness_falls_back_and_leaves_nothing(scripted_breaker):
    breaker = scripted_breaker()
    routes = [
        Route("a", hangs, timeout_ms=5, breaker=breaker),
        Route("b", Pipeline(name="sub").with_stage("slow", hangs, StageKind.ROUTE), timeout_ms=5),
        Route("c", Chosen()),
    ]
    graph = Pipeline(name="p").with_stage("router", FallbackChainStage(routes, LATER)).build()
    loop = HubLoop()
    loop.start()
    try:
        for _ in range(10):
            data = loop.drive(graph.run(PipelineContext.create(input_text="hello")))["router"].data
            assert outcomes(data) == [("a", 0, "timeout"), ("b", 1, "timeout"), ("c", 2, "ok")]
        assert loop.settle(2) == 0
    finally:
        loop.close()
    assert breaker.told == ["failed: TimeoutError"] * 10
