"""A plan that names what target and corpus do not have is refused in one line; one that names what is there is not."""

from __future__ import annotations

import pytest

from harness.load.corpus.corpus import Scenario
from harness.load.faults.capabilities import Capabilities, require_known, require_sent
from harness.load.faults.plan import FaultPlanError, parse_fault_plan

KNOWN = Capabilities(
    stages=("router", "guard"),
    route_stages=("router",),
    backends=("gpu",),
    routes=("premium", "escalation", "unused"),
    breakers=("premium",),
    tiers={"premium": [0, 2], "escalation": [0], "unused": []},
    slots={"gpu": 3},
)
SCENARIOS = (
    Scenario("s1", "write code", 9, {"tenant": "acme"}, tags=("code",)),
    Scenario("s2", "hello", 2, tags=("question",)),
)


def plan_of(*faults):
    text = "".join(f'[[fault]]\nname = "x{n}"\n{fault}\n' for n, fault in enumerate(faults))
    return parse_fault_plan(text.encode(), "plan.toml")


def put_at(where, what='kind = "error"'):
    return f"where = {{ {where} }}\nwhat = {{ {what} }}"


def refused(check):
    with pytest.raises(FaultPlanError) as caught:
        check()
    line = str(caught.value)
    assert line.startswith("plan.toml: ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (put_at('stage = "nowhere"'), "fault 'x0': where: no stage 'nowhere', the target has guard, router"),
        (put_at('backend = "tpu"'), "where: no backend 'tpu', the target has gpu"),
        (put_at('route = "premum"'), "where: no route 'premum', the target has escalation, premium, unused"),
        (put_at('breaker = "gpu"', 'kind = "breaker_open"'), "where: no breaker 'gpu', the target has premium"),
        (put_at('route = "premium", tier = 3'), "no tier 3 of route 'premium', the chains have it at 0 and 2"),
        (put_at('route = "premium", tier = 1'), "no tier 1 of route 'premium', the chains have it at 0 and 2"),
        (put_at('route = "escalation", tier = 1'), "no tier 1 of route 'escalation', the chains have it at 0"),
        (put_at('route = "unused", tier = 0'), "no tier 0 of route 'unused', the chains have it at none"),
        (
            put_at('backend = "gpu"', 'kind = "slots", remove = 3'),
            "what.remove: found 3 of 3 slots, expected at most 2: one is always left",
        ),
    ],
)
def test_what_the_target_does_not_have(fault, said):
    assert said in refused(lambda: require_known(plan_of(fault), "plan.toml", KNOWN))


@pytest.mark.parametrize(
    "fault",
    [
        put_at('stage = "guard"'),
        put_at('route = "premium", tier = 2'),
        put_at('route = "unused"'),
        put_at('backend = "gpu"', 'kind = "slots", remove = 2'),
        put_at('breaker = "premium"', 'kind = "breaker_open"'),
        put_at('scenario = { tag = "code" }'),
    ],
)
def test_what_the_target_has(fault):
    require_known(plan_of(fault), "plan.toml", KNOWN)


def test_what_is_not_known_is_not_refused():
    plan = plan_of(put_at('route = "premium", tier = 7'))
    require_known(plan, "plan.toml", Capabilities(stages=("router",)))


@pytest.mark.parametrize(
    "predicate",
    [
        'tag = "poem"',
        'tag = "code", priority_max = 5',
        'id = "s3"',
        'text_contains = "Code"',
        'metadata = { tenant = "other" }',
        'expected_route = "fast"',
    ],
)
def test_a_predicate_that_holds_for_no_scenario(predicate):
    plan = plan_of(put_at(f"scenario = {{ {predicate} }}"))
    line = refused(lambda: require_sent(plan, "plan.toml", SCENARIOS, KNOWN))
    assert "fault 'x0': where.scenario: {" in line
    assert "holds for none of 2 scenarios" in line


@pytest.mark.parametrize(
    "predicate", ['tag = "code"', 'text_contains = "code", priority_min = 8', 'metadata = { tenant = "acme" }']
)
def test_a_predicate_that_holds_for_one(predicate):
    require_sent(plan_of(put_at(f"scenario = {{ {predicate} }}")), "plan.toml", SCENARIOS, KNOWN)


def test_faults_that_contradict_for_some_scenario_only():
    hang = 'kind = "hang"'
    urgent, code, question = ("priority_min = 8", 'tag = "code"', 'tag = "question"')
    both = plan_of(put_at(f"scenario = {{ {urgent} }}"), put_at(f'stage = "router", scenario = {{ {code} }}', hang))
    assert "faults 'x0' and 'x1' contradict" in refused(lambda: require_sent(both, "plan.toml", SCENARIOS, KNOWN))
    apart = plan_of(put_at(f"scenario = {{ {urgent} }}"), put_at(f"scenario = {{ {question} }}", hang))
    require_sent(apart, "plan.toml", SCENARIOS, KNOWN)
