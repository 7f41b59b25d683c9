"""What each kind of fault does to operations of a real Stageflow graph, on a loop whose clock jumps."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar
from uuid import UUID

import pytest
from stageflow import Pipeline, StageKind, StageOutput

from harness.load.corpus.corpus import Scenario
from harness.load.faults.kinds.delays import Latency
from harness.load.faults.plan import parse_fault_plan
from harness.pipeline.inject import injector
from harness.pipeline.inject.injector import Injector
from harness.pipeline.inject.whole_window import Windows
from harness.pipeline.runner import TargetRunner
from harness.pipeline.target import Identity, Target
from harness.pipeline.tracing import Trace
from harness.stages.backend import SimulatedBackend
from harness.stages.breaker import CircuitBreaker
from harness.stages.chain import FallbackChainStage
from harness.stages.routes import Default, Route
from harness.words.operation import Flag, Outcome

SCENARIO = Scenario("s1", "hello", 5, {"tenant": "acme"})
SERVICE_MS = 10
RULES = {"route": "fast"}


class Router:
    """A ROUTE stage that takes 10 ms, and says what it read and when."""

    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx):
        await asyncio.sleep(SERVICE_MS / 1000)
        tenant = ctx.snapshot.metadata.get("tenant", "(none)")
        return StageOutput.ok(route=RULES["route"], confidence=0.5, tenant=tenant, wall_s=time.time())


class Answer:
    """What follows: it keeps what the router gave it."""

    name = "answer"
    kind = StageKind.TRANSFORM
    seen: ClassVar[dict[str, object]] = {}

    async def execute(self, ctx):
        Answer.seen = {key: ctx.inputs.get_from("router", key) for key in ("tenant", "wall_s")}
        return StageOutput.ok(text="hi")


def pipeline():
    router = Pipeline(name="p").with_stage("router", Router, StageKind.ROUTE)
    return router.with_stage("answer", Answer, StageKind.TRANSFORM, dependencies=("router",))


def plan_of(what, where='stage = "router"'):
    place = f"where = {{ {where} }}\n" if where else ""
    return parse_fault_plan(f'[[fault]]\nname = "x"\n{place}what = {{ {what} }}\n'.encode(), "plan.toml")


class Rig:
    """A target under a plan whose only fault is open."""

    def __init__(self, target, plan):
        self.runner = TargetRunner(Target(target), "shared", "p")
        self.runner.injector = Injector(plan, "plan.toml")
        self.windows = Windows(plan, "plan.toml")
        self.fault = plan.fault[0]
        self.runner.injector.switch(self.fault, is_open=True)
        self.traces = []

    async def one(self, index=0):
        trace, identity = Trace(), Identity(*[UUID(int=index)] * 4)
        self.traces.append(trace)
        reply = await self.runner.run(SCENARIO, identity, trace)
        return reply, asyncio.get_running_loop().time()

    @property
    def injections(self):
        return [injection for trace in self.traces for injection in trace.hit.injections]


def rig_of(what):
    return Rig(pipeline, plan_of(what))


@pytest.mark.parametrize(
    ("what", "outcome", "route", "took_ms"),
    [
        ('kind = "latency", ms = 400', Outcome.OK, "fast", 410),
        ('kind = "slow", factor = 3', Outcome.OK, "fast", 30),
        ('kind = "timeout"', Outcome.FAILED, None, 0),
        ('kind = "timeout", after_ms = 250', Outcome.FAILED, None, 250),
        ('kind = "error"', Outcome.FAILED, None, 0),
        ('kind = "empty"', Outcome.OK, None, 10),
        ('kind = "wrong_route", route = "slow"', Outcome.OK, "slow", 10),
        ('kind = "malformed"', Outcome.OK, "{'malformed': True}", 10),
        ('kind = "missing_key", key = "tenant"', Outcome.OK, "fast", 10),
        ('kind = "corrupt_key", key = "tenant"', Outcome.OK, "fast", 10),
    ],
)
def test_an_operation_takes_as_long_as_its_fault_says_and_ends_as_it_says(virtually, what, outcome, route, took_ms):
    rig = rig_of(what)
    reply, ended_s = virtually(rig.one())
    assert (reply.outcome, reply.decision.route) == (outcome, route)
    assert ended_s * 1000 == pytest.approx(took_ms, abs=0.01)
    (injection,) = rig.injections
    assert (injection.fault, injection.kind, injection.place) == ("x", rig.fault.kind, "stage router")
    assert injection.start_ns <= injection.end_ns


@pytest.mark.parametrize(
    ("what", "flag", "said"),
    [
        ('kind = "error", type = "ConnectionError", message = "503"', None, "ConnectionError: 503"),
        ('kind = "timeout", after_ms = 250', None, "TimeoutError: injected: no answer within 250 ms"),
        ('kind = "empty"', Flag.NO_ROUTE, "no usable route"),
        ('kind = "malformed"', Flag.MALFORMED, "no usable route"),
    ],
)
def test_what_a_fault_breaks_is_said(virtually, what, flag, said):
    reply, _ = virtually(rig_of(what).one())
    assert reply.decision.flag is flag
    assert said in reply.error


def test_a_stage_that_returns_none_gives_no_route(virtually):
    rig = rig_of('kind = "none"')
    reply, ended_s = virtually(rig.one())
    assert reply.decision.route is None
    assert ended_s * 1000 == pytest.approx(SERVICE_MS, abs=0.01)
    assert [injection.kind for injection in rig.injections] == ["none"]


@pytest.mark.parametrize(("kind", "seen"), [("missing_key", "(none)"), ("corrupt_key", "\ufffd")])
def test_the_stage_reads_a_broken_key(virtually, kind, seen):
    virtually(rig_of(f'kind = "{kind}", key = "tenant"').one())
    assert Answer.seen["tenant"] == seen


def test_a_key_that_is_not_there_cannot_be_taken_away_and_nothing_is_written_down(virtually):
    rig = rig_of('kind = "missing_key", key = "region"')
    virtually(rig.one())
    assert rig.injections == []


@pytest.mark.parametrize("more", ["sigma = 0.8", "alpha = 1.5"])
def test_an_operation_is_delayed_by_what_is_drawn_for_its_index(virtually, more):
    rig = rig_of(f'kind = "latency", ms = 100, {more}')
    delays_ms = set()
    for index in range(5):
        _, ended_s = virtually(rig.one(index))
        assert isinstance(rig.fault.what, Latency)
        drawn_ms = rig.fault.what.draw_ms(rig.fault.draws(1, index))
        assert ended_s * 1000 == pytest.approx(drawn_ms + SERVICE_MS, abs=0.01)
        delays_ms.add(drawn_ms)
    assert len(delays_ms) == 5


def test_a_spike_is_written_down_where_it_delays_and_nowhere_else(virtually):
    rig = rig_of('kind = "latency", ms = 100, one_in = 10')
    delayed = []
    for index in range(300):
        _, ended_s = virtually(rig.one(index))
        if ended_s > 2 * SERVICE_MS / 1000:
            delayed.append(index)
    assert 15 < len(delayed) < 50
    assert [injection.operation for injection in rig.injections] == delayed


@pytest.mark.parametrize("place", ["stage", "backend"])
def test_of_faults_that_decide_the_first_is_injected_and_what_cannot_strike_beside_it_is_not_written_down(
    virtually, place
):
    where = f'where = {{ {place} = "router" }}\nshare = 0.99'
    kinds = ('"slow", factor = 3', '"latency", ms = 50', '"timeout", after_ms = 5', '"error"', '"hang"')
    plan = parse_fault_plan(
        "".join(f'[[fault]]\nname = "{i}"\nwhat = {{ kind = {kind} }}\n{where}\n' for i, kind in enumerate(kinds))
        .replace("0.99", "0.3")
        .encode(),
        "plan.toml",
    )
    chosen = next(i for i in range(10_000) if all(fault.chosen(plan.seed, i) for fault in plan.fault))

    class Asks(Router):
        backend = SimulatedBackend("router", slots=9, median_ms=SERVICE_MS, seed=1)

        async def execute(self, ctx):
            await self.backend.call("hello")
            return StageOutput.ok(route="fast", confidence=0.5)

    rig = Rig(Pipeline(name="p").with_stage("router", Asks, StageKind.ROUTE), plan)
    Asks.backend.fault = lambda info, serve: rig.traces[-1].hit.backend("router", serve)
    for fault in plan.fault:
        rig.runner.injector.switch(fault, is_open=True)
    reply, ended_s = virtually(rig.one(chosen))
    assert "TimeoutError" in reply.error
    assert ended_s * 1000 == pytest.approx(55, abs=0.01)
    assert [injection.kind for injection in rig.injections] == ["latency", "timeout"]


def test_a_hang_lasts_until_the_operation_is_cancelled(virtually):
    rig = rig_of('kind = "hang"')

    async def give_up():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await rig.one()
        before = asyncio.get_running_loop().time()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:  # Stageflow leaves the tasks of stages to themselves
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return before

    assert virtually(give_up()) == 20
    assert [injection.kind for injection in rig.injections] == ["hang"]


def test_a_cancellation_ends_the_operation_and_not_the_others(virtually):
    rig = rig_of('kind = "cancel"')

    async def two():
        hit = asyncio.ensure_future(rig.one(0))
        rig.runner.injector.switch(rig.fault, is_open=True)
        await asyncio.wait([hit])
        rig.runner.injector.switch(rig.fault, is_open=False)
        reply, _ = await rig.one(1)
        return hit.cancelled(), reply.outcome

    assert virtually(two()) == (True, Outcome.OK)
    assert [(injection.kind, injection.operation) for injection in rig.injections] == [("cancel", 0)]


def test_a_block_stops_all_other_tasks_for_its_time(virtually, monkeypatch):
    turns = [0]
    reads = []

    def clock():
        reads.append(turns[0])
        return len(reads) / 1000

    async def other():
        while True:
            turns[0] += 1
            await asyncio.sleep(0.001)

    async def both():
        task = asyncio.ensure_future(other())
        await rig.one()
        task.cancel()

    monkeypatch.setattr(injector, "monotonic", clock)
    rig = rig_of('kind = "block", ms = 50')
    virtually(both())
    assert len(reads) - 1 == pytest.approx(50, abs=1)
    assert len(set(reads)) == 1
    assert 0 < reads[0] < turns[0]
    assert [injection.kind for injection in rig.injections] == ["block"]


def test_slots_that_are_taken_away_let_calls_wait_and_come_back(virtually):
    backend = SimulatedBackend("gpu-k", slots=3, median_ms=SERVICE_MS, seed=1)

    class Asks(Router):
        async def execute(self, ctx):
            await backend.call("hello")
            return StageOutput.ok(route="fast", confidence=0.5)

    plan = plan_of('kind = "slots", remove = 2', 'backend = "gpu-k"')
    rig = Rig(Pipeline(name="p").with_stage("router", Asks, StageKind.ROUTE), plan)

    async def three():
        return max(ended_s for _, ended_s in await asyncio.gather(*(rig.one(index) for index in range(3))))

    took = [virtually(three())]
    rig.windows.open(rig.fault)
    took.append(virtually(three()))
    rig.windows.close(rig.fault)
    took.append(virtually(three()))
    assert [round(1000 * s) for s in took] == [SERVICE_MS, 3 * SERVICE_MS, SERVICE_MS]


def test_a_breaker_forced_open_sends_operations_to_the_next_route_until_the_window_closes(virtually):
    breaker = CircuitBreaker("gpu-k")
    routes = [Route("a", lambda ctx: {"by": "a"}, breaker=breaker), Route("b", lambda ctx: {"by": "b"})]
    plan = plan_of('kind = "breaker_open"', 'breaker = "gpu-k"')
    rig = Rig(Pipeline(name="p").with_stage("router", FallbackChainStage(routes, Default("later"))), plan)
    served = [virtually(rig.one())[0].decision]
    rig.windows.open(rig.fault)
    served.append(virtually(rig.one())[0].decision)
    rig.windows.close(rig.fault)
    served.append(virtually(rig.one())[0].decision)
    assert [(decision.route, decision.tier) for decision in served] == [("a", 0), ("b", 1), ("a", 0)]


def test_a_clock_that_jumps_is_read_by_the_stage(virtually):
    rig = Rig(pipeline, plan_of('kind = "clock_jump", by_s = 3600', ""))
    rig.windows.open(rig.fault)
    virtually(rig.one())
    assert Answer.seen["wall_s"] - time.time() > 3500
    rig.windows.close(rig.fault)
    virtually(rig.one())
    assert abs(Answer.seen["wall_s"] - time.time()) < 100


def rules_change():
    RULES["route"] = "slow"


def rules_change_back():
    RULES["route"] = "fast"


def test_rules_that_are_reloaded_decide_otherwise_until_they_are_undone(virtually):
    what = f'kind = "reload", call = "{__name__}:rules_change", undo = "{__name__}:rules_change_back"'
    rig = Rig(pipeline, plan_of(what, ""))
    routes = [virtually(rig.one())[0].decision.route]
    rig.windows.open(rig.fault)
    routes.append(virtually(rig.one())[0].decision.route)
    rig.windows.close(rig.fault)
    routes.append(virtually(rig.one())[0].decision.route)
    assert routes == ["fast", "slow", "fast"]


def test_an_injection_carries_the_ordinal_of_its_window(virtually):
    rig = rig_of('kind = "error"')
    virtually(rig.one())
    rig.runner.injector.switch(rig.fault, is_open=False, window=0)
    rig.runner.injector.switch(rig.fault, is_open=True, window=1)
    virtually(rig.one(1))
    assert [injection.window for injection in rig.injections] == [0, 1]
