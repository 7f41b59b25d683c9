"""Load shapes for Locust: subclass one in a locustfile and set its attributes; each keeps a log of its steps.

Locust (2.47) takes the first concrete ``LoadTestShape`` it finds in a locustfile: those here are abstract, a subclass
is not. It leaves ``--run-time``, ``--users`` and ``--spawn-rate`` to the shape, which reads them (see ``settle``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import gevent
from locust import LoadTestShape

from harness.judge.criteria.criteria import Criterion
from harness.judge.criteria.ramp_to_failure import RampToFailure
from harness.judge.criteria.steps import Step
from harness.load.shapes.shapes import LEVELS, Phased, Shape, Soak, Spike, Staircase
from harness.swarm.shapes.step_log import StepLog
from harness.words.clock import Epoch
from harness.words.errors import ShapeError

LOOK_AHEAD_S = 1.0
"""Locust asks once a second: a change that is due before it asks again is waited for."""

FIRST_USER_WITHIN_S = 30.0
"""Seconds after which a shape goes on without users: its steps are then never reached, and it ends."""

Tick = tuple[int, float] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """Locust's own options as far as they were given; None where not."""

    users: int | None = None
    run_time_s: float | None = None
    spawn_rate: float | None = None


class RouteShape(LoadTestShape):
    """What the shapes have in common: validation before the run, and a log of steps."""

    abstract: ClassVar[bool] = True
    use_common_options: ClassVar[bool] = True
    spawn_rate: float = 100.0
    trimmed: ClassVar[bool] = False  # whether the warm-up of the whole run is to be found and left out

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now_ns: Callable[[], int] = Epoch.of_this_process().unix_ns
        """Unix nanoseconds on the clock of the history. Locust makes a shape without arguments: set it before a run."""
        self.sleep: Callable[[float], object] = gevent.sleep
        """Waits for so many seconds; as ``now_ns``."""
        self._log = StepLog(self.now_ns)
        self._rate = self.spawn_rate
        self.description = ""  # of the load that was prepared

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps so far."""
        return tuple(self._log.steps)

    @property
    def ramp(self) -> RampToFailure | None:
        """The search, for ramp to failure."""
        return None

    def prepare(self, asked: Asked, criteria: Sequence[Criterion]) -> str:
        """Make ready for a run, and return in one line what it will be.

        Raises:
            ShapeError: attributes or options make no load.

        """
        self._log = StepLog(self.now_ns)
        self._rate = self.spawn_rate if asked.spawn_rate is None else asked.spawn_rate
        try:
            if not 0 < self._rate < float("inf"):
                raise ShapeError(f"spawn_rate: found {self._rate!r}, expected a number of users per second above 0")
            self.description = f"{type(self).__name__}: {self.plan(asked, criteria)}"
        except (ShapeError, TypeError, ValueError) as error:  # an attribute of another type than it should have
            raise ShapeError(f"{type(self).__name__}: {error}") from None
        return self.description

    def plan(self, asked: Asked, criteria: Sequence[Criterion]) -> str:
        """Work out the load; raises ``ShapeError``."""
        raise NotImplementedError

    @property
    def own_users(self) -> int | None:
        """The most users there will be by the attributes, None where they say none."""
        raise NotImplementedError

    def own_rate(self, users: int | None) -> float:  # noqa: ARG002  # a soak's depends on them
        """Return the users per second that are started by the attributes, on the way to ``users``."""
        return self.spawn_rate

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return float(self.get_run_time())  # type: ignore[no-untyped-call]

    def look(self, **_: object) -> None:
        """Take note of how many users run."""
        if self.runner is not None:
            self._log.look(self.runner.user_count)

    def leave(self, **_: object) -> None:
        """End the step that goes on, before users are stopped."""
        self._log.leave()

    def tick(self) -> Tick:
        """Return the users that are to run now and the rate to get there, None at the end."""
        raise NotImplementedError


class TimedShape(RouteShape):
    """A shape that depends on time alone, which counts from the first user: workers may take seconds to get ready."""

    abstract: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._shape: Shape | None = None
        self._phase = -1
        self._began_s: float | None = None
        self._looked_s = 0.0

    def plan(self, asked: Asked, criteria: Sequence[Criterion]) -> str:  # noqa: ARG002  # a search needs them
        """Work out the phases; raises ``ShapeError``."""
        self._phase, self._began_s, self._looked_s = -1, None, 0.0
        self._shape = self.shape(asked)
        self._shape.require_reachable(self._rate)
        return str(self._shape)

    def shape(self, asked: Asked) -> Shape:
        """Return the shape; raises ``ShapeError``."""
        raise NotImplementedError

    def tick(self) -> Tick:
        """Return the users of now; the change to the next phase comes at its moment, and not at Locust's next look."""
        shape = self._shape
        if shape is None:
            return None
        super().look()
        self._begin(self._looked_s)
        self._looked_s = self.elapsed_s
        elapsed_s = self._since_begin_s()
        change_s = shape.next_change_s(elapsed_s)
        if shape.phase_at(elapsed_s) == self._phase and change_s - elapsed_s < LOOK_AHEAD_S:
            self.sleep(change_s - elapsed_s)
            elapsed_s = max(change_s, self._since_begin_s())
        return self._ask(shape, shape.phase_at(elapsed_s))

    def look(self, **_: object) -> None:
        """Take note of how many users run, when some have just come."""
        super().look()
        self._begin(self.elapsed_s)

    def _begin(self, at_s: float) -> None:
        """Count the time from ``at_s``, if there are users now for the first time."""
        come = self.runner is not None and self.runner.user_count > 0
        if self._began_s is None and (come or self.elapsed_s > FIRST_USER_WITHIN_S):
            self._began_s = at_s

    def _since_begin_s(self) -> float:
        return 0.0 if self._began_s is None else self.elapsed_s - self._began_s

    def _ask(self, shape: Shape, phase: int | None) -> Tick:
        last = len(shape.phases) if phase is None else phase + 1
        while self._phase + 1 < last:  # one that was passed over, since Locust was still starting users, is logged, too
            self._phase += 1
            self._log.ask(shape.phases[self._phase].users)
        if phase is None:
            self._log.leave()
            return None
        rate = shape.phases[0].users / shape.ramp_s if phase == 0 and shape.ramp_s else self._rate
        return shape.phases[phase].users, rate


