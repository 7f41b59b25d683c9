from __future__ import annotations

from made_cases import MS, decided, made, stopped

from harness.judge.checkers.fallbacks.chain_deadline import ChainDeadline
from harness.judge.entry import Status


def lasting(ms, tried="a0 failed, b1 ok", **fields):
    """Return a case whose last attempt ended so many milliseconds after the first began."""
    case = made(tried, **fields)
    *others, last = case.attempts
    return case._replace(attempts=[*others, last._replace(end_ns=case.attempts[0].start_ns + round(ms * MS))])


def test_what_ends_within_the_deadline_and_fifty_milliseconds_is_in_time_and_the_longest_is_told():
    entry = decided(ChainDeadline(900), [lasting(20), lasting(500), lasting(949)])
    assert (entry.status, entry.actual, entry.target) == (Status.VALID, "0 late, longest 949.0 ms", "within 900 ms")
    assert "0 of 3" in entry.detail
    assert "2 took more than half of it" in entry.detail


def test_what_takes_longer_is_found():
    entry = decided(ChainDeadline(900), [lasting(20), lasting(951, ordinal=3)])
    assert (entry.status, entry.actual, entry.examples) == (Status.INVALID, "1 late, longest 951.0 ms", (3,))
    assert entry.detail.startswith("1 of 2 took over 50 ms longer")


def test_each_chain_of_an_operation_has_the_deadline_for_itself():
    case = lasting(1000, "a0 failed, a0 ok, b0 failed, c1 ok")
    first, second, third, last = case.attempts
    moved = third._replace(start_ns=first.start_ns + 500 * MS, end_ns=first.start_ns + 510 * MS)
    assert decided(ChainDeadline(600), [case._replace(attempts=[first, second, moved, last])]).status is Status.VALID


def test_an_operation_that_the_harness_stopped_says_nothing():
    assert decided(ChainDeadline(900), [lasting(2000, **stopped())]).status is Status.UNKNOWN


def test_without_a_declared_deadline_or_attempts_it_is_unknown_and_not_required():
    for entry in (decided(ChainDeadline(None), [lasting(2000)]), decided(ChainDeadline(900), [made()])):
        assert (entry.status, entry.required) == (Status.UNKNOWN, False)


def test_a_way_that_met_a_fault_that_blocked_the_loop_is_left_out_and_told():
    hit = lasting(20, injections=(("slow", "block", "stage router", 0, 2000),))
    entry = decided(ChainDeadline(900), [lasting(1500, ordinal=1), hit])
    assert (entry.status, entry.actual.split(",")[0]) == (Status.VALID, "0 late")
    assert "1 late ones met a fault that blocked the loop" in entry.detail
