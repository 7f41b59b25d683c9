from __future__ import annotations

import pytest
from made_cases import START_NS, made, opened, windows

from harness.judge.checkers.disturbances.overload import Overload
from harness.judge.checkers.fallbacks.fallbacks import FallbackCorrectness
from harness.judge.entry import Status

USERS = {START_NS // 10**9 + second: 10 * second for second in range(100)}
REFUSED = (("gpu", 2, 2, "refused"),)


def overload(cases, found=()):
    fold, correctness = Overload(found, USERS), FallbackCorrectness()
    for case in cases:
        fold.add(case)
        correctness.add(case)
    return fold.close(correctness.close())


def test_fallbacks_are_counted_by_what_their_primary_came_to_with_the_users_at_the_first():
    cases = [
        made("a0 timeout closed, b1 ok", at_ms=4100),
        made("a0 failed closed, b1 ok", at_ms=4000, calls=REFUSED),
        made("a0 failed closed, b1 ok", at_ms=5000),
        *[made("a0 rejected open, b1 ok", at_ms=6000)] * 2,
        made("a0 skipped, b1 ok", at_ms=7000),
        made("a0 ok", at_ms=100),
        made("a0 failed, a0 ok", at_ms=100),  # its own retry
    ]
    entry = overload(cases)
    assert (entry.status, entry.actual, entry.required) == (Status.VALID, "6 fallbacks", False)
    counts = "breaker open 2, timeout 1, refused 1, failed 1, no time left 1"
    assert entry.detail == f"n = 6 fallbacks with nothing injected: {counts}, the first with 40 users"


def test_a_refused_call_of_a_stand_in_is_not_the_primary_s():
    case = made("a0 timeout, b1 failed, c2 ok", calls=(("gpu", 12, 12, "refused"),))
    assert "timeout 1" in overload([case]).detail


@pytest.mark.parametrize("at_ms", [950, 1500, 2500, 11_900])
def test_in_a_window_of_a_fault_and_ten_seconds_after_it_fallbacks_may_be_its_doing(at_ms):
    entry = overload([made("a0 rejected open, b1 ok", at_ms=at_ms)], windows(*opened("down", 1, 2)))
    assert (entry.status, entry.actual, entry.required) == (Status.UNKNOWN, None, False)


@pytest.mark.parametrize("at_ms", [100, 12_100])
def test_before_it_and_long_after_it_they_are_not(at_ms):
    entry = overload([made("a0 rejected open, b1 ok", at_ms=at_ms)], windows(*opened("down", 1, 2)))
    assert entry.actual == "1 fallbacks"


def test_after_a_window_that_never_closed_nothing_is_known():
    found = windows(opened("down", 1, 2)[0])
    assert overload([made("a0 timeout, b1 ok", at_ms=50_000)], found).status is Status.UNKNOWN


def test_an_operation_that_was_hit_is_left_out():
    hit = (("x", "latency", "stage router", 0, 1),)
    assert overload([made("a0 timeout, b1 ok", injections=hit)]).status is Status.UNKNOWN


def test_without_a_fallback_it_is_unknown():
    assert overload([made("a0 ok"), made(), made("a0 failed")]).status is Status.UNKNOWN


def test_a_false_or_missed_fallback_makes_it_invalid():
    entry = overload([made("a0 timeout, b1 ok"), made("a0 failed", ordinal=3)])
    assert (entry.status, entry.examples) == (Status.INVALID, (3,))
    assert "missed 1" in entry.detail
