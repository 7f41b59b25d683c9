"""Sharing out: who has which arrivals, and those of a worker that is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.arrivals.partition import Partition
from harness.load.arrivals.schedules import Constant
from harness.load.arrivals.share import Arrivals, Share
from harness.words.clock import Epoch

S = 1_000_000_000
ZERO = 1_740_000_000 * S
SCHEDULES = {"A": Constant(90), "B": Constant(10)}


def sum_of(counts, column):
    return sum(found[column] for found in counts.values())


def test_each_worker_has_its_own_share_and_others_none():
    sharing = Partition(ZERO, {"A": [2, 5], "B": [5]})
    assert sharing.shares_of(5) == {"A": Share(1, 2), "B": Share(0, 1)}
    assert sharing.shares_of(2) == {"A": Share(0, 2)}
    assert sharing.shares_of(6) == {}


@given(heard_ms=st.integers(0, 6_000), stop_ms=st.integers(0, 6_000))
def test_what_a_worker_counted_and_what_it_left_undone_are_all_that_was_due(heard_ms, stop_ms):
    heard_ms = min(heard_ms, stop_ms)
    sharing = Partition(ZERO, {"A": [0, 1, 2]})
    own = Arrivals(SCHEDULES["A"], Share(1, 3), Epoch(0))
    own.begin(ZERO)
    counted = own.counts(ZERO + heard_ms * 10**6)
    undone = sharing.undone(SCHEDULES, 1, ZERO + heard_ms * 10**6, ZERO + stop_ms * 10**6)
    alone = Arrivals(SCHEDULES["A"], Share(1, 3), Epoch(0))
    alone.begin(ZERO)
    assert sum_of(counted, 0) + sum_of(undone, 0) == sum_of(alone.counts(ZERO + stop_ms * 10**6), 0)
    assert all(due == not_delivered for due, not_delivered in undone.values())


def test_it_is_counted_in_the_seconds_in_which_it_was_due_over_all_schedules():
    sharing = Partition(ZERO, {"A": [0, 1, 2], "B": [1]})
    undone = sharing.undone(SCHEDULES, 1, ZERO + 2 * S, ZERO + 4 * S - 1)
    assert undone == {ZERO // S + 2: [40 - 1, 40 - 1], ZERO // S + 3: [40, 40]}  # B had one due as it was heard of


@pytest.mark.parametrize("worker", [1, 7])
def test_a_worker_that_was_never_heard_of_left_all_of_its_share_undone_and_one_without_none(worker):
    undone = Partition(ZERO, {"A": [0, 1, 2]}).undone(SCHEDULES, worker, None, ZERO + S - 1)
    assert sum_of(undone, 1) == (30 if worker == 1 else 0)
