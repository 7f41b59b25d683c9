"""One model fitted to levels of load: what it says, and how well it fits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from analysis.statistics.models import Floats, Model

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval; NaN where it is not known."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Fit:
    """One model, fitted to ``measured_ms`` at ``users``. Without ``theta`` it could not be: ``missing`` says why."""

    model: Model
    users: Floats
    measured_ms: Floats
    think_ms: float
    missing: str = ""
    theta: Floats | None = None
    covariance: Floats | None = None
    knee: Estimate = UNKNOWN
    saturation: Estimate = UNKNOWN
    limit: Estimate = UNKNOWN

    @property
    def residuals(self) -> Floats:
        """Return log(measured / modelled) at each level."""
        return np.log(self.measured_ms / self.response_ms(self.users))

    @property
    def rss(self) -> float:
        """Return the sum of squared residuals."""
        return float((self.residuals**2).sum())

    @property
    def aicc(self) -> float:
        """Return Akaike's criterion, corrected for few points; NaN where there are too few for it.

        The variance counts as a parameter. Source: Hurvich & Tsai, Biometrika 76 (1989).
        """
        points, count = len(self.users), len(self.model.parameters) + 1
        if self.theta is None or points < aicc_needs(self.model):
            return math.nan
        rss = max(self.rss, points * 1e-24)  # a perfect fit, of made-up data, has no logarithm
        return points * math.log(rss / points) + 2 * count + 2 * count * (count + 1) / (points - count - 1)

    @property
    def limit_rps(self) -> float:
        """Return the throughput no number of users exceeds; NaN where the levels do not tell it."""
        return self.limit.value

    def response_ms(self, users: Floats) -> Floats:
        """Return the modelled response time; NaN without a fit."""
        if self.theta is None:
            return np.full(len(users), math.nan)
        return np.maximum(self.model.response_ms(self.theta, users, self.think_ms), 1e-9)

    def throughput_rps(self, users: Floats) -> Floats:
        """Return the modelled throughput; NaN without a fit."""
        found: Floats = 1000 * users / (self.response_ms(users) + self.think_ms)
        return found

    def parameters(self) -> list[Estimate]:
        """Return the model's parameters in its order, with simultaneous intervals; NaN where the levels do not tell
        them.
        """
        if self.theta is None or self.covariance is None:
            return [UNKNOWN] * len(self.model.parameters)
        values = self.model.reported(self.theta, self.think_ms)
        if self.model.logarithmic:
            slopes = np.eye(len(self.theta))
        else:
            steps = 1e-6 * np.maximum(self.theta, 1e-6)
            slopes = optimize.approx_fprime(self.theta, self.model.reported, steps, self.think_ms)
        spread = np.sqrt(np.diag(slopes @ self.covariance @ slopes.T)) * self._t(len(values))
        if self.model.logarithmic:
            ends = zip(np.exp(self.theta - spread), np.exp(np.minimum(self.theta + spread, 700)), strict=True)
        else:
            ends = zip(np.maximum(values - spread, 0.0), values + spread, strict=True)
        return [Estimate(float(v), float(low), float(high)) for v, (low, high) in zip(values, ends, strict=True)]

    def _t(self, together: int) -> float:
        freedom = len(self.users) - len(self.model.parameters)
        return float(special.stdtrit(freedom, 1 - (1 - CONFIDENCE) / 2 / together))


def aicc_needs(model: Model) -> int:
    """Return how many levels AICc needs: the correction divides by points - parameters - 1, variance included."""
    return len(model.parameters) + 3
