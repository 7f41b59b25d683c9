"""One call, one operation, one event of Locust's, whatever became of it; and what a session hands over of them."""

from __future__ import annotations

from uuid import UUID

import pytest
from greenlet import GreenletExit
from in_memory import NOW_S, AtOnce, S, environment_of, inputs_in
from locust.exception import StopUser
from locust.runners import STATE_CLEANUP
from recorded import written_operations

from harness.load.corpus.corpus import Scenario
from harness.swarm import RepeatingUser, RouteUser
from harness.swarm.loading.session import Session, open_session
from harness.words.clock import Epoch
from harness.words.errors import DeadlineExceeded, UsageError
from harness.words.operation import Flag, Outcome, operation_id


class North(RouteUser):
    priorities = (2, 4)


class Side:
    """The load side of a run: a session, users, and what Locust was told."""

    def __init__(self, folder, worker=0, workers=1):
        self.now_ns = 5 * S
        self.loop = AtOnce()
        self.inputs = inputs_in(folder)
        self.environment = environment_of(North)
        self.session = Session(self.inputs, "run", self.loop, Epoch(NOW_S * S), worker, workers, lambda: self.now_ns)
        open_session(self.environment, self.session)
        self.events = []
        self.environment.events.request.add_listener(lambda **event: self.events.append(event))

    def user(self, kind=North):
        return kind(self.environment)


@pytest.fixture
def side(tmp_path):
    made = Side(tmp_path)
    yield made
    made.loop.loop.close()


def test_an_operation_is_counted_recorded_and_told_once(side):
    operation = side.user().route()
    assert (operation.outcome, operation.route, operation.asked_route) == (Outcome.OK, "north", "north")
    assert operation.id == operation_id(0, 0)
    assert operation.start_ns <= operation.entered_ns <= operation.end_ns <= operation.resumed_ns
    (event,) = side.events
    assert (event["request_type"], event["name"], event["exception"]) == ("ROUTE", "north", None)
    assert event["response_time"] == operation.response_ns / 1e6
    delta = side.session.take()
    assert delta["arrivals"] == 1
    (found,) = written_operations(delta)
    assert found.id == operation.id
    assert [row[0][1:] for row in delta["series"]] == [("North", operation.priority, "north", "north", 0, "ok")]


def test_users_draw_from_their_priorities_and_are_told_apart(side):
    first, second = side.user(), side.user()
    drawn = [first.route() for _ in range(4)] + [second.route() for _ in range(4)]
    assert {operation.priority for operation in drawn} == {2, 4}
    assert [operation.user for operation in drawn] == [0] * 4 + [1] * 4
    assert len({operation.id for operation in drawn}) == 8


def test_ids_of_two_workers_never_meet(tmp_path):
    sides = [Side(tmp_path, worker, 2) for worker in (0, 1)]
    ids = [side.user().route().id for side in sides]
    identities = [
        side.session.identity(id_, side.session.user_identity(0)) for side, id_ in zip(sides, ids, strict=True)
    ]
    assert len(set(ids)) == 2
    assert len({identity.request_id for identity in identities}) == 2
    assert len({identity.user_id for identity in identities}) == 2
    assert all(isinstance(each, UUID) for identity in identities for each in identity)
    for side in sides:
        side.loop.loop.close()


def test_what_fails_is_recorded_as_failed_with_its_error(side):
    operation = side.user().client.route(Scenario("mine", "fail", 3))
    assert (operation.outcome, operation.route) == (Outcome.FAILED, None)
    assert "no route" in operation.error
    assert side.events[0]["exception"] is not None
    assert side.session.take()["arrivals"] == 1


