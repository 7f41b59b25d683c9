"""User classes: one per priority band, each with tasks weighted by the kind of scenario.

A locustfile of its own subclasses ``RouteUser`` (see the README), or any of these.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import cycle

from locust import TaskSet, User, between, task
from locust.env import Environment

from harness.load.corpus.bands import CRITICAL, HIGH, KINDS, LOW, NORMAL
from harness.load.corpus.corpus import Scenario
from harness.load.corpus.deck import DeckKey, few_of
from harness.swarm.loading.session import session_of
from harness.swarm.users.client import StageflowClient
from harness.swarm.users.declared import Task, said_by, sending
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


def sends(kind: str | None) -> Task:
    """Return a task, of a user or a task set, that sends the next scenario of a kind, or of any kind for None."""

    def task(holder: TaskSet | User) -> None:
        user = holder.user if isinstance(holder, TaskSet) else holder
        assert isinstance(user, RouteUser)
        user.route(kind)

    task.__name__ = kind or "anything"
    task.__doc__ = f"Send the next scenario of kind {kind}." if kind else "Send the next scenario of any kind."
    return sending(kind)(task)


def weighted(tasks: Mapping[Task, int]) -> list[TaskSet | Task]:
    """Return each task as often as its weight says, the form in which Locust keeps them."""
    return [task for task, weight in tasks.items() for _ in range(weight)]


_UNSAID: Mapping[str | None, float] = {None: 0.5, **dict.fromkeys(KINDS, 0.5 / len(KINDS))}


def shares_of(user_classes: Iterable[type[User]]) -> dict[DeckKey, float]:
    """Return from which decks the baseline is to take scenarios for users of some classes, in which proportion.

    They are the decks that their tasks say they draw from. Of a task that says nothing, nothing is known but the
    priorities of its user: half of what is taken for it is of any kind, half of each kind as much.
    """
    shares: dict[DeckKey, float] = {}
    for user in user_classes:
        if not issubclass(user, RouteUser) or issubclass(user, RepeatingUser):
            continue
        said, unsaid = said_by(user)
        for kinds, weight in ((said, 1.0), (_UNSAID, unsaid)):
            for kind, share in kinds.items():
                key = frozenset(user.priorities), kind
                shares[key] = shares.get(key, 0) + share * weight * (user.weight or 1)
    return {key: share for key, share in shares.items() if share > 1e-9}  # not what rounding has left of nothing


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
