from collections.abc import Callable
from itertools import pairwise
from math import exp
from pathlib import Path
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_faults import a_fault
from made_faults import plan_of as plan_with

from harness.load.corpus.corpus import Scenario
from harness.load.faults.kinds import KINDS, Fault, ScenarioIs, When, Where
from harness.load.faults.kinds.delays import Latency
from harness.load.faults.kinds.endings import Error
from harness.load.faults.plan import FaultPlanError, parse_fault_plan, read_fault_plan

PLAN = """
seed = 7
[[fault]]
name  = "primary down"
where = { route = "premium", tier = 0 }
what  = { kind = "error", type = "ConnectionError", message = "503" }
when  = { from_s = 10, to_s = 25 }
share = 0.6
"""

SETTINGS = {
    "latency": "ms = 20",
    "slow": "factor = 3",
    "error": 'type = "ValueError"',
    "wrong_route": 'route = "fast"',
    "missing_key": 'key = "tenant"',
    "corrupt_key": 'key = "tenant"',
    "slots": "remove = 2",
    "block": "ms = 50",
    "clock_jump": "by_s = 3600",
    "reload": 'call = "rules:reload"',
}
PLACES = {"slots": 'backend = "gpu"', "breaker_open": 'breaker = "gpu"', "clock_jump": "", "reload": ""}


def plan_of(kind: str) -> str:
    settings = SETTINGS.get(kind, "")
    what = f'kind = "{kind}"' + (f", {settings}" if settings else "")
    place = PLACES.get(kind, 'stage = "router"')
    return f'[[fault]]\nname = "x"\nwhere = {{ {place} }}\nwhat = {{ {what} }}\n'


def refused(text: str) -> str:
    with pytest.raises(FaultPlanError) as caught:
        parse_fault_plan(text.encode(), "plan.toml")
    return str(caught.value)


def test_a_plan_is_read_as_written() -> None:
    plan = parse_fault_plan(PLAN.encode(), "plan.toml")
    assert plan.seed == 7
    assert plan.fault == (
        Fault(
            name="primary down",
            where=Where(route="premium", tier=0),
            what=Error(type="ConnectionError", message="503"),
            when=When(from_s=10, to_s=25),
            share=0.6,
        ),
    )
    assert str(plan.fault[0].where) == "route premium, tier 0"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_written_down(kind: str) -> None:
    (fault,) = parse_fault_plan(plan_with(a_fault(KINDS[kind])), "plan.toml").fault
    assert fault.kind == kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAN.replace("= 10", "= -3"), "fault 1, when.from_s: found -3, expected `float` >= 0.0"),
        (PLAN.replace("to_s = 25", "to_s = 5"), "fault 'primary down': when: found to_s 5 after from_s 10"),
        (PLAN.replace('"error"', '"eror"'), "expected one of block, breaker_open"),
        (PLAN.replace("0.6", "1.6"), "fault 1, share: found 1.6"),
        (PLAN.replace("share", "shar"), "fault 1: object contains unknown field `shar`"),
        (PLAN.replace("tier = 0", 'stage = "router"'), "where: found stage and route, expected one of them"),
        (PLAN.replace("tier = 0", "tier = -1"), "fault 1, where.tier: found -1"),
        (PLAN.replace('route = "premium", ', ""), "where: found a tier without a route"),
        (PLAN.replace("from_s = 10, to_s = 25", "operations = [9, 3]"), "expected [first, last]"),
        (PLAN + PLAN.replace("seed = 7", ""), "fault 'primary down' is there twice"),
        (PLAN.replace("= 7", "= "), "at line 2"),
        ("seed = 1\nfault = []", "no fault found"),
        (plan_of("slots").replace("backend", "stage"), "slots cannot be put at a stage, expected backend"),
        (plan_of("hang").replace('stage = "router"', ""), "where: found none"),
        (plan_of("clock_jump") + "share = 0.5", "found a share or operations"),
        (plan_of("latency").replace("ms = 20", "ms = inf"), "fault 1, what.ms: found inf, expected `float` <= 3600000"),
        (plan_of("latency").replace("ms = 20", "ms = nan"), "fault 1, what.ms: found nan, expected `float` > 0"),
        (plan_of("latency").replace("= 20", "= 20, sigma = 1e9"), "fault 1, what.sigma: found 1000000000.0"),
        (plan_of("latency").replace("= 20", "= 20, alpha = inf"), "fault 1, what.alpha: found inf"),
        (plan_of("slow").replace("= 3", "= inf"), "fault 1, what.factor: found inf"),
        (plan_of("timeout").replace('"timeout"', '"timeout", after_ms = nan'), "fault 1, what.after_ms: found nan"),
        (plan_of("clock_jump").replace("= 3600", "= nan"), "fault 1, what.by_s: found nan"),
        (plan_of("clock_jump").replace("= 3600", "= -inf"), "fault 1, what.by_s: found -inf"),
        (PLAN.replace("from_s = 10, to_s = 25", "from_s = inf"), "fault 1, when.from_s: found inf"),
        (PLAN.replace("= 25", "= inf"), "fault 1, when.to_s: found inf"),
        (PLAN.replace("0.6", "nan"), "fault 1, share: found nan"),
        (
            PLAN.replace("tier = 0", "scenario = { priority_min = 7, priority_max = 3 }"),
            "where.scenario: found priority_min 7 above priority_max 3",
        ),
        (PLAN.replace("tier = 0", "scenario = { metadata = { a = [1] } }"), "where.scenario.metadata"),
    ],
)
def test_a_mistake_is_one_line_with_file_place_and_what_was_found(text: str, said: str) -> None:
    line = refused(text)
    assert line.startswith("plan.toml: ")
    assert said in line
    assert "\n" not in line


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FaultPlanError, match=r"nowhere\.toml: cannot read fault plan: No such file"):
        read_fault_plan(tmp_path / "nowhere.toml")


