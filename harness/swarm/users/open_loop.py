"""Users of an open-loop run: each operation is sent when its schedule says, whether or not earlier ones are done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from locust import User
from locust.env import Environment
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from harness.load.arrivals.schedules import Schedule
from harness.load.corpus.corpus import Scenario
from harness.loop import Pacer
from harness.swarm.loading.session import Session
from harness.swarm.users.bands import RouteUser
from harness.swarm.users.client import StageflowClient
from harness.words.clock import now_ns
from harness.words.errors import UsageError
from harness.words.operation import Operation


class ArrivalRateUser(RouteUser):
    """A slot of an open-loop run: ``route`` waits for the next arrival of the class's schedule, and sends it.

    All users of the class in all workers share one schedule; their number is the cap on operations in flight. An
    arrival that is due while all users of its worker are busy is *not delivered*: counted, and never sent late.

    Attributes:
        schedule: a ``Constant``, ``Ramp``, ``Poisson`` or ``Trace``. Its time zero is when all users have been started.

    """

    abstract = True
    schedule: ClassVar[Schedule]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.client = ArrivalClient(self._session, self, self._session.pacers[type(self).__name__])

    def wait_time(self) -> float:
        """Return 0: the schedule says when, no think time does."""
        return 0.0


class ArrivalClient(StageflowClient):
    """Drives scenarios through the target, each at the next arrival of a schedule.

    Args:
        session: what the users of this worker share.
        user: the user whose class and environment the operations carry.
        pacer: of the user's class.

    """

    def __init__(self, session: Session, user: User, pacer: Pacer) -> None:
        super().__init__(session, user)
        self._user = user
        self._pacer = pacer
        self._free_ns = now_ns()

    def route(self, scenario: Scenario, intended_ns: int | None = None) -> Operation:
        """Wait for the next arrival, run one scenario and return its operation.

        Args:
            scenario: the input.
            intended_ns: monotonic nanoseconds at which the operation should have started: it is sent at once, outside
                the schedule.

        Raises:
            GreenletExit: the user was killed meanwhile.
            StopUser: the run is ending, no operation was started.

        """
        if intended_ns is not None:
            return super().route(scenario, intended_ns)
        due_ns = self._wait()
        while self._session.gate.closed:
            self._pacer.lose(due_ns)  # nobody is free to send it: as what comes due while users are held back
            self._session.gate.wait(self._ending)
            self._free_ns = now_ns()
            due_ns = self._wait()
        try:
            operation = super().route(scenario, due_ns)
        except StopUser:
            self._pacer.lose(due_ns)
            raise
        self._free_ns = operation.end_ns
        return operation

    def _wait(self) -> int:
        """Wait for an arrival; in the state in which Locust stops a user at once (``TaskSet.wait`` does the same)."""
        user = self._user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_WAITING
        due_ns = self._pacer.wait(self._free_ns)
        user._state = LOCUST_STATE_RUNNING
        return due_ns


def declared_schedules(user_classes: Iterable[type[User]]) -> dict[str, Schedule]:
    """Return the schedules of the open-loop classes among ``user_classes``, by name, as they are written there.

    Raises:
        UsageError: such a class has no schedule, or a wait time of its own.

    """
    declared: dict[str, Schedule] = {}
    for user in user_classes:
        if not issubclass(user, ArrivalRateUser):
            continue
        schedule = getattr(user, "schedule", None)
        if not isinstance(schedule, Schedule):
            found = "no schedule" if schedule is None else f"schedule {schedule!r}"
            raise UsageError(f"{user.__name__}: found {found}, expected a Constant, Ramp, Poisson or Trace")
        if user.wait_time is not ArrivalRateUser.wait_time:
            raise UsageError(f"{user.__name__}: found a wait_time, expected none: its schedule says when it sends")
        declared[user.__name__] = schedule
    return declared
