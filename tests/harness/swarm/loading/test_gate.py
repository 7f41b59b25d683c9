from __future__ import annotations

import gevent
import pytest

from harness.swarm.loading.gate import Gate

S = 1_000_000_000


class Time:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> int:
        return round(self.now_s * S)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def gate(time):
    return Gate(time)


def test_it_knows_for_how_long_it_was_closed_also_while_it_is(gate, time):
    gate.set(True)
    time.now_s += 2
    assert gate.held_back_s == 2
    gate.set(True)  # closed before
    time.now_s += 1
    gate.set(False)
    time.now_s += 50
    assert gate.held_back_s == 3
    gate.set(True)
    time.now_s += 0.5
    assert gate.held_back_s == 3.5


def test_nobody_waits_at_an_open_gate(gate):
    gate.wait(lambda: pytest.fail("asked though it is open"))


def test_who_waits_goes_on_when_it_opens(gate):
    gate.set(True)
    waiting = [gevent.spawn(gate.wait, lambda: False) for _ in range(3)]
    gevent.sleep(0)
    assert not any(each.ready() for each in waiting)
    gate.set(False)
    assert len(gevent.joinall(waiting, timeout=0.2)) == 3


def test_who_gives_up_waits_no_longer(gate):
    gate.set(True)
    gate.wait(lambda: True)
    assert gate.closed
