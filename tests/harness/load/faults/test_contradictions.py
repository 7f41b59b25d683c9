"""Two faults contradict where both settle the same thing of calls that both must hit, and not where they need not."""

from __future__ import annotations

import pytest

from harness.load.corpus.corpus import Scenario
from harness.load.faults.contradictions import contradictions
from harness.load.faults.kinds import Fault, ScenarioIs, When, Where
from harness.load.faults.kinds.delays import Latency, Slow
from harness.load.faults.kinds.endings import Empty, Error, Hang, Timeout
from harness.load.faults.kinds.reading import CorruptKey, MissingKey

DOWN, GONE = Error(message="503"), Error(message="504")
ROUTER, PREMIUM = Where(stage="router"), Where(route="premium", tier=0)
CODE, URGENT, QUESTION = ScenarioIs(tag="code"), ScenarioIs(priority_min=8), ScenarioIs(tag="question")
SCENARIOS = (
    Scenario("s1", "x", 9, tags=("code",)),
    Scenario("s2", "x", 2, tags=("question",)),
)


def fault(name, what, where=ROUTER, when=None, share=1.0):
    return Fault(name=name, what=what, where=where, when=when or When(), share=share)


def told(one, other):
    return list(contradictions([one, other], SCENARIOS, ["router"]))


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        ({"what": DOWN}, {"what": GONE}, True),
        ({"what": DOWN}, {"what": DOWN}, False),  # the same twice is no contradiction
        ({"what": DOWN}, {"what": Hang()}, True),
        ({"what": Timeout(after_ms=5)}, {"what": Empty()}, True),
        ({"what": DOWN}, {"what": Latency(ms=5)}, False),
        ({"what": Slow(factor=2)}, {"what": Latency(ms=5)}, False),
        ({"what": MissingKey(key="a")}, {"what": CorruptKey(key="a")}, True),
        ({"what": CorruptKey(key="a", value="1")}, {"what": CorruptKey(key="a", value="2")}, True),
        ({"what": MissingKey(key="a")}, {"what": CorruptKey(key="b")}, False),
        ({"what": MissingKey(key="a")}, {"what": DOWN}, False),
    ],
    ids=str,
)
def test_what_both_settle(one, other, contradict):
    assert bool(told(fault("a", **one), fault("b", **other))) is contradict


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        (PREMIUM, PREMIUM, True),
        (PREMIUM, Where(route="premium"), True),
        (PREMIUM, Where(route="premium", tier=1), False),
        (PREMIUM, Where(route="fast", tier=0), False),
        (Where(backend="gpu"), Where(backend="gpu"), True),
        (Where(backend="gpu"), Where(route="gpu"), False),
        (ROUTER, Where(stage="guard"), False),
        (ROUTER, Where(scenario=CODE), True),
        (Where(scenario=CODE), ROUTER, True),
        (Where(stage="guard"), Where(scenario=CODE), False),  # which is no ROUTE stage
        (ROUTER, Where(stage="router", scenario=CODE), True),
        (Where(stage="router", scenario=CODE), Where(stage="router", scenario=CODE), True),
        (Where(stage="router", scenario=CODE), Where(stage="router", scenario=URGENT), True),  # s1
        (Where(stage="router", scenario=QUESTION), Where(stage="router", scenario=URGENT), False),
        (Where(scenario=CODE), Where(scenario=QUESTION), False),
    ],
    ids=str,
)
def test_where_they_have_calls_in_common(one, other, contradict):
    assert bool(told(fault("a", DOWN, one), fault("b", GONE, other))) is contradict


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        (When(), When(), True),
        (When(from_s=10, to_s=25), When(from_s=25, to_s=30), False),
        (When(from_s=10, to_s=25), When(from_s=24, to_s=30), True),
        (When(from_s=10, to_s=25), When(users=50), True),
        (When(operations=(1, 5)), When(operations=(5, 9)), True),
        (When(operations=(1, 5)), When(operations=(6, 9)), False),
        (When(operations=(1, 5)), When(from_s=3), True),
        (When(operations=(1, 5), to_s=3), When(operations=(1, 5), from_s=3), False),
    ],
    ids=str,
)
def test_when_their_windows_overlap(one, other, contradict):
    assert bool(told(fault("a", DOWN, when=one), fault("b", GONE, when=other))) is contradict


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [(1.0, 1.0, True), (0.999, 1.0, True), (0.6, 0.6, True), (0.5, 0.5, False), (0.3, 0.7, False), (0.2, 0.9, True)],
)
def test_shares_that_add_up_to_more_than_all_calls(one, other, contradict):
    assert bool(told(fault("a", DOWN, share=one), fault("b", GONE, share=other))) is contradict


def test_a_contradiction_names_both_and_what_they_settle():
    said = told(fault("a", DOWN, PREMIUM), fault("b", GONE, PREMIUM))
    assert said == [
        "faults 'a' and 'b' contradict: both decide how all calls of route premium, tier 0 end, in windows that overlap"
    ]
    said = told(fault("a", MissingKey(key="k"), share=0.7), fault("b", CorruptKey(key="k")))
    assert said == [
        "faults 'a' and 'b' contradict: both settle the key 'k' of some calls of stage router, in windows that overlap"
    ]


def test_without_scenarios_only_predicates_that_are_equal_or_absent_have_some_in_common():
    def pair(one, other):
        faults = [
            fault("a", DOWN, Where(stage="router", scenario=one)),
            fault("b", GONE, Where(stage="router", scenario=other)),
        ]
        return bool(list(contradictions(faults)))

    assert [pair(CODE, CODE), pair(None, CODE), pair(CODE, URGENT)] == [True, True, False]
