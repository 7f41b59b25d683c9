"""Little's law over made-up users: exact for any cycles, broken by users or operations that are not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.entry import Status
from harness.judge.validity.littles_law import Cycles

START_S = 1_740_000_000
S = 1_000_000_000


@pytest.fixture
def fold(operation):
    """Return a function that folds users: each a list of (begin, end) of its operations in seconds from the start."""

    def made(users):
        cycles = Cycles()
        for number, spans in enumerate(users):
            for n, (begin, end) in enumerate(spans):
                times = {"intended_ns": round((START_S + begin) * S), "end_ns": round((START_S + end) * S)}
                cycles.add(operation(n, worker=number % 2, user=number, **times))
        return cycles

    return made


def closed_loop(response, wait, seconds=10.0, begin=0.0):
    spans = []
    while begin + response < seconds:
        spans.append((begin, begin + response))
        begin += response + wait
    return spans


def constant(users, seconds=10):
    return {START_S + second: users for second in range(seconds)}


@pytest.mark.parametrize(("response", "wait"), [(0.0101, 0.3), (0.35, 0.0), (0.0001, 0.013), (1.3, 0.4)])
def test_users_that_wait_for_their_operations_are_all_accounted_for(fold, response, wait):
    users = [closed_loop(response, wait, begin=number * 0.017) for number in range(7)]
    row = fold(users).close(constant(7), scheduled=False)
    assert (row.status, row.actual) == (Status.VALID, "7.00 of 7 users")


@given(st.lists(st.tuples(st.floats(0.01, 0.4), st.floats(0, 0.4)), min_size=30, max_size=30))
def test_it_is_exact_whatever_the_cycles_are(operation, lengths):
    spans, at = [], 0.0
    for response, wait in lengths:
        spans.append((at, at + response))
        at += response + wait
    cycles = Cycles()
    for n, (begin, end) in enumerate(spans):
        times = {"intended_ns": round((START_S + begin) * S), "end_ns": round((START_S + end) * S)}
        cycles.add(operation(n, **times))
    row = cycles.close(constant(1, int(at)), scheduled=False)
    assert row.actual == (None if row.status is Status.UNKNOWN else "1.00 of 1 users")


def test_users_that_are_counted_and_do_not_run_are_noticed(fold):
    row = fold([closed_loop(0.01, 0.1) for _ in range(9)]).close(constant(10), scheduled=False)
    assert (row.status, row.actual) == (Status.INVALID, "9.00 of 10 users")
    assert "over 8 s of constant users" in row.detail


def test_a_user_that_died_in_the_middle_is_noticed(fold):
    users = [closed_loop(0.01, 0.1), closed_loop(0.01, 0.1, seconds=5.0)]
    assert fold(users).close(constant(2), scheduled=False).status is Status.INVALID


def test_operations_whose_records_were_lost_at_the_end_of_the_users_are_noticed(fold):
    users = [closed_loop(0.01, 0.1, seconds=9.5)[:40] for _ in range(4)]
    assert fold(users).close(constant(4), scheduled=False).status is Status.INVALID


def test_a_user_that_began_late_is_not_missed_before_its_first_operation(fold):
    users = [closed_loop(0.01, 0.1), closed_loop(0.01, 0.1, begin=4.2)]
    row = fold(users).close(constant(2), scheduled=False)
    assert (row.status, row.actual) == (Status.VALID, "2.00 of 2 users")
    assert "over 4 s" in row.detail


@pytest.mark.parametrize("begin", [0.0, -3.0])
def test_users_that_think_for_longer_than_the_run_are_no_users_that_do_not_run(fold, begin):
    users = [closed_loop(0.01, 0.1, begin=begin) for _ in range(5)] + [[(begin, begin + 0.01)] for _ in range(5)]
    row = fold(users).close(constant(10), scheduled=False)
    assert (row.status, row.required) == (Status.UNKNOWN, False)


def test_users_that_were_stopped_before_the_stretch_do_not_think_in_it(fold):
    users = [closed_loop(0.01, 0.1) for _ in range(5)] + [[(-3.0, -2.99)] for _ in range(5)]
    row = fold(users).close(constant(5), scheduled=False)
    assert (row.status, row.actual) == (Status.VALID, "5.00 of 5 users")


def test_only_the_longest_stretch_of_constant_users_counts(fold):
    growing = {START_S + second: min(second // 2 + 1, 2) for second in range(12)}
    users = [closed_loop(0.01, 0.1, seconds=12.0), closed_loop(0.01, 0.1, seconds=12.0, begin=2.05)]
    row = fold(users).close(growing, scheduled=False)
    assert (row.status, row.actual) == (Status.VALID, "2.00 of 2 users")


@pytest.mark.parametrize(
    ("users", "counted", "scheduled"),
    [
        ([closed_loop(0.01, 0.1, seconds=2.0)], constant(1, 2), False),  # a short run
        ([closed_loop(0.01, 3.0)], constant(1), False),  # cycles as long as the run
        ([[(0.0, 5.0), (1.0, 9.0)]], constant(1), False),  # two operations of a user at once
        ([closed_loop(0.01, 0.1)], constant(1), True),  # arrivals on a schedule
        ([closed_loop(0.01, 0.1)], {}, False),  # nobody counted users
        ([closed_loop(0.01, 0.1)], {START_S + second: 0 for second in range(10)}, False),
        ([], {}, False),
    ],
)
def test_where_it_cannot_be_judged_it_is_unknown_and_not_required(fold, users, counted, scheduled):
    row = fold(users).close(counted, scheduled=scheduled)
    assert (row.status, row.required) == (Status.UNKNOWN, False)


def test_no_operation_at_all_is_not_what_so_many_users_do(fold):
    assert fold([]).close(constant(5), scheduled=False).status is Status.INVALID
