"""Arrival schedules: when the operations of an open-loop run are due, as pure functions of elapsed time.

A schedule numbers its arrivals from 0 in the order in which they are due. ``count(elapsed_s)`` says how many are due in
[0, ``elapsed_s``], ``offset_s(k)`` when the k-th is, in seconds after time zero (``inf``: never), and they agree:
``offset_s(k) <= elapsed_s`` exactly for the k below ``count(elapsed_s)``. Whoever asks gets the same answers, so
workers share a schedule out by number without talking to each other.

After vegeta's pacers (``lib/pacer.go``): a rate is integrated in closed form, and the schedule is the inverse.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeVar

from harness.words.errors import ScheduleError

NEVER = math.inf
MAX_RATE_RPS = 10_000_000.0
"""The highest rate that can be asked for. No machine delivers it; what is not delivered must still be counted."""

_S = TypeVar("_S", bound="Schedule")


class Schedule(ABC):
    """When operations are due."""

    @abstractmethod
    def count(self, elapsed_s: float) -> int:
        """Return how many arrivals are due in [0, ``elapsed_s``]."""

    @abstractmethod
    def offset_s(self, k: int) -> float:
        """Return the seconds after time zero at which arrival ``k``, counted from 0, is due; ``inf`` for never."""

    @property
    @abstractmethod
    def steady(self) -> bool:
        """Whether the rate that is asked for is the same throughout."""

    @property
    def digest(self) -> str:
        """SHA-256 of what the schedule is made of."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    @abstractmethod
    def prepared(self: _S, seed: str) -> _S:
        """Return the schedule ready for use: validated, its file read, ``seed`` taken where it has none of its own.

        Raises:
            ScheduleError: its values or its file cannot be used; one line says where, what was found and expected.

        """


class Rate(Schedule):
    """A rate that is known at every moment; as a schedule, arrival ``k`` is due when its integral comes to ``k``.

    So the first is due at time zero, and those of a constant rate come at equal intervals.
    """

    @abstractmethod
    def expected(self, elapsed_s: float) -> float:
        """Return the integral of the rate over [0, ``elapsed_s``]."""

    @abstractmethod
    def reached_s(self, expected: float) -> float:
        """Return the elapsed seconds at which ``expected()`` comes to ``expected``; ``inf`` where it never does."""

    def offset_s(self, k: int) -> float:
        """Return when arrival ``k`` is due, in seconds after time zero."""
        return self.reached_s(k)

    def count(self, elapsed_s: float) -> int:
        """Return how many arrivals are due in [0, ``elapsed_s``]."""
        if elapsed_s < 0:
            return 0
        return agree(self, math.floor(self.expected(elapsed_s)) + 1, elapsed_s)


def agree(schedule: Schedule, count: int, elapsed_s: float) -> int:
    """Return the count that agrees with ``offset_s`` to the last bit, given one that rounding left next to it."""
    while count > 0 and schedule.offset_s(count - 1) > elapsed_s:
        count -= 1
    while schedule.offset_s(count) <= elapsed_s:
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Constant(Rate):
    """``rate_rps`` operations a second, at equal intervals."""

    rate_rps: float

    @property
    def steady(self) -> bool:
        """It is."""
        return True

    def expected(self, elapsed_s: float) -> float:
        """Return rate x time."""
        return self.rate_rps * elapsed_s

    def reached_s(self, expected: float) -> float:
        """Return the elapsed seconds at which ``expected`` operations are."""
        return expected / self.rate_rps

    def prepared(self, seed: str) -> Constant:  # noqa: ARG002  # nothing is drawn
        """Return itself; raise ``ScheduleError`` unless the rate is above 0."""
        require_rate(self, "rate_rps", self.rate_rps, above_zero=True)
        return self


@dataclass(frozen=True, slots=True)
class Ramp(Rate):
    """A rate that goes from ``from_rps`` to ``to_rps`` in ``over_s`` seconds, in a straight line, and then stays."""

    from_rps: float
    to_rps: float
    over_s: float

    @property
    def steady(self) -> bool:
        """It is not."""
        return False

    def expected(self, elapsed_s: float) -> float:
        """Return the area under the line up to ``elapsed_s``."""
        ramped_s = min(elapsed_s, self.over_s)
        ramped = ramped_s * (self.from_rps + (self.to_rps - self.from_rps) * ramped_s / self.over_s / 2)
        return ramped + self.to_rps * (elapsed_s - ramped_s)

    def reached_s(self, expected: float) -> float:
        """Return the elapsed seconds at which that area is ``expected``."""
        beyond = expected - self.expected(self.over_s)
        if beyond > 0:
            return self.over_s + beyond / self.to_rps if self.to_rps > 0 else NEVER
        if expected <= 0:
            return 0.0
        # The root of a t + b t^2 / 2 = x in the form without cancellation, which holds for b = 0 as well.
        slope = (self.to_rps - self.from_rps) / self.over_s
        return 2 * expected / (self.from_rps + math.sqrt(max(0.0, self.from_rps**2 + 2 * slope * expected)))

    def prepared(self, seed: str) -> Ramp:  # noqa: ARG002  # nothing is drawn
        """Return itself; raise ``ScheduleError`` for a rate below 0, two rates of 0, or no time to ramp in."""
        for name in ("from_rps", "to_rps"):
            require_rate(self, name, getattr(self, name), above_zero=False)
        if self.from_rps == self.to_rps == 0:
            raise ScheduleError(f"{self}: found two rates of 0, expected one above 0")
        if not is_number(self.over_s) or not 0 < self.over_s < math.inf:
            raise ScheduleError(f"{self}: found over_s {self.over_s!r}, expected seconds above 0")
        return self


def is_number(value: object) -> bool:
    """Whether a value is a number, and no truth value, which Python takes for one."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def require_rate(schedule: Schedule, name: str, rate: float, *, above_zero: bool) -> None:
    """Raise ``ScheduleError`` unless ``rate`` is one that can be asked for."""
    if is_number(rate) and 0 <= rate <= MAX_RATE_RPS and (rate > 0 or not above_zero):
        return
    least = "above 0" if above_zero else "of at least 0"
    raise ScheduleError(
        f"{schedule}: found {name} {rate!r}, expected a number {least} and of at most {MAX_RATE_RPS:,.0f} a second"
    )
