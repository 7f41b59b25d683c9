"""A user that sends by a schedule: each arrival once, or counted as not delivered."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from in_memory import NOW_S, AtOnce, S, environment_of, inputs_in
from locust import constant
from locust.exception import StopUser
from locust.runners import STATE_CLEANUP
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING

from harness.swarm import ArrivalRateUser, Constant
from harness.swarm.loading.session import Session, open_session
from harness.swarm.users.open_loop import declared_schedules
from harness.words.clock import Epoch, now_ns
from harness.words.errors import UsageError


class Slot(ArrivalRateUser):
    schedule = Constant(10)


class Pacer:
    """Hands out arrivals that were due some time ago, and notes what is lost."""

    def __init__(self):
        self.due, self.lost, self.free = [], [], []

    def wait(self, free_ns):
        self.free.append(free_ns)
        self.due.append(now_ns() - 1_000_000)
        return self.due[-1]

    def lose(self, due_ns):
        self.lost.append(due_ns)

    def counts(self):
        return {}


@pytest.fixture
def side(tmp_path):
    loop, pacer, environment = AtOnce(), Pacer(), environment_of(Slot)
    session = Session(inputs_in(tmp_path), "run", loop, Epoch(NOW_S * S), 0, 1)
    session.pacers = {"Slot": pacer}
    open_session(environment, session)
    user = Slot(environment)
    user._state = LOCUST_STATE_RUNNING
    yield SimpleNamespace(user=user, pacer=pacer, session=session, environment=environment)
    loop.loop.close()


def test_an_operation_is_meant_to_begin_when_its_arrival_is_due(side):
    operation = side.user.route()
    assert operation.intended_ns == side.pacer.due[0]
    assert operation.start_ns > operation.intended_ns
    assert side.user._state == LOCUST_STATE_RUNNING


def test_a_slot_is_free_for_arrivals_from_the_moment_its_last_operation_ended(side):
    first = side.user.route()
    side.user.route()
    assert side.pacer.free[1] == first.end_ns


def test_a_scenario_that_is_meant_for_a_moment_is_sent_outside_the_schedule(side):
    operation = side.user.client.route(side.session.inputs.scenarios[0], intended_ns=5)
    assert (operation.intended_ns, side.pacer.due) == (5, [])


def test_a_user_that_is_stopped_waits_for_no_arrival(side):
    side.user._state = LOCUST_STATE_STOPPING
    with pytest.raises(StopUser):
        side.user.route()
    assert side.pacer.due == []


def test_an_arrival_that_a_run_which_ends_does_not_send_is_not_delivered(side):
    side.environment.runner.state = STATE_CLEANUP
    with pytest.raises(StopUser):
        side.user.route()
    assert side.pacer.lost == side.pacer.due
    assert side.session.started == 0


def test_an_arrival_that_comes_due_while_users_are_held_back_is_not_delivered_and_the_next_is(side, monkeypatch):
    side.session.gate.set(True)
    monkeypatch.setattr(side.session.gate, "wait", lambda _: side.session.gate.set(False))
    operation = side.user.route()
    first, second = side.pacer.due
    assert (side.pacer.lost, operation.intended_ns) == ([first], second)


def test_schedules_are_told_by_the_name_of_their_class(side):
    assert declared_schedules([Slot]) == {"Slot": Slot.schedule}
    assert side.user.wait_time() == 0


@pytest.mark.parametrize("attributes", [{"schedule": None}, {"schedule": 10}, {"wait_time": constant(1)}])
def test_a_class_without_a_schedule_or_with_a_wait_time_is_refused_by_its_name(attributes):
    own = type("Own", (ArrivalRateUser,), {"schedule": Constant(1), **attributes})
    with pytest.raises(UsageError, match="Own"):
        declared_schedules([own])
