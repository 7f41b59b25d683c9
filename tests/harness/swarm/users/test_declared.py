from __future__ import annotations

import pytest
from locust import TaskSet, task

from harness.load.corpus.bands import KINDS
from harness.swarm import CriticalUser, RepeatingUser, RouteUser, sending, sends, weighted
from harness.swarm.users.bands import shares_of
from harness.swarm.users.declared import NESTED, said_by
from harness.words.errors import UsageError


def user(*tasks, **attributes):
    return type("Own", (RouteUser,), {"tasks": list(tasks), **attributes})


def silent(holder):
    holder.route("question")


@task
@sending("code")
def above(holder):
    """``@task`` stands above."""


@sending("code")
@task
def below(holder):
    """``@task`` stands below."""


@sending()
def anything(holder):
    """Of any kind."""


@sending("question", "code")
def either(holder):
    """Of two kinds."""


@pytest.mark.parametrize(
    ("tasks", "said", "unsaid"),
    [
        ([above], {"code": 1.0}, 0.0),
        ([below], {"code": 1.0}, 0.0),
        ([anything], {None: 1.0}, 0.0),
        ([either], {"question": 0.5, "code": 0.5}, 0.0),
        ([sends("edge"), sends(None)], {"edge": 0.5, None: 0.5}, 0.0),
        ([above, above, above, silent], {"code": 0.75}, 0.25),
        ([silent], {}, 1.0),  # whatever text stands in it
        ([], {}, 1.0),
    ],
)
def test_a_task_sends_what_it_says_and_nothing_is_said_for_one_that_does_not(tasks, said, unsaid):
    assert said_by(user(*tasks)) == (said, unsaid)


def test_task_sets_say_what_their_tasks_say():
    inner = type("Inner", (TaskSet,), {"tasks": [above, silent]})
    outer = type("Outer", (TaskSet,), {"tasks": [inner, anything]})
    assert said_by(user(outer)) == ({"code": 0.25, None: 0.5}, 0.25)


def test_task_sets_that_hold_each_other_end():
    ring = type("Ring", (TaskSet,), {"tasks": [above]})
    ring.tasks = [ring, above]
    said, unsaid = said_by(user(ring))
    assert said == {"code": pytest.approx(1 - 0.5 ** (NESTED - 1))}
    assert unsaid == pytest.approx(0.5 ** (NESTED - 1))


def test_the_shipped_users_say_all():
    said, unsaid = said_by(CriticalUser)
    assert said == {"question": 0.6, "statement": 0.2, "code": 0.1, None: 0.1}
    assert unsaid == pytest.approx(0)


def test_the_decks_of_the_baseline_are_those_that_are_declared_by_weight():
    urgent = user(above, priorities=(8, 9), weight=3)
    other = user(anything, priorities=(1,))
    assert shares_of([urgent, other]) == {(frozenset({8, 9}), "code"): 3.0, (frozenset({1}), None): 1.0}


def test_of_a_task_that_says_nothing_the_baseline_takes_all_decks_of_its_priorities():
    found = shares_of([user(silent, priorities=(4,))])
    assert set(found) == {(frozenset({4}), kind) for kind in (None, *KINDS)}
    assert sum(found.values()) == pytest.approx(1)


def test_users_that_repeat_and_users_of_locust_draw_from_no_deck():
    assert shares_of([RepeatingUser]) == {}


@pytest.mark.parametrize("found", [silent, 3, b"code"])
def test_what_is_no_kind_is_refused(found):
    with pytest.raises(UsageError, match="sending"):
        sending(found)


def test_weighted_tasks_are_said_as_often_as_they_run():
    own = type("Own", (RouteUser,), {"tasks": weighted({sends("question"): 3, sends("code"): 1})})
    assert said_by(own)[0] == {"question": 0.75, "code": 0.25}
