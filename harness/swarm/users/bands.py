"""User classes: one per priority band, each with tasks weighted by the kind of scenario.

A locustfile of its own subclasses ``RouteUser`` (see the README), or any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import cycle
from typing import cast
from weakref import WeakKeyDictionary

from locust import TaskSet, User, between, task
from locust.env import Environment

from harness.load.corpus.bands import CRITICAL, HIGH, KINDS, LOW, NORMAL
from harness.load.corpus.corpus import Scenario
from harness.load.corpus.deck import DeckKey, few_of
from harness.swarm.loading.session import session_of
from harness.swarm.users.client import StageflowClient
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

_sent_by: WeakKeyDictionary[Task, str | None] = WeakKeyDictionary()
"""What a task made by ``sends`` sends."""


def sends(kind: str | None) -> Task:
    """Return a task, of a user or a task set, that sends the next scenario of a kind, or of any kind for None."""

    def task(holder: TaskSet | User) -> None:
        user = holder.user if isinstance(holder, TaskSet) else holder
        assert isinstance(user, RouteUser)
        user.route(kind)

    _sent_by[task] = kind
    task.__name__ = kind or "anything"
    task.__doc__ = f"Send the next scenario of kind {kind}." if kind else "Send the next scenario of any kind."
    return task


def weighted(tasks: Mapping[Task, int]) -> list[TaskSet | Task]:
    """Return each task as often as its weight says, the form in which Locust keeps them."""
    return [task for task, weight in tasks.items() for _ in range(weight)]


def shares_of(user_classes: Iterable[type[User]]) -> dict[DeckKey, float]:
    """Return in which proportion users of some classes will draw from which decks, as far as their tasks show it."""
    shares: dict[DeckKey, float] = {}
    for user in user_classes:
        if not issubclass(user, RouteUser) or issubclass(user, RepeatingUser):
            continue
        for kind, share in _kinds_of(user, NESTED).items():
            key = frozenset(user.priorities), kind
            shares[key] = shares.get(key, 0) + share * (user.weight or 1)
    return shares


NESTED = 5
"""Task sets within task sets that are looked into."""

_ANY: Mapping[str | None, float] = {None: 0.5, **dict.fromkeys(KINDS, 0.5 / len(KINDS))}


def _kinds_of(holder: type[User | TaskSet], depth: int) -> Mapping[str | None, float]:
    """Return the shares of kinds in what the tasks of a user or a task set send."""
    tasks = cast("list[Task | type[TaskSet]]", list(holder.tasks))
    if not tasks or not depth:
        return _ANY
    kinds: dict[str | None, float] = {}
    for one in tasks:
        of_task = _kinds_of(one, depth - 1) if isinstance(one, type) else _kinds_in(one)
        for kind, share in of_task.items():
            kinds[kind] = kinds.get(kind, 0) + share / len(tasks)
    return kinds


def _kinds_in(task: Task) -> Mapping[str | None, float]:
    """Return the shares of kinds in what a task sends: of one written by hand, the kinds that are named in it."""
    if task in _sent_by:
        return {_sent_by[task]: 1.0}
    code = getattr(task, "__code__", None)
    if code is None or "route" not in code.co_names:
        return _ANY
    named = [kind for kind in KINDS if kind in code.co_consts]
    return dict.fromkeys(named, 1 / len(named)) if named else {None: 1.0}


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
        self._again = cycle(self.chosen(inputs.scenarios, inputs.options.seed))

    @classmethod
    def chosen(cls, scenarios: Iterable[Scenario], seed: int) -> tuple[Scenario, ...]:
        """Return the few of some scenarios."""
        wanted = [scenario for scenario in scenarios if scenario.priority in cls.priorities]
        return few_of(wanted, cls.few, seed=seed)

    @task
    def again(self) -> None:
        """Send the next of the few."""
        self.client.route(next(self._again))


def repeated_by(user_classes: Iterable[type[User]], scenarios: Iterable[Scenario], seed: int) -> list[Scenario]:
    """Return the scenarios that users of some classes send over and over."""
    repeating = (user for user in user_classes if issubclass(user, RepeatingUser))
    return [scenario for user in repeating for scenario in user.chosen(scenarios, seed)]


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
