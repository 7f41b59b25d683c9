"""Signs of life: how long a worker was silent, by its own clock, in whatever order its reports arrive."""

from __future__ import annotations

import random

import pytest

from harness.swarm.wire.receipts import Signs

S = 1_000_000_000


def gap_s(*at_s):
    signs = Signs()
    for second in at_s:
        signs.add(round(second * S))
    return signs.longest_gap_s()


@pytest.mark.parametrize("at_s", [(), (5,)])
def test_fewer_than_two_have_no_gap(at_s):
    assert gap_s(*at_s) == 0


def test_reports_that_arrive_all_at_once_are_as_far_apart_as_they_were_gathered():
    assert gap_s(1, 2, 3, 4.5, 5, 6, 7, 8) == 1.5
    assert gap_s(1, 2, 9.9, 10.9) == pytest.approx(7.9)


def test_one_that_is_sent_again_later_fills_its_place():
    at_s = [*range(20)]
    random.Random(1).shuffle(at_s)
    assert gap_s(*at_s) == 1
    assert gap_s(0, 1, 8, 2, 3, 4, 5, 6, 7) == 1