@given(st.integers(0, 2**31), st.floats(0.05, 0.95), st.integers(0, 2**40))
def test_who_is_hit_depends_on_seed_name_and_index_alone(seed: int, share: float, index: int) -> None:
    fault = Fault(name="x", what=Latency(ms=1), where=Where(stage="router"), share=share)
    again = Fault(name="x", what=Error(), where=Where(route="y"), share=share)
    assert fault.chosen(seed, index) == again.chosen(seed, index)
    assert fault.draws(seed, index).random() == again.draws(seed, index).random()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_the_share_is_kept(share: float) -> None:
    fault = Fault(name="x", what=Error(), where=Where(stage="router"), share=share)
    hit = sum(fault.chosen(1, index) for index in range(20_000))
    assert abs(hit / 20_000 - share) < 0.015


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=5).map(sorted))
def test_a_larger_share_hits_all_that_a_smaller_one_hits(shares: list[float]) -> None:
    faults = [Fault(name="x", what=Error(), where=Where(stage="router"), share=share) for share in shares]
    hits = [{index for index in range(200) if fault.chosen(3, index)} for fault in faults]
    assert all(fewer <= more for fewer, more in pairwise(hits))


@pytest.mark.parametrize(
    ("when", "at", "users", "is_open"),
    [
        (When(), 0.0, 0, True),
        (When(from_s=10, to_s=25), 9.999, 100, False),
        (When(from_s=10, to_s=25), 10.0, 0, True),
        (When(from_s=10, to_s=25), 25.0, 100, False),
        (When(users=50), 3.0, 49, False),
        (When(users=50), 3.0, 50, True),
        (When(users=50, from_s=5), 3.0, 50, False),
    ],
)
def test_a_window_is_open_from_its_start_up_to_its_end(when: When, at: float, users: int, is_open: bool) -> None:
    assert when.open_at(at, users) is is_open


def test_a_window_of_operations_holds_its_first_and_its_last() -> None:
    when = When(operations=(1000, 5000))
    assert [when.holds(index) for index in (999, 1000, 5000, 5001)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("predicate", "holds"),
    [
        (ScenarioIs(), True),
        (ScenarioIs(tag="question", priority_min=8), True),
        (ScenarioIs(priority_max=7), False),
        (ScenarioIs(tag="code"), False),
        (ScenarioIs(id="s1", label="sport", expected_route="fast"), True),
        (ScenarioIs(id="s2"), False),
        (ScenarioIs(text_contains="ex"), True),
        (ScenarioIs(text_contains="Ex"), False),
        (ScenarioIs(metadata={"tenant": "acme", "retries": 1}), True),
        (ScenarioIs(metadata={"retries": 1.0}), True),
        (ScenarioIs(metadata={"tenant": "other"}), False),
        (ScenarioIs(metadata={"region": "eu"}), False),
        (ScenarioIs(metadata={"retries": True}), False),
        (ScenarioIs(metadata={"trial": True}), True),
        (ScenarioIs(metadata={"trial": 1}), False),
    ],
)
def test_all_of_a_predicate_on_the_scenario_must_hold(predicate: ScenarioIs, holds: bool) -> None:
    metadata = {"tenant": "acme", "retries": 1, "trial": True}
    scenario = Scenario("s1", "text", 8, metadata, expected_route="fast", label="sport", tags=("question",))
    assert predicate.matches(scenario) is holds


def test_a_spike_delays_one_call_in_so_many_and_others_not_at_all() -> None:
    spike = Fault(name="x", what=Latency(ms=100, one_in=10), where=Where(stage="router"))
    assert isinstance(spike.what, Latency)
    delays = [spike.what.draw_ms(spike.draws(1, index)) for index in range(2000)]
    assert set(delays) == {0.0, 100.0}
    assert 140 < delays.count(100.0) < 260


@pytest.mark.parametrize(
    ("latency", "quantile"),
    [
        (Latency(ms=100), lambda p: 100.0),
        (Latency(ms=100, sigma=0.6), lambda p: 100 * exp(0.6 * NormalDist().inv_cdf(p))),
        (Latency(ms=100, alpha=2), lambda p: 100 * (1 - p) ** -0.5),
    ],
)
def test_delays_have_the_distribution_that_the_plan_says(latency: Latency, quantile: Callable[[float], float]) -> None:
    fault = Fault(name="x", what=latency, where=Where(stage="router"))
    delays = sorted(latency.draw_ms(fault.draws(1, index)) for index in range(5000))
    for share in (0.1, 0.5, 0.9):
        assert delays[int(share * 5000)] == pytest.approx(quantile(share), rel=0.06)
