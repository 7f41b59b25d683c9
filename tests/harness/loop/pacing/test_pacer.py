"""The pacer with real greenlets; its clock is the test's, but where the alarm of the system has to ring."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import pytest

from harness.load.arrivals.schedules import Constant, Schedule
from harness.load.arrivals.share import Arrivals, Share
from harness.load.arrivals.trace_file import Trace
from harness.loop import Alarm, Pacer
from harness.words.clock import Epoch
from harness.words.clock import now_ns as real_ns

S = 1_000_000_000
ZERO_NS = 1 << 60  # of the test's clock: years ahead of the system's, so that no alarm rings


def at(seconds: int) -> int:
    return ZERO_NS + seconds * S


class Clock:
    """A clock that stands still until it is set."""

    now_ns = ZERO_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Iterator:
    """Return a function that makes pacers; they are ended with the test."""
    made: list[Pacer] = []

    def make(schedule: Schedule, now_ns=clock) -> Pacer:
        made.append(Pacer(Arrivals(schedule, Share(0, 1), Epoch(0)), now_ns))
        return made[-1]

    yield make
    for pacer in made:
        pacer.end()


def totals(pacer: Pacer) -> tuple[int, int]:
    counts = pacer.counts().values()
    return sum(due for due, _ in counts), sum(lost for _, lost in counts)


def settle() -> None:
    for _ in range(3):
        gevent.sleep(0)


def test_users_wait_for_the_beginning_and_are_handed_arrivals_in_the_order_they_came(pace, clock) -> None:
    pacer = pace(Trace((0, 0, 0, 5)))
    users = [gevent.spawn(pacer.wait, at(0)) for _ in range(4)]
    settle()
    assert not any(user.ready() for user in users)
    pacer.begin()
    settle()
    assert [user.ready() for user in users] == [True, True, True, False]
    clock.now_ns = at(5)
    late = gevent.spawn(pacer.wait, at(4))  # comes before the alarm rings, and behind the one that was idle
    settle()
    assert (users[3].get(), late.ready()) == (at(5), False)
    gevent.killall([late])


def test_what_was_due_while_nobody_was_free_is_skipped(pace, clock) -> None:
    pacer = pace(Constant(1))
    pacer.begin()
    assert pacer.wait(at(0)) == at(0)
    clock.now_ns = at(10)
    assert pacer.wait(at(7) + 1) == at(8)  # free since 7 s: 1 to 7 were not delivered, 8 is late by the harness
    assert pacer.wait(at(8)) == at(9)
    pacer.end()
    assert totals(pacer) == (11, 8)


def test_what_was_due_while_somebody_was_idle_is_not_skipped_for_one_who_is_busy(pace, clock) -> None:
    pacer = pace(Trace((1, 2)))
    pacer.begin()
    idle = gevent.spawn(pacer.wait, at(0))
    settle()
    clock.now_ns = at(3)  # the alarm has not rung
    busy = gevent.spawn(pacer.wait, at(3))
    settle()
    assert idle.get() == at(1)
    assert not busy.ready()  # 2 was due before it was free
    assert totals(pacer) == (2, 1)
    busy.kill()


def test_a_user_that_is_killed_while_it_waits_takes_nothing_with_it(pace, clock) -> None:
    pacer = pace(Trace((1, 1)))
    pacer.begin()
    users = [gevent.spawn(pacer.wait, at(0)) for _ in range(2)]
    settle()
    users[0].kill()
    clock.now_ns = at(1)
    assert pacer.wait(at(0)) == at(1)
    assert users[1].get() == at(1)
    assert totals(pacer) == (2, 0)


def test_a_user_that_is_killed_when_it_has_just_been_handed_an_arrival_did_not_deliver_it(pace, clock) -> None:
    pacer = pace(Trace((1,)))
    pacer.begin()
    user = gevent.spawn(pacer.wait, at(0))
    settle()
    user.kill(block=False)
    clock.now_ns = at(1)
    other = gevent.spawn(pacer.wait, at(1))
    pacer._hand_out()  # what the alarm calls; the greenlet dies before it runs
    settle()
    assert user.dead
    assert totals(pacer) == (1, 1)
    other.kill()


def test_an_arrival_whose_user_is_killed_before_it_sends_is_handed_on_to_one_that_is_idle(pace, clock) -> None:
    pacer = pace(Trace((1,)))
    pacer.begin()
    killed, other = (gevent.spawn(pacer.wait, at(0)) for _ in range(2))
    settle()
    killed.kill(block=False)
    clock.now_ns = at(1)
    pacer._hand_out()  # what the alarm calls; the greenlet dies before it runs
    assert other.get(timeout=5) == at(1)
    assert totals(pacer) == (1, 0)


def test_an_arrival_whose_user_is_killed_as_the_run_stops_is_handed_to_nobody(pace, clock) -> None:
    pacer = pace(Trace((1,)))
    pacer.begin()
    killed, other = (gevent.spawn(pacer.wait, at(0)) for _ in range(2))
    settle()
    killed.kill(block=False)
    clock.now_ns = at(1)
    pacer._hand_out()
    pacer.end()
    settle()
    assert killed.dead
    assert not other.ready()
    assert totals(pacer) == (1, 1)
    other.kill()


def test_the_end_leaves_waiting_users_waiting(pace, clock) -> None:
    pacer = pace(Constant(1))
    pacer.begin()
    assert pacer.wait(at(0)) == at(0)
    clock.now_ns = at(3)
    pacer.end()
    user = gevent.spawn(pacer.wait, at(0))
    settle()
    assert not user.ready()
    assert totals(pacer) == (4, 3)
    user.kill()


def test_the_alarm_wakes_users_at_their_time_and_not_before(pace) -> None:
    pacer = pace(Constant(200), real_ns)
    pacer.begin()

    def user() -> list[tuple[int, int]]:
        free_ns, got = real_ns(), []
        for _ in range(10):
            due_ns = pacer.wait(free_ns)
            free_ns = real_ns()
            got.append((due_ns, free_ns))
        return got

    users = [gevent.spawn(user) for _ in range(3)]
    taken = sorted(pair for each in users for pair in each.get(timeout=30))
    assert all(woken_ns >= due_ns for due_ns, woken_ns in taken)
    assert len({due_ns for due_ns, _ in taken}) == 30
    assert {(due_ns - taken[0][0]) % 5_000_000 for due_ns, _ in taken} == {0}


def test_an_alarm_rings_once_at_its_last_setting(pace) -> None:
    rung: list[int] = []
    alarm = Alarm(lambda: rung.append(real_ns()))
    begun = real_ns()
    alarm.set(begun + 60 * S)
    alarm.set(begun + 20_000_000)
    while not rung:
        gevent.sleep(0.01)
    assert rung[0] >= begun + 20_000_000
    assert alarm.due_ns is None
    alarm.set(1)  # long past
    while len(rung) < 2:
        gevent.sleep(0.01)
    alarm.set(begun)
    alarm.set(None)
    gevent.sleep(0.02)
    assert len(rung) == 2
    alarm.close()
    alarm.close()
