"""Listeners that raise are told of with their names and those of their events."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import locust.event
import pytest
from locust import User
from locust.env import Environment

from harness.swarm.process.leaving import Lasting
from harness.swarm.process.listeners import raised_before, told_of, watch_early, watch_greenlets, watch_listeners


def fails(**_: object) -> None:
    raise OSError("database not\nthere")


class Callable:
    def __call__(self, **_: object) -> None:
        raise LookupError


@pytest.fixture
def told(environment: Environment) -> Iterator[list[str]]:
    found: list[str] = []
    before = locust.event.logging
    watch_listeners(environment, lambda which, error: found.append(told_of(which, error)))
    yield found
    locust.event.logging = before


@pytest.fixture
def environment() -> Environment:
    return Environment()


def test_it_is_named_with_its_event_and_what_it_raised(environment: Environment, told: list[str]) -> None:
    environment.events.test_start.add_listener(fails)
    environment.events.test_start.fire(environment=environment)
    assert told == ["listener fails of test_start: OSError: database not there"]


def test_each_time_counts_and_others_are_called_all_the_same(environment: Environment, told: list[str]) -> None:
    called: list[int] = []
    environment.events.request.add_listener(fails)
    environment.events.request.add_listener(lambda **_: called.append(1))
    for _ in range(3):
        environment.events.request.fire()
    assert (len(told), called) == (3, [1, 1, 1])


def test_one_without_a_name_is_its_type(environment: Environment, told: list[str]) -> None:
    environment.events.spawning_complete.add_listener(Callable())
    environment.events.spawning_complete.fire()
    assert told == ["listener Callable of spawning_complete: LookupError"]


def test_an_event_that_outlasts_exits_is_named_as_well(environment: Environment, told: list[str]) -> None:
    environment.events.quitting.add_listener(fails)
    environment.events.quitting = Lasting("quitting", environment.events.quitting, told.append)
    environment.events.quitting.fire(reverse=True)
    assert told == ["listener fails of quitting: OSError: database not there"]


def test_locusts_own_record_stays_locusts(
    environment: Environment, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    environment.events.test_stop.add_listener(fails)
    environment.events.test_stop.fire()
    (record,) = caplog.records
    assert (record.levelname, record.pathname) == ("ERROR", locust.event.__file__)
    assert len(told) == 1


def test_those_that_raise_before_there_is_anybody_to_tell_are_remembered_until_then(
    environment: Environment, told: list[str]
) -> None:
    seen: list[list[str]] = []
    watch_early()
    environment.events.init.add_listener(fails)
    environment.events.init.add_listener(lambda **_: seen.append(raised_before(environment)))
    environment.events.init.fire(environment=environment)
    assert seen == [["listener fails of init: OSError: database not there"]], "not the one that asks"
    watch_early()
    assert (raised_before(environment), told) == ([], [])


@pytest.fixture
def ended_by(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told of greenlets; nothing is printed of them."""
    found: list[str] = []
    hub = gevent.get_hub()
    monkeypatch.setattr(hub, "handle_error", lambda *_: None, raising=False)
    watch_greenlets(environment, lambda which, error: found.append(told_of(which, error)))
    return found


def test_a_greenlet_that_ends_by_an_error_is_named(ended_by: list[str]) -> None:
    def clean_up() -> None:
        raise OSError("disk away")

    gevent.spawn(clean_up).join()
    assert ended_by == ["greenlet clean_up: OSError: disk away"]


def test_a_user_is_named_by_its_class_and_not_told_of_again(environment: Environment, ended_by: list[str]) -> None:
    class Guest(User):
        abstract = False

    def run_user(user: User, *, told: bool) -> None:
        error = LookupError("no seat")
        if told:
            environment.events.user_error.fire(user_instance=user, exception=error, tb=None)
        raise error

    for told_before in (True, False):
        gevent.spawn(run_user, Guest(environment), told=told_before).join()
    assert ended_by == ["greenlet of Guest: LookupError: no seat"]


def test_the_greenlet_of_a_load_shape_is_called_that(ended_by: list[str]) -> None:
    class Runner:
        def shape_worker(self) -> None:
            raise ValueError("no such step")

    gevent.spawn(Runner().shape_worker).join()
    assert ended_by == ["load shape: ValueError: no such step"]


@pytest.mark.parametrize("how", [gevent.GreenletExit, KeyboardInterrupt, SystemExit])
def test_one_that_is_ended_is_no_error(ended_by: list[str], how: type[BaseException]) -> None:
    def end() -> None:
        raise how

    gevent.spawn(end).join()
    assert ended_by == []
