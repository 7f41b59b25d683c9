from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.swarm.wire.outbox import Outbox
from harness.swarm.wire.receipts import Receipts


@pytest.fixture
def gate():
    """What the outbox said of being full."""
    return []


@pytest.fixture
def outbox(gate):
    return Outbox(gate.append, limit=100)


def fill(outbox, *sizes):
    for seq, size in enumerate(sizes):
        outbox.add(seq, f"parcel {seq}", size)


class TestFull:
    def test_full_is_said_once_above_the_limit_and_once_below(self, outbox, gate):
        fill(outbox, 60, 40)
        assert gate == []
        outbox.add(2, "parcel 2", 1)
        outbox.add(3, "parcel 3", 50)
        assert gate == [True]
        outbox.acknowledge(0, kept=True)
        assert gate == [True, False]

    def test_an_acknowledgement_that_comes_twice_makes_no_room_twice(self, outbox, gate):
        fill(outbox, 60, 60, 60)
        for _ in range(3):
            outbox.acknowledge(0, kept=True)
        assert gate == [True]

    def test_what_the_master_could_not_write_holds_nobody_back_and_is_still_here(self, outbox, gate):
        fill(outbox, 60, 60)
        outbox.acknowledge(0, kept=False)
        assert gate == [True, False]
        assert outbox.left() == ["parcel 0", "parcel 1"]
        assert len(outbox) == 1, "it is not waited for"


class TestSendingAgain:
    def test_an_acknowledgement_in_order_sends_nothing_again(self, outbox):
        fill(outbox, 1, 1, 1)
        assert [outbox.acknowledge(seq, kept=True) for seq in range(3)] == [[], [], []]
        assert outbox.left() == []

    def test_one_for_a_later_parcel_shows_that_those_before_were_lost(self, outbox):
        fill(outbox, 1, 1, 1, 1)
        assert outbox.acknowledge(2, kept=True) == ["parcel 0", "parcel 1"]

    def test_what_was_sent_again_is_lost_again_only_if_one_sent_after_that_is_acknowledged(self, outbox):
        fill(outbox, 1, 1, 1, 1)
        assert outbox.acknowledge(1, kept=True) == ["parcel 0"]
        assert outbox.acknowledge(3, kept=True) == ["parcel 2"], "parcel 3 was sent before parcel 0 was sent again"
        outbox.add(4, "parcel 4", 1)
        assert outbox.acknowledge(4, kept=True) == ["parcel 0", "parcel 2"]

    def test_at_the_end_everything_is_sent_again_in_order(self, outbox):
        fill(outbox, 1, 1, 1)
        outbox.acknowledge(1, kept=True)
        assert outbox.send_all_again() == ["parcel 0", "parcel 2"]

    def test_an_unknown_number_is_no_error(self, outbox):
        assert outbox.acknowledge(7, kept=True) == []


class TestReceipts:
    @given(st.lists(st.integers(0, 30), max_size=60))
    def test_each_number_is_new_once_in_whatever_order(self, arrivals):
        receipts = Receipts()
        counted = [seq for seq in arrivals if receipts.add(seq)]
        assert sorted(counted) == sorted(set(arrivals))
        assert receipts.newest == max(arrivals, default=-1)
        assert [last for last in range(31) if receipts.complete(last)] == [
            last for last in range(31) if set(range(last + 1)) <= set(arrivals)
        ]

    @pytest.mark.parametrize("kept", [True, False])
    def test_the_fate_of_a_number_is_open_until_it_is_settled(self, kept):
        receipts = Receipts()
        assert receipts.fate(0) is None
        receipts.add(0)
        assert receipts.fate(0) is None
        receipts.settle(0, kept=kept)
        assert receipts.fate(0) is kept


@given(st.integers(0, 2**32), st.integers(1, 25), st.floats(0, 0.7))
def test_over_a_connection_that_loses_and_repeats_everything_is_counted_exactly_once(seed, parcels, loss):
    """A FIFO connection that breaks: messages of either direction vanish, and originals may come after their copies."""
    chance = random.Random(seed)
    outbox, receipts, counted = Outbox(lambda _: None, limit=3), Receipts(), []

    def deliver(seqs):
        answers = []
        for seq in seqs:
            if chance.random() < loss:
                continue
            if receipts.add(seq):
                counted.append(seq)
                receipts.settle(seq, kept=True)
            answers += [seq] * (chance.random() >= loss)
        for seq in answers:
            deliver(outbox.acknowledge(seq, kept=receipts.fate(seq)))

    for seq in range(parcels):
        outbox.add(seq, seq, 1)
        deliver([seq])
    for _ in range(500):
        if not len(outbox):
            break
        deliver(outbox.send_all_again())
    assert outbox.left() == []
    assert sorted(counted) == list(range(parcels))
