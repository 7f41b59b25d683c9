from __future__ import annotations

import pytest
from made_cases import decided, made

from harness.judge.checkers.fallbacks.determinism import REPEATS, Determinism
from harness.judge.entry import Status

AT_A_STAGE = (("x", "wrong_route", "stage router", 0, 1),)
IN_AN_ATTEMPT = (("x", "error", "route a, tier 0", 0, 1),)


@pytest.mark.parametrize("tried", ["a0 ok", "a0 rejected open, b1 ok", "a0 failed closed, b1 timeout, c2 ok", ""])
def test_a_hundred_repeats_of_one_way_are_valid(tried):
    entry = decided(Determinism(), [made(tried)] * (REPEATS + 1))
    assert (entry.status, entry.actual) == (Status.VALID, "0 differ")
    fell_back = 100 if "b1" in tried else 0
    assert entry.detail == (
        "n = 100 repeats under equal conditions, 1 scenarios 100 times or more; "
        f"1 scenarios, of one at most 100 repeats, {fell_back} of all fell back"
    )


def test_fewer_are_unknown_and_say_how_many():
    entry = decided(Determinism(), [made("a0 ok")] * REPEATS)
    assert (entry.status, entry.required) == (Status.UNKNOWN, False)
    assert "0 scenarios 100 times or more; 1 scenarios, of one at most 99 repeats" in entry.detail


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a0 rejected open, b1 ok", "a0 rejected open, c1 ok"),  # another stand-in
        ("a0 failed, b1 ok", "a0 failed, b2 ok"),  # a tier left out
        ("a0 rejected open, b1 failed, c2 ok", "a0 rejected open, c1 failed, b2 ok"),  # another order
        ("a0 ok", "b0 ok"),  # another route asked first
    ],
)
def test_another_way_down_under_the_same_conditions_is_found(one, other):
    entry = decided(Determinism(), [made(one), made(other, ordinal=3)])
    assert (entry.status, entry.actual, entry.examples) == (Status.INVALID, "1 differ", (3,))
    assert "0-3 ok" in entry.detail


def test_another_route_of_a_target_that_tells_no_attempts_is_found():
    entry = decided(Determinism(), [made(route="x"), made(route="y", ordinal=3)])
    assert (entry.status, entry.examples) == (Status.INVALID, (3,))


def test_another_answer_than_that_of_the_attempts_is_found():
    entry = decided(Determinism(), [made("a0 ok"), made("a0 ok", ordinal=3, route="b")])
    assert (entry.status, entry.examples) == (Status.INVALID, (3,))


def test_other_conditions_may_lead_another_way():
    ways = [
        "a0 ok closed",
        "a0 ok half_open",
        "a0 rejected open, b1 ok",
        "a0 failed closed, b1 ok",
        "a0 timeout, b1 ok",
    ]
    entry = decided(Determinism(), [made(tried) for tried in ways] * 2)
    assert "n = 5 repeats" in entry.detail
    assert entry.actual == "0 differ"


def test_retries_are_nobodys_decision():
    cases = [made("a0 failed, a0 ok"), made("a0 ok"), made("a0 failed, b1 ok"), made("a0 failed, a0 failed, b1 ok")]
    entry = decided(Determinism(), cases)
    assert entry.actual == "0 differ"
    assert "n = 2 repeats" in entry.detail


def test_another_scenario_may_go_another_way():
    entry = decided(Determinism(), [made("a0 ok"), made("b0 ok", scenario="s2")])
    assert entry.actual is None


def test_a_fault_inside_an_attempt_is_a_condition_and_one_of_a_stage_leaves_the_operation_out():
    cases = [made("a0 failed, b1 ok", injections=IN_AN_ATTEMPT)] * 2 + [made("c0 ok", injections=AT_A_STAGE)] * 2
    assert (
        "n = 1 repeats under equal conditions, 0 scenarios 100 times or more; 1 scenarios"
        in decided(Determinism(), cases).detail
    )


def test_what_did_not_end_ok_decides_nothing():
    cases = [made("a0 failed"), made("a0 failed, b1 failed")] * 60
    assert decided(Determinism(), cases).actual is None


def test_no_operation_is_unknown_and_measures_nothing():
    entry = decided(Determinism(), [])
    assert (entry.status, entry.actual) == (Status.UNKNOWN, None)
