"""One operation against real Stageflow pipelines, under plain asyncio."""

from __future__ import annotations

import asyncio
import enum
from uuid import UUID

import pytest
from stageflow import BaseInterceptor, Pipeline, PipelineContext, StageKind, StageOutput
from stageflow.pipeline.dag import UnifiedPipelineCancelled

from harness.load.corpus.corpus import Scenario
from harness.pipeline.runner import NO_DECISION, Reply, TargetRunner
from harness.pipeline.target import Identity, Target
from harness.pipeline.tracing import Trace
from harness.stages.chain import FallbackChainStage
from harness.stages.routes import Default
from harness.stages.routes import Route as ChainRoute
from harness.words.components import Owner, building
from harness.words.operation import ROUTE_LABEL_LIMIT, Decision, Flag, Outcome

NOBODY = Identity(*(UUID(int=n) for n in range(4)))
ROUTED = Reply(Outcome.OK, Decision("fast", "fast", None, 0, 1, None), None)


class Route(enum.Enum):
    FAST = "fast"


class Refused(BaseException):
    """What is no Exception and no cancellation."""


def raises(error):
    def answer(ctx):
        raise error

    return answer


class TestChains:
    """What a fallback chain tells of itself reaches the decision, whether it answered or not."""

    def test_its_answer_and_its_attempts(self, drive):
        async def fails(ctx):
            raise ConnectionError("503")

        routes = [ChainRoute("a", fails), ChainRoute("b", lambda ctx: {"confidence": 0.5})]
        chain = FallbackChainStage(routes, Default("later"))
        decision = drive(Pipeline(name="p").with_stage("router", chain))().decision
        assert decision[:6] == ("b", "a", 0.5, 1, 2, None)
        assert [attempt[:2] + attempt[4:7] for attempt in decision.tried] == [
            ("a", 0, "failed", None, "ConnectionError: 503"),
            ("b", 1, "ok", None, None),
        ]

    def test_its_attempts_when_not_even_the_default_answered(self, drive):
        chain = FallbackChainStage([ChainRoute("a", lambda ctx: None)], Default(lambda ctx: None))
        reply = drive(Pipeline(name="p").with_stage("router", chain))()
        assert reply.outcome is Outcome.FAILED
        assert reply.error.startswith("ChainFailedError: no route answered, nor did the default")
        assert reply.decision[:3] == (None, None, None)
        assert [attempt[:2] for attempt in reply.decision.tried] == [("a", 0), ("default", 1)]
        assert reply.decision.attempts == 2


