"""The heart stands still exactly while a step holds the thread."""

from __future__ import annotations

import time

import gevent
import pytest

from harness.loop.lookout.heart import Heart, Stop, in_step_of

pytestmark = pytest.mark.slow
LEAST_S = 0.25


class Watcher:
    def __init__(self):
        self.ended = 0
        self.beats = []
        self.stacks = "stacks"

    def beat(self, at_ns):
        self.beats.append(at_ns)

    def take_stacks(self):
        return self.stacks


@pytest.fixture
def stops(loop):
    found: list[Stop] = []
    heart = Heart(loop, Watcher(), LEAST_S, found.append)
    heart.start()
    yield found
    heart.stop()


async def hold(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_a_step_that_holds_the_thread_is_told_of_with_its_length(loop, stops):
    began = time.monotonic_ns()
    loop.drive(hold(0.4))
    ended = time.monotonic_ns()
    gevent.sleep(0.2)
    (stop,) = stops
    assert began <= stop.begin_ns + 1e6
    assert stop.end_ns <= ended + 50e6
    assert stop.end_ns - stop.begin_ns >= 0.4e9
    assert stop.stacks == "stacks"
    assert not stop.ended


def test_short_steps_are_not(loop, stops):
    for _ in range(5):
        loop.drive(hold(0.05))
    gevent.sleep(0.15)
    assert stops == []


def test_what_holds_the_thread_and_is_no_step_is_not(loop, stops):
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        pass
    gevent.sleep(0.2)
    assert stops == []


def test_a_step_knows_that_it_is_one(loop):
    in_step = in_step_of(loop)

    async def ask():
        return in_step()

    assert not in_step()
    assert loop.drive(ask())
    assert not in_step()
