from __future__ import annotations

import itertools
from types import SimpleNamespace

import gevent
import pytest

from harness.swarm.loading.fault_clock import USERS_LOOKED_AT_EVERY_S, FaultClock


class Switches:
    def __init__(self, *windows):
        self.faults = [SimpleNamespace(when=SimpleNamespace(from_s=a, to_s=b)) for a, b in windows]
        self.seen = []
        self.ended = 0

    def update(self, elapsed_s, users):
        self.seen.append((round(elapsed_s, 3), users))

    def end(self):
        self.ended += 1


class Run:
    """A run whose time is what its clock slept."""

    def __init__(self, *windows, until_s):
        self.now_s, self.until_s = 0.0, until_s
        self.switches = Switches(*windows)
        self.clock = FaultClock(self.switches, lambda: self.now_s, lambda: 7, self.sleep)

    def sleep(self, seconds):
        if self.now_s + seconds > self.until_s:
            gevent.get_hub().switch()
        self.now_s += seconds


def test_windows_are_looked_at_when_they_open_and_close_and_often_enough_for_users_that_come_and_go():
    run = Run((0.1, 0.3), (None, 0.7), until_s=0.8)
    run.clock.start()
    gevent.sleep(0)
    run.clock.stop()
    looks = [at_s for at_s, _ in run.switches.seen]
    assert {0.1, 0.3, 0.7} <= set(looks)
    assert max(b - a for a, b in itertools.pairwise(looks)) <= USERS_LOOKED_AT_EVERY_S + 1e-9
    assert {users for _, users in run.switches.seen} == {7}


@pytest.mark.parametrize("started", [True, False])
def test_what_is_injected_is_undone_whether_or_not_it_was_started(started):
    run = Run((0.1, None), until_s=0.0)
    if started:
        run.clock.start()
    run.clock.stop()
    assert run.switches.ended == 1
