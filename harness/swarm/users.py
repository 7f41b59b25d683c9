"""User classes: one per priority band, each with tasks weighted by the kind of scenario.

A locustfile of its own subclasses ``RouteUser`` (see the README), or any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import cycle

from locust import TaskSet, User, between, task
from locust.env import Environment

from harness.load.corpus import Scenario
from harness.load.deck import few_of
from harness.load.mix import CRITICAL, HIGH, LOW, NORMAL
from harness.swarm.client import StageflowClient
from harness.swarm.session import session_of
from harness.words.operation import Operation


class RouteUser(User):
    """A user that sends scenarios of certain priorities through the target.

    Attributes:
        priorities: the priorities it draws from.
        wait_time: think time between two operations, 0.1 to 0.5 s unless a subclass says otherwise.
        client: the ``StageflowClient``; ``client.route(scenario)`` sends a scenario of one's own.

    """

    abstract = True
    host = "in process"  # Locust asks for one; there is no other
    wait_time = between(0.1, 0.5)
    priorities: Collection[int] = range(10)
    client: StageflowClient

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._session = session_of(environment)
        self._draws: dict[str | None, Callable[[], Scenario]] = {}
        self.client = StageflowClient(self._session, self)

    def route(self, kind: str | None = None) -> Operation:
        """Send the next scenario of this user's priorities, of one kind (question, statement, ...) or of any."""
        draw = self._draws.get(kind)
        if draw is None:
            draw = self._draws[kind] = self._session.deck(self.priorities, kind).draw
        return self.client.route(draw())


Task = Callable[[TaskSet | User], None]
"""Locust gives a task what holds it: the user, or the task set of one."""


def sends(kind: str | None) -> Task:
    """Return a task, of a user or a task set, that sends the next scenario of a kind, or of any kind for None."""

    def task(holder: TaskSet | User) -> None:
        user = holder.user if isinstance(holder, TaskSet) else holder
        assert isinstance(user, RouteUser)
        user.route(kind)

    task.__name__ = kind or "anything"
    task.__doc__ = f"Send the next scenario of kind {kind}." if kind else "Send the next scenario of any kind."
    return task


def weighted(tasks: Mapping[Task, int]) -> list[TaskSet | Task]:
    """Return each task as often as its weight says, the form in which Locust keeps them."""
    return [task for task, weight in tasks.items() for _ in range(weight)]


question = sends("question")
statement = sends("statement")
code = sends("code")
edge = sends("edge")
anything = sends(None)


class RepeatingUser(RouteUser):
    """A user that sends a few scenarios over and over, all users and workers the same ones.

    A corpus of a thousand scenarios comes back a few times in a minute; that equal inputs are decided equally shows
    only in many repeats of one. Put it beside the other users of a locustfile.

    Attributes:
        few: how many scenarios; of each expected route at least one, where there are not more routes.

    """

    few = 4

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        inputs = self._session.inputs
        wanted = [scenario for scenario in inputs.scenarios if scenario.priority in self.priorities]
        self._again = cycle(few_of(wanted, self.few, seed=inputs.options.seed))

    @task
    def again(self) -> None:
        """Send the next of the few."""
        self.client.route(next(self._again))


class CriticalTasks(TaskSet):
    """What critical users send: short questions above all."""

    tasks = weighted({question: 6, statement: 2, code: 1, anything: 1})


class HighTasks(TaskSet):
    """What users of high priority send."""

    tasks = weighted({question: 5, statement: 2, code: 2, anything: 1})


class NormalTasks(TaskSet):
    """What most users send: some of everything."""

    tasks = weighted({question: 5, statement: 2, code: 2, edge: 1, anything: 2})


class LowTasks(TaskSet):
    """What users of low priority send: more of what is odd."""

    tasks = weighted({question: 3, statement: 3, code: 1, edge: 2, anything: 1})


class CriticalUser(RouteUser):
    """Priority 8 and 9: one user in ten."""

    weight = 1
    priorities = CRITICAL
    tasks = [CriticalTasks]  # noqa: RUF012  # Locust's own form


class HighUser(RouteUser):
    """Priority 6 and 7: two users in ten."""

    weight = 2
    priorities = HIGH
    tasks = [HighTasks]  # noqa: RUF012  # Locust's own form


class NormalUser(RouteUser):
    """Priority 3 to 5: five users in ten."""

    weight = 5
    priorities = NORMAL
    tasks = [NormalTasks]  # noqa: RUF012  # Locust's own form


class LowUser(RouteUser):
    """Priority 0 to 2: two users in ten."""

    weight = 2
    priorities = LOW
    tasks = [LowTasks]  # noqa: RUF012  # Locust's own form
