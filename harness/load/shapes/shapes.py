"""Load shapes: how many users are to run, as pure functions of the elapsed time.

A shape is a sequence of phases, each with a number of users; the Locust side asks for the phase of now, and says when
its users were there. Ramp to failure depends on what is measured, and is in ``harness.load.shapes.search``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from harness.words.errors import ShapeError

LEVELS = (1, 2, 5, 10, 20, 50, 100, 200)
SHORTEST_PHASE_S = 1.0
"""Locust asks a shape once a second."""


class Phase(NamedTuple):
    """From ``from_s`` seconds after the start on, ``users`` users are to run."""

    from_s: float
    users: int


class Shape(ABC):
    """Users over time; ends after ``duration_s`` seconds."""

    @property
    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The phases in their order; the first begins at 0 s."""

    @property
    @abstractmethod
    def end_s(self) -> float:
        """Seconds after which the shape is over."""

    @property
    def ramp_s(self) -> float:
        """Seconds over which the users of the first phase are started; 0: at the rate of the others."""
        return 0.0

    @property
    def most_users(self) -> int:
        """Users of the highest phase."""
        return max(phase.users for phase in self.phases)

    def phase_at(self, elapsed_s: float) -> int | None:
        """Return the index of the phase of a moment, None when the shape is over."""
        if elapsed_s >= self.end_s:
            return None
        return max(bisect_right([phase.from_s for phase in self.phases], elapsed_s) - 1, 0)

    def users_at(self, elapsed_s: float) -> int | None:
        """Return the users that are to run at a moment, None when the shape is over."""
        phase = self.phase_at(elapsed_s)
        return None if phase is None else self.phases[phase].users

    def next_change_s(self, elapsed_s: float) -> float:
        """Return the moment at which the phase of ``elapsed_s`` ends."""
        return min((phase.from_s for phase in self.phases if phase.from_s > elapsed_s), default=self.end_s)

    def require_reachable(self, spawn_rate: float) -> None:
        """Require that each phase lasts longer than it takes to get to its users.

        Raises:
            ShapeError: one does not, at ``spawn_rate`` users per second.

        """
        ends = [*(phase.from_s for phase in self.phases[1:]), self.end_s]
        before = 0
        for number, (phase, end_s) in enumerate(zip(self.phases, ends, strict=True), 1):
            takes_s = abs(phase.users - before) / spawn_rate
            if number == 1 and self.ramp_s:
                takes_s = self.ramp_s
            if takes_s >= end_s - phase.from_s:
                raise ShapeError(
                    f"step {number} lasts {end_s - phase.from_s:g} s, and getting from {before:,} to {phase.users:,} "
                    f"users at {spawn_rate:g} users/s takes {takes_s:g} s"
                )
            before = phase.users


@dataclass(frozen=True)
class Staircase(Shape):
    """Levels of users, each for ``dwell_s`` seconds.

    Raises:
        ShapeError: there is no level, one has no user, or the dwell is shorter than a second.

    """

    levels: tuple[int, ...] = LEVELS
    dwell_s: float = 15.0

    def __post_init__(self) -> None:
        levels: object = self.levels  # a locustfile says what it likes
        if not isinstance(levels, Sequence) or isinstance(levels, str) or not levels:
            raise ShapeError(f"levels: found {levels!r}, expected numbers of users such as (1, 2, 5)")
        object.__setattr__(self, "levels", tuple(levels))
        for number, users in enumerate(self.levels, 1):
            require_users(f"levels: step {number}", users)
        require_seconds("dwell_s", self.dwell_s, SHORTEST_PHASE_S)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """One phase for each level."""
        return tuple(Phase(number * self.dwell_s, users) for number, users in enumerate(self.levels))

    @property
    def end_s(self) -> float:
        """The end of the last level."""
        return len(self.levels) * self.dwell_s

    def __str__(self) -> str:
        return f"{', '.join(f'{users:,}' for users in self.levels)} users, {self.dwell_s:g} s each"


