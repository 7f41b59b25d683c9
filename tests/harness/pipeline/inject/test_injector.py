"""Faults around the calls of a real Stageflow pipeline, driven by plain asyncio."""

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from harness.load.corpus.corpus import Scenario
from harness.load.faults.kinds import Fault
from harness.load.faults.plan import FaultPlan, parse_fault_plan
from harness.pipeline.inject.injector import Injector
from harness.pipeline.inject.whole_window import Windows
from harness.pipeline.runner import Reply, TargetRunner
from harness.pipeline.target import Identity, Target
from harness.pipeline.tracing import Trace
from harness.words.components import BACKEND, BREAKER, announce, components
from harness.words.operation import Injection, Outcome, operation_id, operation_index

SCENARIO = Scenario("s1", "hello", 5, {"tenant": "acme"}, tags=("question",))


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route="fast", tenant=ctx.snapshot.metadata.get("tenant"), wall=time.time())


class Answer:
    name = "answer"
    kind = StageKind.TRANSFORM

    async def execute(self, ctx: StageContext) -> StageOutput:
        await asyncio.sleep(0)
        return StageOutput.ok(text="hi")


def pipeline() -> Pipeline:
    return (
        Pipeline(name="p")
        .with_stage("router", Router, StageKind.ROUTE)
        .with_stage("answer", Answer, StageKind.TRANSFORM, dependencies=("router",))
    )


def plan_of(what: str, where: str = 'stage = "router"', more: str = "") -> FaultPlan:
    text = f'[[fault]]\nname = "x"\nwhere = {{ {where} }}\nwhat = {{ {what} }}\n{more}'
    return parse_fault_plan(text.encode(), "plan.toml")


def run(
    plan: FaultPlan | None, *, index: int = 0, is_open: bool = True, sharers: Sequence[int] = (0,)
) -> tuple[Reply, Trace, list[Injection]]:
    runner = TargetRunner(Target(pipeline), "shared", "p")
    if plan is not None:
        runner.injector = Injector(plan, "plan.toml", sharers)
        if is_open:
            for fault in plan.fault:
                runner.injector.switch(fault, is_open=True)
    trace = Trace()
    one = UUID(int=index)
    reply = asyncio.run(runner.run(SCENARIO, Identity(one, one, one, one), trace))
    return reply, trace, trace.hit.injections if trace.hit is not None else []


def test_a_cancellation_reaches_the_task_of_the_operation() -> None:
    plan = plan_of('kind = "cancel"')
    runner = TargetRunner(Target(pipeline), "shared", "p")
    runner.injector = Injector(plan, "plan.toml")
    runner.injector.switch(plan.fault[0], is_open=True)
    trace = Trace()
    one = UUID(int=0)

    async def cancelled() -> None:
        task = asyncio.ensure_future(runner.run(SCENARIO, Identity(one, one, one, one), trace))
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(50):  # Stageflow's own tasks of the stages
            await asyncio.sleep(0)

    asyncio.run(cancelled())
    assert trace.hit is not None
    assert [injection.kind for injection in trace.hit.injections] == ["cancel"]


@pytest.mark.parametrize(
    "plan",
    [
        None,
        plan_of('kind = "error"', 'stage = "answer", scenario = { priority_min = 8 }'),
        plan_of('kind = "error"', more="when = { operations = [3, 9] }"),
        plan_of('kind = "error"', 'route = "fast"'),
        plan_of('kind = "error"', 'scenario = { tag = "code" }'),
    ],
)
def test_an_operation_no_fault_is_for_is_left_alone(plan: FaultPlan | None) -> None:
    reply, trace, injections = run(plan)
    assert (reply.outcome, reply.decision.route, injections) == (Outcome.OK, "fast", [])
    assert [span[0] for span in trace.spans] == ["router", "answer"]


def test_a_window_that_is_closed_hits_nothing() -> None:
    reply, _, injections = run(plan_of('kind = "error"'), is_open=False)
    assert (reply.outcome, injections) == (Outcome.OK, [])


