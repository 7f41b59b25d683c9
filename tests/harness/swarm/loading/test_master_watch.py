"""A worker that watches its master, on a clock that its own sleep moves."""

from __future__ import annotations

import gevent
import locust.runners
import pytest
from locust.env import Environment

from harness.measure.blocks import ENDED_WITHIN_S
from harness.swarm.loading.lost_master import IDLE_LOST_AFTER_S, LOOK_EVERY_S, LOST_AFTER_S, MasterWatch

S = 1_000_000_000


class Watched:
    def __init__(self, *, parent=None, longest_block_s=0.0, until_s=300.0):
        self.environment = Environment()
        self.now_s, self.until_s, self.heard_until_s = 0.0, until_s, 0.0
        self.lost: list[str] = []
        self.watch = MasterWatch(
            self.environment,
            parent=parent,
            longest_block_s=longest_block_s,
            on_lost=self.lost.append,
            clock=lambda: round(self.now_s * S),
            sleep=self.sleep,
        )

    def sleep(self, seconds):
        self.now_s += seconds
        if self.now_s > self.until_s:
            raise gevent.GreenletExit
        if self.now_s <= self.heard_until_s:
            self.environment.events.heartbeat_received.fire(client_id="m", timestamp=0.0)

    def run(self):
        """Watch until the master is lost, or the time is over; return the seconds at which it was lost."""
        self.watch.start()
        self.watch._watching.join(timeout=1)
        return self.now_s if self.lost else None


@pytest.fixture(autouse=True)
def _of_locust(monkeypatch):
    monkeypatch.setattr(locust.runners, "MASTER_HEARTBEAT_TIMEOUT", 60)


def test_a_master_that_is_heard_is_not_lost():
    watched = Watched()
    watched.heard_until_s = 1_000.0
    watched.watch.begin_run()
    assert watched.run() is None


def test_a_master_that_falls_silent_in_a_run_is_lost_soon_and_told_once():
    watched = Watched()
    watched.heard_until_s = 20.0
    watched.watch.begin_run()
    assert watched.run() == pytest.approx(20 + LOST_AFTER_S, abs=2 * LOOK_EVERY_S)
    assert len(watched.lost) == 1


@pytest.mark.parametrize(
    ("longest_block_s", "patience_s"),
    [(0.0, IDLE_LOST_AFTER_S), (100.0, 100.0 + ENDED_WITHIN_S + IDLE_LOST_AFTER_S / 2)],
)
def test_between_runs_it_may_be_silent_for_as_long_as_a_stage_may_hold_it_in_the_baseline(longest_block_s, patience_s):
    watched = Watched(longest_block_s=longest_block_s)
    watched.watch.begin_run()
    watched.watch.end_run()
    assert watched.run() == pytest.approx(patience_s, abs=2 * LOOK_EVERY_S)


def test_a_process_whose_parent_is_gone_is_alone_at_once():
    watched = Watched(parent=2**22 + 1)
    watched.heard_until_s = 1_000.0
    assert watched.run() == LOOK_EVERY_S


def test_who_stopped_watching_is_told_nothing():
    watched = Watched()
    watched.watch.start()
    watched.watch.stop()
    gevent.sleep(0)
    assert watched.lost == []