class StaircaseShape(TimedShape):
    """Levels of users, each for as long.

    ``--run-time`` is the time of all levels together; levels above ``--users`` are left out.

    Attributes:
        levels: users of each step.
        dwell_s: seconds of each step.
        spawn_rate: users started or stopped per second between steps.

    """

    abstract: ClassVar[bool] = True
    levels: Sequence[int] = LEVELS
    dwell_s: float = 15.0

    @property
    def own_users(self) -> int | None:
        """The highest level."""
        try:
            return max(self.levels)
        except (TypeError, ValueError):  # what is wrong with them is said before the run
            return None

    def shape(self, asked: Asked) -> Shape:
        """Return the staircase; raises ``ShapeError``."""
        whole = Staircase(tuple(self.levels) if isinstance(self.levels, list) else self.levels, self.dwell_s)  # type: ignore[arg-type]
        most = asked.users
        levels = whole.levels if most is None else tuple(users for users in whole.levels if users <= most)
        if not levels:
            raise ShapeError(f"--users: found {most}, expected at least the lowest level of {min(whole.levels)}")
        dwell_s = self.dwell_s if asked.run_time_s is None else asked.run_time_s / len(levels)
        return Staircase(levels, dwell_s)


class SpikeShape(TimedShape):
    """A base load, a peak, the base again.

    ``--users`` is the peak; ``--run-time`` the whole, with the peak moved and stretched in proportion.

    Attributes:
        base: users before and after.
        peak: users of the peak.
        from_s: seconds after the start at which the peak begins.
        to_s: seconds after the start at which it ends.
        duration_s: seconds of the whole.
        spawn_rate: users started or stopped per second.

    """

    abstract: ClassVar[bool] = True
    base: int = 10
    peak: int = 100
    from_s: float = 20.0
    to_s: float = 40.0
    duration_s: float = 60.0

    @property
    def own_users(self) -> int | None:
        """The peak."""
        return self.peak

    def shape(self, asked: Asked) -> Shape:
        """Return the spike; raises ``ShapeError``."""
        spike = Spike(self.base, self.peak, self.from_s, self.to_s, self.duration_s)
        stretch = 1.0 if asked.run_time_s is None else asked.run_time_s / self.duration_s
        peak = self.peak if asked.users is None else asked.users
        return Spike(spike.base, peak, spike.from_s * stretch, spike.to_s * stretch, spike.duration_s * stretch)


class PhasedShape(TimedShape):
    """Any load there is: phases, each with the second it begins at and its users.

    ``--users`` leaves out nothing: no phase has more than so many. ``--run-time`` stretches all phases alike.

    Attributes:
        phases: pairs of seconds after the start, and users from then on; the first at 0.
        duration_s: seconds of the whole.
        spawn_rate: users started or stopped per second.

    """

    abstract: ClassVar[bool] = True
    phases: Sequence[tuple[float, int]] = ()
    duration_s: float = 60.0

    @property
    def own_users(self) -> int | None:
        """The most of any phase."""
        try:
            return max(users for _, users in self.phases)
        except (TypeError, ValueError):  # ``plan`` says what is wrong with them
            return None

    def shape(self, asked: Asked) -> Shape:
        """Return the phases; raises ``ShapeError``."""
        whole = Phased(tuple(self.phases) if isinstance(self.phases, list) else self.phases, self.duration_s)  # type: ignore[arg-type]
        stretch = 1.0 if asked.run_time_s is None else asked.run_time_s / self.duration_s
        most = whole.most_users if asked.users is None else asked.users
        given = tuple((phase.from_s * stretch, min(phase.users, most)) for phase in whole.phases)
        return Phased(given, self.duration_s * stretch)


class SoakShape(TimedShape):
    """One load for a long time.

    ``--users`` is the load, ``--run-time`` the duration, ``--spawn-rate`` says how long the ramp is.

    Attributes:
        users: users of the load.
        ramp_s: seconds over which they are started.
        duration_s: seconds of the whole, the ramp included.

    """

    abstract: ClassVar[bool] = True
    trimmed: ClassVar[bool] = True
    users: int = 100
    ramp_s: float = 10.0
    duration_s: float = 600.0

    @property
    def own_users(self) -> int | None:
        """The load."""
        return self.users

    def own_rate(self, users: int | None) -> float:
        """Return the rate at which the ramp takes ``ramp_s``."""
        return users / self.ramp_s if users and self.ramp_s > 0 else self.spawn_rate

    def shape(self, asked: Asked) -> Shape:
        """Return the soak; raises ``ShapeError``."""
        soak = Soak(self.users, self.duration_s, self.ramp_s)
        users = soak.users if asked.users is None else asked.users
        duration_s = soak.duration_s if asked.run_time_s is None else asked.run_time_s
        return Soak(users, duration_s, soak.ramp_s if asked.spawn_rate is None else users / asked.spawn_rate)
