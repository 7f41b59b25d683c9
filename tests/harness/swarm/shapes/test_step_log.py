from __future__ import annotations

import pytest

from harness.judge.criteria.steps import Step
from harness.swarm.shapes.step_log import StepLog


class Time:
    now_ns = 0

    def __call__(self):
        return self.now_ns


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def log(time):
    return StepLog(time)


def test_a_level_is_reached_when_as_many_users_run_as_were_asked_for_and_once(log, time):
    log.ask(10)
    for at_ns, running in ((1, 4), (2, 10), (3, 9), (4, 10)):
        time.now_ns = at_ns
        log.look(running)
    time.now_ns = 5
    log.leave()
    assert log.steps == [Step(10, from_ns=2, to_ns=5)]


def test_asking_for_the_next_level_leaves_the_one_before(log, time):
    log.ask(1)
    log.look(1)
    time.now_ns = 7
    log.ask(2)
    assert [step.to_ns for step in log.steps] == [7, None]
    assert log.current == Step(2)


def test_a_level_that_was_never_reached_says_so(log, time):
    log.ask(10)
    time.now_ns = 3
    log.leave(at_ns=2)
    assert log.steps == [Step(10, from_ns=None, to_ns=2)]


def test_between_steps_nothing_is_reached_or_left(log):
    assert log.current is None
    log.look(0)
    log.leave()
    assert log.steps == []


def test_what_a_step_has_shown_is_noted_at_the_one_that_was_left(log):
    log.ask(4)
    log.leave(9)
    log.judge(held=False, judged=(1, 8))
    assert (log.steps[0].held, log.steps[0].judged) == (False, (1, 8))
