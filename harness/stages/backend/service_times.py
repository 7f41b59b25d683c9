"""How long a backend serves one call: distributions that draw from a seeded generator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Protocol


class ServiceTimes(Protocol):
    """A distribution of service times."""

    @property
    def mean_ms(self) -> float:
        """The mean of all draws in milliseconds; inf where it has none."""

    def draw_s(self, random: Random) -> float:
        """Return the next service time in seconds; equal generators give equal times."""


@dataclass(frozen=True, slots=True)
class Constant:
    """The same time for every call. Raises ValueError unless positive."""

    ms: float

    def __post_init__(self) -> None:
        _check(self, 0 < self.ms < math.inf, "a positive time")

    @property
    def mean_ms(self) -> float:
        """The time itself."""
        return self.ms

    def draw_s(self, random: Random) -> float:  # noqa: ARG002 -- as the others
        """Return the time in seconds."""
        return self.ms / 1000


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Log-normal around ``median_ms``; ``sigma`` is the standard deviation of the logarithm.

    Raises ValueError unless the median is positive and sigma 0 or more.
    """

    median_ms: float
    sigma: float = 0.0

    def __post_init__(self) -> None:
        _check(self, 0 < self.median_ms < math.inf and self.sigma >= 0, "a positive median and a sigma of 0 or more")

    @property
    def mean_ms(self) -> float:
        """``median * exp(sigma² / 2)``."""
        return self.median_ms * math.exp(self.sigma**2 / 2)

    def draw_s(self, random: Random) -> float:
        """Return the next service time in seconds."""
        return random.lognormvariate(math.log(self.median_ms / 1000), self.sigma)


@dataclass(frozen=True, slots=True)
class Pareto:
    """Pareto from ``minimum_ms`` on: P(longer than t) = (minimum / t) ** alpha, cut off at ``cap_ms``.

    The smaller ``alpha``, the heavier the tail; without a cap the mean is inf for an alpha of 1 or less. Raises
    ValueError unless minimum and alpha are positive and the cap is at least the minimum.
    """

    minimum_ms: float
    alpha: float
    cap_ms: float = math.inf

    def __post_init__(self) -> None:
        sound = 0 < self.minimum_ms < math.inf and 0 < self.alpha < math.inf and self.cap_ms >= self.minimum_ms
        _check(self, sound, "a positive minimum and alpha, and a cap of at least the minimum")

    @property
    def mean_ms(self) -> float:
        """The mean of the capped time: minimum plus the integral of P(longer than t) up to the cap."""
        low, high, alpha = self.minimum_ms, self.cap_ms, self.alpha
        if alpha == 1:
            return low + low * math.log(high / low)
        if high == math.inf:
            return low * alpha / (alpha - 1) if alpha > 1 else math.inf
        return low + (low - high * math.pow(low / high, alpha)) / (alpha - 1)

    def draw_s(self, random: Random) -> float:
        """Return the next service time in seconds."""
        return min(self.minimum_ms * random.paretovariate(self.alpha), self.cap_ms) / 1000


@dataclass(frozen=True, slots=True)
class Bimodal:
    """Two kinds of calls: a share ``slow_share`` takes ``slow_ms``, the others ``fast_ms``.

    Raises ValueError unless both times are positive and the share is within 0-1.
    """

    fast_ms: float
    slow_ms: float
    slow_share: float

    def __post_init__(self) -> None:
        sound = 0 < self.fast_ms < math.inf and 0 < self.slow_ms < math.inf and 0 <= self.slow_share <= 1
        _check(self, sound, "positive times and a share within 0-1")

    @property
    def mean_ms(self) -> float:
        """The mean of both, weighted by the share."""
        return self.fast_ms + (self.slow_ms - self.fast_ms) * self.slow_share

    def draw_s(self, random: Random) -> float:
        """Return the next service time in seconds."""
        return (self.slow_ms if random.random() < self.slow_share else self.fast_ms) / 1000


def _check(times: object, sound: bool, expected: str) -> None:
    if not sound:
        raise ValueError(f"service times: expected {expected}; found {times}")