@pytest.mark.parametrize(
    "where", ['scenario = { tag = "question" }', 'stage = "router", scenario = { priority_max = 5 }']
)
def test_a_predicate_on_the_scenario_hits_those_it_holds_for(where: str) -> None:
    reply, _, injections = run(plan_of('kind = "error"', where))
    assert reply.outcome is Outcome.FAILED
    assert len(injections) == 1


WORKERS = st.sets(st.integers(0, 9), min_size=1, max_size=6).map(sorted)


@given(WORKERS, st.integers(0, 60))
def test_workers_share_the_indices_of_operations_with_none_left_out_and_none_twice(
    sharers: list[int], operations: int
) -> None:
    found = [operation_index(operation_id(w, n), sharers) for w in sharers for n in range(operations)]
    assert sorted(found) == list(range(len(sharers) * operations))


@given(WORKERS, st.integers(0, 60))
def test_a_worker_that_came_later_shares_no_index(sharers: list[int], operations: int) -> None:
    ids = [operation_id(worker, n) for worker in range(12) for n in range(operations)]  # 10 and 11 at least are late
    assert len({operation_index(identifier, sharers) for identifier in ids}) == len(ids)
    late = [
        operation_index(operation_id(w, n), sharers) for w in range(12) if w not in sharers for n in range(operations)
    ]
    assert all(index >= 1 << 40 for index in late)