class TestOutcomes:
    @pytest.mark.parametrize("scope", ["shared", "per-request"])
    def test_a_route_is_ok(self, router, drive, scope):
        reply = drive(router(lambda ctx: StageOutput.ok(route="fast", confidence=0.5)), scope)()
        assert reply == Reply(Outcome.OK, Decision("fast", "fast", 0.5, 0, 1, None), None)

    @pytest.mark.parametrize("answer", [{"route": "fast"}, StageOutput.ok(route=Route.FAST)])
    def test_a_mapping_or_an_enum_is_a_route_too(self, router, drive, answer):
        assert drive(router(lambda ctx: answer))() == ROUTED

    @pytest.mark.parametrize("answer", [None, {}, StageOutput.ok(), StageOutput.ok(route=None), {"route": ""}])
    def test_an_answer_without_a_route_is_ok_and_flagged(self, router, drive, answer):
        reply = drive(router(lambda ctx: answer))()
        assert reply == Reply(Outcome.OK, Decision(None, flag=Flag.NO_ROUTE), "no usable route: no_route")

    def test_a_skipped_route_stage_is_ok_and_flagged(self, router, drive):
        reply = drive(router(lambda ctx: StageOutput.skip(reason="not today")))()
        assert (reply.outcome, reply.decision.flag) == (Outcome.OK, Flag.NO_ROUTE)

    def test_a_route_that_is_no_text_is_ok_and_flagged(self, router, drive):
        reply = drive(router(lambda ctx: StageOutput.ok(route=7)))()
        assert (reply.outcome, reply.decision.route, reply.decision.flag) == (Outcome.OK, "7", Flag.MALFORMED)
        assert reply.error == "no usable route: malformed"

    def test_a_route_of_a_million_characters_is_ok_and_flagged(self, router, drive):
        reply = drive(router(lambda ctx: StageOutput.ok(route="r" * 1_000_000)))()
        assert (reply.outcome, reply.decision.flag) == (Outcome.OK, Flag.OVERSIZED)
        assert len(reply.decision.route) == ROUTE_LABEL_LIMIT

    @pytest.mark.parametrize("answer", ["fast", 3, ["fast"]])
    def test_an_answer_that_stageflow_does_not_take_fails(self, router, drive, answer):
        reply = drive(router(lambda ctx: answer))()
        assert (reply.outcome, reply.decision) == (Outcome.FAILED, NO_DECISION)
        assert "Stage router returned unsupported result type" in reply.error

    @pytest.mark.parametrize(
        ("error", "shown"),
        [
            (ValueError("no\nkey"), "ValueError: no key"),
            (TimeoutError("backend"), "TimeoutError: backend"),
            (KeyError("x"), "KeyError: 'x'"),
        ],
    )
    def test_what_a_stage_raises_fails_and_is_told_without_stageflow_s_wrapping(self, router, drive, error, shown):
        assert drive(router(raises(error)))() == Reply(Outcome.FAILED, NO_DECISION, shown)

    def test_a_fail_output_fails_with_its_message(self, router, drive):
        reply = drive(router(lambda ctx: StageOutput.fail(error="no model")))()
        assert reply == Reply(Outcome.FAILED, NO_DECISION, "RuntimeError: no model")

    def test_a_cancel_output_is_cancelled_with_its_reason(self, router, drive):
        reply = drive(router(lambda ctx: StageOutput.cancel(reason="blocked by the guard")))()
        assert (reply.outcome, reply.decision) == (Outcome.CANCELLED, NO_DECISION)
        assert reply.error.startswith("UnifiedPipelineCancelled: ")
        assert "blocked by the guard" in reply.error

    def test_a_cancelled_pipeline_is_cancelled_even_when_the_context_builder_raises_it(self, router, drive):
        def build_context(scenario, identity):
            raise UnifiedPipelineCancelled("gate", "closed", {})

        reply = drive(Target(router(dict), build_context=build_context))()
        assert reply.outcome is Outcome.CANCELLED

    def test_a_cancellation_that_a_stage_raises_is_this_operation_s_outcome(self, router, drive):
        driven = drive(router(raises(asyncio.CancelledError("mine"))))

        async def main():
            reply = await driven.one()
            assert asyncio.current_task().cancelling() == 0
            return reply

        reply = asyncio.run(main())
        assert (reply.outcome, reply.decision) == (Outcome.CANCELLED, NO_DECISION)
        assert reply.error.startswith("CancelledError")
        assert driven.trace.end_ns is not None
        assert [span[4] for span in driven.trace.spans] == ["cancelled"]

    def test_a_cancellation_from_outside_leaves_as_a_cancellation(self, router, drive):
        entered = asyncio.Event()

        async def waits(ctx):
            entered.set()
            await asyncio.Event().wait()

        driven = drive(router(waits))

        async def main():
            task = asyncio.create_task(driven.one())
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert driven.trace.end_ns is not None

    def test_what_is_no_exception_fails_the_operation_and_its_span_is_kept(self, router, drive):
        driven = drive(router(raises(Refused("no"))))
        assert driven() == Reply(Outcome.FAILED, NO_DECISION, "Refused: no")
        assert [span[4] for span in driven.trace.spans] == ["error"]
        assert driven.trace.end_ns is not None

    @pytest.mark.parametrize("error", [SystemExit(5), KeyboardInterrupt(5)])
    def test_an_exit_that_the_target_asks_for_fails_the_operation_and_ends_no_worker(self, router, drive, error):
        reply = drive(Target(router(lambda ctx: {}), read_decision=raises(error)))()
        assert reply == Reply(Outcome.FAILED, NO_DECISION, f"{type(error).__name__}: 5")

    def test_an_error_that_cannot_be_shown_fails_the_operation_only(self, router, drive):
        class UnprintableError(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        reply = drive(Target(router(lambda ctx: {}), read_decision=raises(UnprintableError())))()
        assert reply.outcome is Outcome.FAILED
        assert "UnprintableError" in reply.error

    def test_a_failed_operation_does_not_touch_the_next(self, router, drive):
        def answer(ctx):
            if ctx.snapshot.input_text == "bad":
                raise ValueError("bad")
            return StageOutput.ok(route="fast")

        driven = drive(router(answer))
        assert [driven(text).outcome for text in ("good", "bad", "good")] == [Outcome.OK, Outcome.FAILED, Outcome.OK]


class TestTarget:
    def test_a_reader_of_its_own_decides(self, drive, stage):
        pipeline = Pipeline(name="mine").with_stage("plan", stage(lambda ctx: {"plan": "b"}), StageKind.TRANSFORM)
        target = Target(pipeline, read_decision=lambda results: Decision(results["plan"].data["plan"], tier=1))
        assert drive(target)() == Reply(Outcome.OK, Decision("b", tier=1), None)

    def test_a_reader_that_raises_fails_the_operation(self, router, drive):
        reply = drive(Target(router(lambda ctx: {}), read_decision=lambda results: results["absent"]))()
        assert reply.outcome is Outcome.FAILED
        assert reply.error.startswith("KeyError")

    def test_route_keys_say_where_the_route_is(self, router, drive):
        target = Target(router(lambda ctx: {"route": "no", "lane": "fast"}), route_keys=("lane",))
        assert drive(target)() == ROUTED

    def test_a_context_builder_of_its_own_is_given_scenario_and_identity(self, router, drive):
        def build_context(scenario: Scenario, identity: Identity):
            return PipelineContext.create(
                pipeline_run_id=identity.pipeline_run_id,
                request_id=identity.request_id,
                session_id=identity.session_id,
                user_id=identity.user_id,
                input_text=scenario.text.upper(),
                execution_mode="mine",
            )

        target = Target(router(lambda ctx: {"route": ctx.snapshot.input_text}), build_context=build_context)
        assert drive(target)("loud").decision.route == "LOUD"

    def test_the_default_context_carries_text_ids_metadata_and_priority(self, router, drive):
        seen = []
        identity = Identity(*(UUID(int=n) for n in (11, 12, 13, 14)))
        driven = drive(router(lambda ctx: seen.append(ctx.snapshot) or {"route": "fast"}))
        asyncio.run(driven.one("hello", identity, priority=9, metadata={"lang": "en"}))
        (snapshot,) = seen
        assert snapshot.input_text == "hello"
        assert snapshot.metadata == {"lang": "en", "priority": 9}
        ids = (snapshot.pipeline_run_id, snapshot.request_id, snapshot.session_id, snapshot.user_id)
        assert ids == identity

    def test_a_priority_in_the_metadata_is_the_scenario_s_own(self, router, drive):
        seen = []
        driven = drive(router(lambda ctx: seen.append(ctx.snapshot.metadata["priority"]) or {"route": "fast"}))
        driven(priority=9, metadata={"priority": "urgent"})
        assert seen == ["urgent"]

    def test_metadata_is_not_shared_between_operations(self, router, drive):
        seen = []

        def spoils(ctx):
            metadata = ctx.snapshot.metadata
            seen.append((list(metadata["history"]), dict(metadata["user"]), "extra" in metadata))
            metadata["history"].append("spoiled")
            metadata["user"]["name"] = "spoiled"
            metadata["extra"] = True
            return {"route": "fast"}

        driven = drive(router(spoils))
        scenario = Scenario("s", "text", 4, metadata={"history": [], "user": {}})
        for _ in range(3):
            asyncio.run(driven.runner.run(scenario, NOBODY, Trace()))
        assert seen == [([], {}, False)] * 3
        assert scenario.metadata == {"history": [], "user": {}}

    def test_two_route_stages_decide_together_in_the_order_of_their_dependencies(self, drive, stage):
        pipeline = (
            Pipeline(name="mine")
            .with_stage("second", stage(lambda ctx: {"route": "b", "confidence": 0.25}), StageKind.ROUTE, after="first")
            .with_stage("first", stage(lambda ctx: {"route": "a", "confidence": 0.5}), StageKind.ROUTE)
        )
        driven = drive(pipeline)
        assert driven.runner.route_stages == ("first", "second")
        assert driven().decision == Decision("a/b", "a/b", 0.25, 0, 2, None)

    def test_a_kind_given_as_text_is_a_route_stage(self, drive, stage):
        pipeline = Pipeline(name="mine").with_stage("router", stage(lambda ctx: {"route": "fast"}), "route")
        assert drive(pipeline)() == ROUTED


class Counting(BaseInterceptor):
    """Counts the stages it saw: on a shared graph those of all operations."""

    name = "counting"
    priority = 1
    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.seen = 0

    async def before(self, stage_name, ctx):
        self.seen += 1
        ctx.data["seen"] = self.seen

    async def after(self, stage_name, result, ctx):
        result.data["route"] = str(self.seen)


class TestGraphScope:
    @pytest.mark.parametrize(("scope", "routes"), [("shared", ["1", "2", "3"]), ("per-request", ["1", "1", "1"])])
    def test_interceptors_are_shared_by_all_operations_or_new_for_each(self, router, drive, scope, routes):
        answers = router(lambda ctx: {"route": "x"})
        driven = drive(Target(lambda: answers.build(interceptors=[Counting()])), scope)
        assert [driven().decision.route for _ in range(3)] == routes

    def test_a_graph_is_built_once_for_all_or_once_for_each_operation(self, router, drive):
        built = []
        answers = router(lambda ctx: {"route": "fast"})

        def make():
            built.append(1)
            return answers.build()

        shared = drive(Target(make), "shared")
        before = len(built)
        assert [shared(), shared()] == [ROUTED, ROUTED]
        assert len(built) == before
        per_request = drive(Target(make), "per-request")
        before = len(built)
        assert [per_request(), per_request()] == [ROUTED, ROUTED]
        assert len(built) == before + 2

    def test_a_stage_class_is_made_anew_for_each_operation_in_both_scopes(self, drive):
        class Fresh:
            def __init__(self) -> None:
                self.calls = 0

            async def execute(self, ctx):
                self.calls += 1
                return {"route": str(self.calls)}

        pipeline = Pipeline(name="mine").with_stage("router", Fresh, StageKind.ROUTE)
        for scope in ("shared", "per-request"):
            driven = drive(pipeline, scope)
            assert [driven().decision.route for _ in range(2)] == ["1", "1"]


@pytest.mark.parametrize(
    ("deadlines", "declared"),
    [([900], 900), ([900, 700.5], 900), ([900, None], None), ([900, lambda ctx: 5], None)],
)
def test_the_deadline_of_a_target_is_the_longest_that_its_chains_declare_where_all_do(router, deadlines, declared):
    owner = Owner()
    with building(owner):
        pipeline = router(dict)
        for number, deadline_ms in enumerate(deadlines):
            chain = FallbackChainStage([ChainRoute("one", dict)], Default("none"), deadline_ms=deadline_ms)
            pipeline = pipeline.with_stage(f"chain-{number}", chain)
    assert TargetRunner(Target(pipeline), "shared", "several", owner).chain_deadline_ms() == declared


@pytest.mark.parametrize(("tops", "declared"), [([], None), ([900, 5], 900), ([900, None], None)])
def test_chains_at_the_top_of_a_module_are_those_of_a_target_that_makes_none(router, monkeypatch, tops, declared):
    monkeypatch.setattr("harness.words.components._live", {})  # without what other tests have left
    chains = [FallbackChainStage([ChainRoute("one", dict)], Default("none"), deadline_ms=ms) for ms in tops]
    assert TargetRunner(Target(router(dict)), "shared", "mine", Owner()).chain_deadline_ms() == declared
    assert len(chains) == len(tops)
