from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest

from harness.swarm.keeping import awaiting as module
from harness.swarm.keeping.awaiting import Awaiting, end_waiting

NOBODY = 2**22 + 1
"""No process has this id: Linux has 2^22 of them at most."""


class Master:
    def __init__(self, ready=0):
        self.clients = SimpleNamespace(ready=["w"] * ready)


class Time:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def time():
    return Time()


def test_workers_that_may_still_come_are_waited_for(time):
    awaiting = Awaiting(Master(1), 2, 5.0, [], time)
    time.now_s = 4.9
    assert awaiting.why_not() is None
    assert not awaiting.all_there


@pytest.mark.parametrize(("within_s", "ended"), [(5.0, True), (0, False)])
def test_those_that_do_not_come_are_given_up_after_as_long_as_was_said(time, within_s, ended):
    awaiting = Awaiting(Master(1), 2, within_s, [], time)
    time.now_s = 1_000.0
    assert (awaiting.why_not() is not None) is ended


def test_those_that_this_process_started_and_that_have_ended_never_come(time):
    why = Awaiting(Master(1), 2, 0, [NOBODY], time).why_not()
    assert str(NOBODY) in why


def test_when_all_are_there_nothing_is_waited_for(time):
    awaiting = Awaiting(Master(2), 2, 5.0, [NOBODY], time)
    time.now_s = 9.0
    assert (awaiting.why_not(), awaiting.all_there) == (None, True)


def waits(awaiting, told):
    end_waiting(awaiting, lambda why: told.append(why) or 12, bool)
    gevent.sleep(5)


def test_who_waits_in_vain_ends_with_the_exit_code_of_the_run(time, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0)
    told = []
    waiting = gevent.spawn(waits, Awaiting(Master(), 1, 0, [NOBODY], time), told)
    with pytest.raises(SystemExit) as ended:
        waiting.get(timeout=1)
    assert (ended.value.code, len(told)) == (12, 1)


def test_who_waits_until_all_are_there_goes_on(time, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0)
    told, master = [], Master()
    waiting = gevent.spawn(waits, Awaiting(master, 1, 0, [], time), told)
    for _ in range(3):
        gevent.sleep(0)
    master.clients.ready.append("w")
    for _ in range(3):
        gevent.sleep(0)
    assert (waiting.ready(), told) == (False, [])
    waiting.kill()