@pytest.mark.parametrize("sharers", [[0], [0, 1], [1, 2], [0, 1, 2], [2, 5, 7]])
def test_the_same_operations_of_a_run_are_hit_however_many_workers_share_them(sharers: list[int]) -> None:
    plan = plan_of('kind = "error"', more="share = 0.4\nwhen = { operations = [6, 50] }")
    hit = []
    for worker in sharers:
        for ordinal in range(60 // len(sharers)):
            identifier = operation_id(worker, ordinal)
            if run(plan, index=identifier, sharers=sharers)[2]:
                hit.append(operation_index(identifier, sharers))
    assert sorted(hit) == [index for index in range(60) if 6 <= index <= 50 and plan.fault[0].chosen(1, index)]
    assert 10 < len(hit) < 30


def test_operations_of_the_window_are_hit_and_no_others() -> None:
    plan = plan_of('kind = "error"', more="when = { operations = [3, 5] }")
    hit = [index for index in range(9) if run(plan, index=index)[2]]
    assert hit == [3, 4, 5]


@pytest.mark.parametrize(
    ("what", "seen"),
    [('kind = "missing_key", key = "tenant"', None), ('kind = "corrupt_key", key = "tenant"', "\ufffd")],
)
def test_a_stage_sees_a_broken_context_and_the_scenario_stays_whole(what: str, seen: str | None) -> None:
    saw: list[object] = []

    class Looker(Router):
        async def execute(self, ctx: StageContext) -> StageOutput:
            saw.append(ctx.snapshot.metadata.get("tenant"))
            return StageOutput.ok(route="fast")

    runner = TargetRunner(Target(Pipeline(name="p").with_stage("router", Looker, StageKind.ROUTE)), "shared", "p")
    plan = plan_of(what)
    runner.injector = Injector(plan, "plan.toml")
    one = UUID(int=0)
    for is_open in (True, False):
        runner.injector.switch(plan.fault[0], is_open=is_open)
        asyncio.run(runner.run(SCENARIO, Identity(one, one, one, one), Trace()))
    assert saw == [seen, "acme"]
    assert SCENARIO.metadata == {"tenant": "acme"}


def test_a_hang_lasts_until_it_is_cancelled_and_is_written_down() -> None:
    plan = plan_of('kind = "hang"')
    runner = TargetRunner(Target(pipeline), "shared", "p")
    runner.injector = Injector(plan, "plan.toml")
    runner.injector.switch(plan.fault[0], is_open=True)
    trace = Trace()
    one = UUID(int=0)

    async def hang() -> None:
        task = asyncio.ensure_future(runner.run(SCENARIO, Identity(one, one, one, one), trace))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(50):  # Stageflow's own tasks of the stages
            await asyncio.sleep(0)

    asyncio.run(hang())
    assert trace.hit is not None
    assert [injection.kind for injection in trace.hit.injections] == ["hang"]


def test_an_exception_of_a_library_is_found() -> None:
    reply, _, _ = run(plan_of('kind = "error", type = "concurrent.futures:BrokenExecutor", message = "gone"'))
    assert reply.error == "BrokenExecutor: gone"


class Part:
    def __init__(self, name: str) -> None:
        self.name = name
        self.slots = 3
        self.state = "closed"

    def force_open(self) -> None:
        self.state = "open"

    def reset(self) -> None:
        self.state = "closed"


def reload_rules() -> None:
    CALLS.append("reloaded")


CALLS: list[str] = []


@pytest.mark.parametrize(
    ("what", "where", "look", "opened"),
    [
        ('kind = "slots", remove = 2', 'backend = "gpu-t"', lambda part: part.slots, 1),
        ('kind = "slots", remove = 9', 'backend = "gpu-t"', lambda part: part.slots, 1),
        ('kind = "breaker_open"', 'breaker = "gpu-t"', lambda part: part.state, "open"),
    ],
)
def test_a_part_is_reached_by_its_name_and_put_back(
    what: str, where: str, look: Callable[[Part], object], opened: object
) -> None:
    part, other = Part("gpu-t"), Part("other")
    for kind in (BACKEND, BREAKER):
        announce(kind, part)
        announce(kind, other)
    before, (fault,) = look(part), plan_of(what, where).fault
    windows = Windows(plan_of(what, where), "plan.toml")
    for undo in (lambda: windows.close(fault), windows.close_all):
        windows.open(fault)
        assert (look(part), look(other)) == (opened, before)
        undo()
        assert look(part) == before


def test_a_part_that_is_gone_is_not_kept() -> None:
    part = Part("gone")
    announce(BACKEND, part)
    assert components(BACKEND, "gone") == [part]
    del part
    assert components(BACKEND, "gone") == []


def test_windows_that_overlap_on_one_part_are_undone_when_the_last_one_closes() -> None:
    part = Part("gpu-t")
    announce(BREAKER, part)
    text = "".join(
        f'[[fault]]\nname = "{name}"\n{where}what = {{ {what} }}\n'
        for name, where, what in (
            ("a", 'where = { breaker = "gpu-t" }\n', 'kind = "breaker_open"'),
            ("b", 'where = { breaker = "gpu-t" }\n', 'kind = "breaker_open"'),
            ("c", "", 'kind = "clock_jump", by_s = 10'),
            ("d", "", 'kind = "clock_jump", by_s = 5'),
        )
    )
    plan = parse_fault_plan(text.encode(), "plan.toml")
    windows = Windows(plan, "plan.toml")
    for fault in plan.fault:
        windows.open(fault)
    windows.close(plan.fault[0])
    windows.close(plan.fault[2])
    assert part.state == "open"
    assert time_machine.escape_hatch.is_travelling()
    windows.close(plan.fault[1])
    windows.close(plan.fault[3])
    assert part.state == "closed"
    assert not time_machine.escape_hatch.is_travelling()


def test_a_reload_calls_its_function_when_the_window_opens() -> None:
    plan = plan_of(f'kind = "reload", call = "{__name__}:reload_rules"', "")
    windows = Windows(plan, "plan.toml")
    assert CALLS == []
    windows.open(plan.fault[0])
    windows.close_all()
    assert CALLS == ["reloaded"]


def test_switching_keeps_the_order_of_the_plan() -> None:
    text = "".join(
        f'[[fault]]\nname = "{name}"\nwhere = {{ stage = "router" }}\nwhat = {{ kind = "latency", ms = 1 }}\n'
        for name in "abc"
    )
    plan = parse_fault_plan(text.encode(), "plan.toml")
    injector = Injector(plan, "plan.toml")
    first, second, third = plan.fault

    def names(faults: tuple[Fault, ...]) -> str:
        return "".join(fault.name for fault in faults)

    for fault in (third, first, second):
        injector.switch(fault, is_open=True)
    assert names(injector.open) == "abc"
    injector.switch(second, is_open=False)
    assert names(injector.open) == "ac"
