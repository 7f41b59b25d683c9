"""The reference target with fallback chains: decides as the other one does, and answers when models fail."""

from __future__ import annotations

from uuid import UUID

import pytest
from stageflow import PipelineContext

from harness.judge.criteria.criteria import DEFAULT_CRITERIA, parse_criteria, read_criteria
from harness.load.corpus.corpus import DEFAULT_CORPUS, read_corpus
from harness.load.faults.capabilities import require_known, require_sent
from harness.load.faults.plan import (
    PLANS,
    FaultPlanError,
    criteria_path,
    parse_fault_plan,
    plan_path,
    read_fault_plan,
    shipped_name,
)
from harness.pipeline.find import REFERENCE_TARGETS, RESILIENT_TARGET, find_target
from harness.pipeline.runner import TargetRunner
from harness.stages.backend import BackendReply, CallOutcome, SimulatedBackend
from harness.stages.resilient import DEADLINE_MS, MODELS, build
from harness.stages.router import ROUTES
from harness.words.components import BACKEND, BREAKER, Owner, building, components

QUESTION = "can you write bubble sort in Python?"  # premium's


class Built:
    """A build, and its backends by name."""

    def __init__(self, seed: int = 0) -> None:
        self.owner = Owner()
        with building(self.owner):
            self.graph = build(seed).build()
        self.backends = {part.name: part for part in components(BACKEND, owner=self.owner, alone=True)}

    def break_down(self, *names: str) -> None:
        async def fail(*_: object) -> None:
            raise ValueError("out of order")

        for name in names:
            self.backends[name].fault = fail

    async def ask(self, text: str = QUESTION, priority: int = 5, number: int = 1):
        context = PipelineContext.create(
            input_text=text, metadata={"priority": priority}, topology="resilient", request_id=UUID(int=number)
        )
        return (await self.graph.run(context))["router"].data


def test_it_asks_first_whom_the_golden_routes_say(virtually, monkeypatch):
    async def at_once(backend: SimulatedBackend, prompt: str, **_: object) -> BackendReply:
        return BackendReply(backend.name, 0.0, 0.0)

    monkeypatch.setattr(SimulatedBackend, "call", at_once)
    built, corpus = Built(), read_corpus(DEFAULT_CORPUS)

    async def main():
        for scenario in corpus:
            answer = await built.ask(scenario.text, scenario.priority)
            assert (answer["route"], answer["tier"]) == (scenario.expected_route, 0), scenario.id
            assert 0.0 <= answer["confidence"] <= 1.0

    virtually(main())


def test_its_golden_routes_are_those_of_the_shipped_corpus():
    assert RESILIENT_TARGET in REFERENCE_TARGETS


@pytest.mark.parametrize("plan", MODELS, ids=lambda plan: plan.route)
@pytest.mark.parametrize("down", range(4))
def test_with_as_many_tiers_down_the_next_one_answers(virtually, plan, down):
    texts = {"fast": "Hello", "standard": "What is the capital of Australia?", "premium": QUESTION, "fallback": ""}
    tiers = [plan.route, *plan.stand_ins]
    built = Built()
    built.break_down(*tiers[:down])
    priority = 9 if plan.route == "escalation" else 5
    answer = virtually(built.ask(texts.get(plan.route, "Hello"), priority))
    assert (answer["asked_route"], answer["tier"]) == (plan.route, down)
    assert answer["route"] == [*tiers, "default"][down]
    assert answer["degraded"] == (down == 3)


def test_calls_of_backends_carry_priority_and_the_id_of_the_request(virtually):
    built = Built()
    premium = built.backends["premium"]
    premium.keep_log()
    virtually(built.ask(priority=7, number=41))
    ((call,), lost) = premium.take_log()
    assert (call.tag, call.priority, call.outcome, lost) == (UUID(int=41), 7, CallOutcome.SERVED, 0)


def test_two_builds_share_nothing_and_equal_seeds_serve_alike(virtually):
    first, second, other = Built(), Built(), Built(seed=1)

    def service(built: Built) -> float:
        return virtually(built.ask())["result"]["service_ms"]

    assert service(first) == service(second) != service(other)
    own = components(BREAKER, owner=first.owner, alone=True)
    assert [part.name for part in own] == [plan.route for plan in MODELS]
    assert set(first.backends.values()).isdisjoint(second.backends.values())


def test_every_chain_fits_its_deadline_and_names_every_route_once():
    timeouts = {plan.route: plan.timeout_ms for plan in MODELS}
    for plan in MODELS:
        assert sum(timeouts[route] for route in (plan.route, *plan.stand_ins)) < DEADLINE_MS
    assert set(timeouts) == set(ROUTES)


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_plan_names_only_what_target_and_corpus_have(path):
    _runner, known = capabilities()
    plan = read_fault_plan(path)
    require_known(plan, str(path), known)
    require_sent(plan, str(path), read_corpus(DEFAULT_CORPUS).scenarios, known)


def capabilities():
    owner = Owner()
    with building(owner):
        runner = TargetRunner(find_target(RESILIENT_TARGET), "shared", RESILIENT_TARGET, owner)
    return runner, runner.capabilities()


def test_it_tells_the_deadline_of_its_chains():
    runner, _known = capabilities()
    assert runner.chain_deadline_ms() == DEADLINE_MS


@pytest.mark.parametrize(
    ("where", "what", "said"),
    [
        ('route = "escalation", tier = 1', 'kind = "hang"', "no tier 1 of route 'escalation', the chains have it at 0"),
        ('route = "premium", tier = 3', 'kind = "hang"', "no tier 3 of route 'premium', the chains have it at 0 and 1"),
        ('backend = "premium"', 'kind = "slots", remove = 500', "found 500 of 5 slots, expected at most 4"),
    ],
)
def test_a_plan_that_could_never_strike_this_target_is_refused(where, what, said):
    _runner, known = capabilities()  # the runner keeps the parts alive
    text = f'[[fault]]\nname = "x"\nwhere = {{ {where} }}\nwhat = {{ {what} }}\n'
    with pytest.raises(FaultPlanError) as caught:
        require_known(parse_fault_plan(text.encode(), "plan.toml"), "plan.toml", known)
    assert said in str(caught.value)


def test_a_shipped_plan_goes_by_its_name_where_there_is_no_such_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert plan_path("storm") == PLANS / "storm.toml"
    assert shipped_name(plan_path("storm")) == "storm"
    assert str(plan_path("elsewhere/storm")) == "elsewhere/storm"
    assert str(plan_path("calm")) == "calm"
    (tmp_path / "storm").write_text("mine")
    assert str(plan_path("storm")) == "storm"


def test_the_criteria_of_the_storm_are_the_default_ones_and_the_latency_of_fallbacks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = criteria_path("storm")
    assert shipped_name(path) == "storm"
    texts = [criterion.text for criterion in read_criteria(path)]
    default = [criterion.text for criterion in parse_criteria(DEFAULT_CRITERIA, "default")]
    assert texts == [*default, "fallback_latency_x < 2"]
    assert str(criteria_path("mine.txt")) == "mine.txt"