@pytest.mark.parametrize(
    ("raised", "outcome", "flag", "goes_on"),
    [
        (DeadlineExceeded(), Outcome.TIMEOUT, None, True),
        (GreenletExit(), Outcome.CANCELLED, Flag.STOPPED, False),
        (KeyboardInterrupt(), Outcome.CANCELLED, None, False),
    ],
)
def test_what_is_thrown_into_a_user_loses_no_operation(side, raised, outcome, flag, goes_on):
    user = side.user()
    side.loop.raises = raised
    if goes_on:
        user.route()
    else:
        with pytest.raises(type(raised)):
            user.route()
    (found,) = written_operations(side.session.take())
    assert (found.outcome, found.flag) == (outcome, flag)
    assert len(side.events) == 1


def test_an_operation_is_as_late_as_the_moment_at_which_it_was_meant_to_begin(side):
    scenario = side.inputs.scenarios[0]
    operation = side.user().client.route(scenario, intended_ns=1)
    assert operation.intended_ns == 1
    assert operation.response_ns == operation.end_ns - 1


def test_a_run_that_ends_begins_no_operation(side):
    user = side.user()
    side.environment.runner.state = STATE_CLEANUP
    side.session.gate.set(True)  # nor does it wait for the gate
    with pytest.raises(StopUser):
        user.route()
    assert (side.session.started, side.events) == (0, [])


def test_a_user_without_a_run_says_so_in_one_line():
    with pytest.raises(UsageError):
        North(environment_of(North))


def test_a_deck_of_priorities_that_the_corpus_lacks_is_refused(side):
    with pytest.raises(UsageError):
        side.session.deck([10], None)


def test_users_that_repeat_send_the_same_few(side):
    few = type("Few", (RepeatingUser,), {"few": 2})
    users = [side.user(few), side.user(few)]
    for user in users:
        for _ in range(4):
            user.again()
    found = [operation.scenario for operation in written_operations(side.session.take())]
    assert len(set(found)) == 2
    assert found[:4] == found[4:] == found[:2] * 2


class TestWhatASessionHandsOver:
    def test_deltas_are_numbered_and_hold_what_came_since_the_last(self, side):
        user = side.user()
        user.route()
        first = side.session.take()
        side.now_ns += S
        user.route()
        second, third = side.session.take(), side.session.take(final=True)
        assert [delta["seq"] for delta in (first, second, third)] == [0, 1, 2]
        assert [delta["arrivals"] for delta in (first, second, third)] == [1, 2, 2]
        assert [len(delta["series"]) for delta in (first, second, third)] == [1, 1, 0]
        assert second["gathered_ns"] - first["gathered_ns"] == S
        assert (third["history"], third["final"], first["final"]) == ({}, True, False)

    def test_edges_are_in_the_history_and_told_at_once_on_the_clock_of_the_epoch(self, side):
        side.session.note("edges", [(7, "fault", "late", "closed", "open", "plan")])
        delta = side.session.take()
        assert delta["edges"] == [(7 + NOW_S * S, "fault", "late", "closed", "open", "plan")]
        assert set(delta["history"]) == {"edges"}
        assert side.session.take()["edges"] == []

    def test_users_count_in_the_second_in_which_they_were_seen_last(self, side):
        side.session.sample_users(3)
        side.session.sample_users(4)
        side.now_ns += S
        side.session.sample_users(5)
        assert side.session.take()["users"] == {NOW_S + 5: 4, NOW_S + 6: 5}

    def test_schedules_of_all_classes_are_added_up(self, side):
        class Counted:
            def __init__(self, counts):
                self.counts = lambda: counts

        side.session.pacers = {"A": Counted({NOW_S: [2, 1]}), "B": Counted({NOW_S: [1, 0], NOW_S + 1: [4, 4]})}
        assert side.session.take()["schedule"] == {NOW_S: [3, 1], NOW_S + 1: [4, 4]}

    def test_what_is_to_be_noted_before_it_is_handed_over_is_in_it(self, side):
        side.session.before_take.append(
            lambda: side.session.note("edges", [(1, "breaker", "x", "closed", "open", "why")])
        )
        assert len(side.session.take()["edges"]) == 1

    def test_how_long_users_were_held_back(self, side):
        side.session.gate.set(True)
        side.now_ns += 2 * S
        assert side.session.take()["held_back_s"] == 2.0