@dataclass(frozen=True)
class Spike(Shape):
    """``base`` users, from ``from_s`` to ``to_s`` seconds ``peak`` users, then ``base`` again until ``duration_s``.

    Raises:
        ShapeError: base or peak has no user, the peak is not above the base, or the times are not in order.

    """

    base: int
    peak: int
    from_s: float
    to_s: float
    duration_s: float

    def __post_init__(self) -> None:
        require_users("base", self.base)
        require_users("peak", self.peak)
        if self.peak <= self.base:
            raise ShapeError(f"peak: found {self.peak:,} users, expected more than the base of {self.base:,}")
        for name in ("from_s", "to_s", "duration_s"):
            require_seconds(name, getattr(self, name), 0.0)
        for before, after in pairwise((0.0, self.from_s, self.to_s, self.duration_s)):
            if after - before < SHORTEST_PHASE_S:
                raise ShapeError(
                    f"from_s {self.from_s:g}, to_s {self.to_s:g}, duration_s {self.duration_s:g}: expected "
                    f"0 < from_s < to_s < duration_s, at least {SHORTEST_PHASE_S:g} s apart"
                )

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Base, peak, base."""
        return Phase(0.0, self.base), Phase(self.from_s, self.peak), Phase(self.to_s, self.base)

    @property
    def end_s(self) -> float:
        """The end of the second base."""
        return self.duration_s

    def __str__(self) -> str:
        return (
            f"{self.base:,} users, {self.peak:,} from {self.from_s:g} s to {self.to_s:g} s, "
            f"{self.base:,} until {self.duration_s:g} s"
        )


@dataclass(frozen=True)
class Soak(Shape):
    """``users`` users, started over the first ``ramp_s`` seconds, until ``duration_s`` seconds have passed.

    Raises:
        ShapeError: there is no user, or the ramp is negative or not over before the end.

    """

    users: int
    duration_s: float
    ramp_s: float = 0.0

    def __post_init__(self) -> None:
        require_users("users", self.users)
        require_seconds("duration_s", self.duration_s, SHORTEST_PHASE_S)
        require_seconds("ramp_s", self.ramp_s, 0.0)
        if self.ramp_s >= self.duration_s:
            raise ShapeError(f"ramp_s: found {self.ramp_s:g}, expected less than the duration of {self.duration_s:g} s")

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The one phase."""
        return (Phase(0.0, self.users),)

    @property
    def end_s(self) -> float:
        """The duration."""
        return self.duration_s

    def __str__(self) -> str:
        return f"{self.users:,} users for {self.duration_s:g} s, started over {self.ramp_s:g} s"


@dataclass(frozen=True)
class Phased(Shape):
    """Any phases, each a moment in seconds and the users from then on; until ``duration_s`` seconds.

    Raises:
        ShapeError: there is no phase, the first does not begin at 0 s, they are less than a second apart, or one has no
            user.

    """

    given: tuple[tuple[float, int], ...]
    duration_s: float

    def __post_init__(self) -> None:
        given: object = self.given  # a locustfile says what it likes
        if not isinstance(given, Sequence) or isinstance(given, str) or not given:
            raise ShapeError(f"phases: found {given!r}, expected pairs such as ((0, 10), (30, 50))")
        for number, pair in enumerate(given, 1):
            if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
                raise ShapeError(f"phases: step {number}: found {pair!r}, expected seconds and users such as (30, 50)")
            require_seconds(f"phases: step {number}", pair[0], 0.0)
            require_users(f"phases: step {number}", pair[1])
        require_seconds("duration_s", self.duration_s, SHORTEST_PHASE_S)
        moments = [float(from_s) for from_s, _ in given]
        if moments[0] != 0:
            raise ShapeError(f"phases: the first begins at {moments[0]:g} s, expected 0")
        if any(after - before < SHORTEST_PHASE_S for before, after in pairwise([*moments, self.duration_s])):
            raise ShapeError(
                f"phases begin at {', '.join(f'{moment:g}' for moment in moments)} s and end at {self.duration_s:g} s: "
                f"expected them in order, at least {SHORTEST_PHASE_S:g} s apart"
            )

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases as they were given."""
        return tuple(Phase(float(from_s), users) for from_s, users in self.given)

    @property
    def end_s(self) -> float:
        """The duration."""
        return self.duration_s

    def __str__(self) -> str:
        told = (f"{phase.users:,} from {phase.from_s:g} s" for phase in self.phases)
        return f"users: {', '.join(told)}, until {self.duration_s:g} s"


def require_users(name: str, users: object) -> None:
    """Require a whole number of at least one user; raises ``ShapeError``."""
    if not isinstance(users, int) or isinstance(users, bool) or users < 1:
        raise ShapeError(f"{name}: found {users!r} users, expected a whole number of at least 1")


def require_seconds(name: str, seconds: object, least: float) -> None:
    """Require a finite number of at least ``least`` seconds; raises ``ShapeError``."""
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not math.isfinite(seconds) or seconds < least:  # type: ignore[arg-type, operator]
        raise ShapeError(f"{name}: found {seconds!r} s, expected at least {least:g}")
