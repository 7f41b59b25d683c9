"""What a worker keeps until its master has it: reports that are lost are sent again, whole."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from locust.exception import RPCError
from recorded import delta_of

from harness.swarm.loading.gate import Gate
from harness.swarm.loading.sending import Shipping
from harness.swarm.wire.messages import DELTA, SENT
from harness.swarm.wire.outbox import HELD_BYTES
from harness.words.clock import Epoch

RUN = "run"
OFFSET_NS = 1_000


class Link:
    """A connection that notes what goes out, and may be down."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.times: list[int] = []
        self.down = False

    def send_message(self, kind, report):
        assert kind == "stats"
        if self.down:
            raise RPCError("down")
        self.sent.append(report[DELTA]["seq"])
        self.times.append(report[SENT])


class Worker:
    def __init__(self) -> None:
        self.now_ns = 0
        self.slept: list[float] = []
        self.link = Link()
        self.gate = Gate()
        session = SimpleNamespace(run_id=RUN, epoch=Epoch(OFFSET_NS), gate=self.gate)
        self.shipping = Shipping(self.link, session, lambda: self.now_ns, self.sleep)

    def sleep(self, seconds):
        self.slept.append(seconds)
        gevent.sleep(0)

    def add(self, seq, **fields):
        report = {"stats": seq}
        self.shipping.add(report, delta_of(RUN, seq, 0.0, **fields))
        return report

    def answer(self, seq, *, kept=True, run_id=RUN, times=(0, 0, 0)):
        sent_ns, received_ns, answered_ns = times
        self.shipping.on_answer(
            {
                "run_id": run_id,
                "seq": seq,
                "kept": kept,
                "sent_ns": sent_ns,
                "received_ns": received_ns,
                "answered_ns": answered_ns,
            }
        )

    def left(self):
        return [delta["seq"] for delta in self.shipping.end()]


@pytest.fixture
def worker():
    return Worker()


def test_a_report_carries_the_delta_and_when_it_left_on_the_clock_of_the_epoch(worker):
    worker.now_ns = 5
    report = worker.add(0)
    assert (report[DELTA]["seq"], report[SENT]) == (0, 5 + OFFSET_NS)
    assert report[DELTA]["clock_offset"] is None


def test_what_is_confirmed_is_forgotten_and_what_is_refused_is_left(worker):
    for seq in range(3):
        worker.add(seq)
    worker.answer(0)
    worker.answer(1, kept=False)
    assert not worker.shipping.confirmed
    worker.answer(2)
    assert worker.shipping.confirmed
    assert worker.left() == [1]


def test_a_report_whose_answer_is_missing_when_a_later_one_comes_is_sent_again_whole(worker):
    worker.add(0)
    worker.add(1)
    worker.now_ns = 9
    worker.answer(1)
    assert (worker.link.sent, worker.link.times) == ([0], [9 + OFFSET_NS])
    worker.answer(0)
    assert worker.shipping.confirmed


def test_an_answer_of_another_run_says_nothing(worker):
    worker.add(0)
    worker.answer(0, run_id="before")
    assert worker.left() == [0]


def test_the_last_report_is_sent_until_it_is_confirmed_though_the_connection_is_down_at_first(worker):
    worker.add(0)
    worker.link.down = True
    worker.shipping.send_last({"stats": 1}, delta_of(RUN, 1, 0.0, final=True))
    for _ in range(4):
        gevent.sleep(0)
    assert worker.link.sent == []
    worker.link.down = False
    for _ in range(4):
        gevent.sleep(0)
    assert worker.link.sent[:2] == [0, 1]
    worker.answer(0)
    worker.answer(1)
    for _ in range(3):
        gevent.sleep(0)
    sent = len(worker.link.sent)
    for _ in range(3):
        gevent.sleep(0)
    assert len(worker.link.sent) == sent
    assert worker.left() == []


def test_users_are_held_back_while_too_much_is_unconfirmed(worker):
    worker.add(0, history={"operations": bytes(HELD_BYTES + 1)})
    assert worker.gate.closed
    worker.answer(0)
    assert not worker.gate.closed


def test_the_clock_of_the_master_is_known_from_the_exchange_with_the_shortest_round_trip(worker):
    worker.now_ns = 0
    for returned_ns, received_ns in ((100, 5_050 + OFFSET_NS), (20, 5_010 + OFFSET_NS)):
        worker.now_ns = returned_ns
        worker.answer(None, times=(OFFSET_NS, received_ns, received_ns))
    assert worker.shipping.clock.best == (5_000, 10)
    assert worker.add(0)[DELTA]["clock_offset"] == (5_000, 10)
