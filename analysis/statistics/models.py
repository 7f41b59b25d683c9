"""Three models of response time against concurrent users: linear, M/M/c, Universal Scalability Law.

Users send, wait for the answer, think for ``think_ms`` and send again, so throughput is N / (R + Z) in each of them.
All times are milliseconds here, throughput is per second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_USERS = 100_000
"""Users up to which the M/M/c model is summed up state by state."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a model: name, unit, what it says."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model of response time.

    ``response_ms(theta, users, think_ms)`` takes internal parameters, in which the fit is done; ``theta`` may have
    leading axes, users stand in the last one. ``reported(theta, think_ms)`` gives what ``parameters`` describe.
    ``limit_rps`` is the throughput no number of users exceeds, infinity where there is none.
    """

    name: str
    label: str
    parameters: tuple[Parameter, ...]
    response_ms: Callable[[Floats, Floats, float], Floats]
    reported: Callable[[Floats, float], Floats]
    limit_rps: Callable[[Floats, float], Floats]
    knee_users: Callable[[Floats, float], Floats]
    logarithmic: bool  # internal parameters are logarithms; else they are coefficients, not below 0


def _linear(theta: Floats, users: Floats, _: float) -> Floats:
    found: Floats = theta[..., :1] + theta[..., 1:2] * users
    return found


def _usl(theta: Floats, users: Floats, _: float) -> Floats:
    """N / X - Z is linear in the coefficients 1/λ - Z, σ/λ, κ/λ."""
    found: Floats = theta[..., :1] + theta[..., 1:2] * (users - 1) + theta[..., 2:3] * users * (users - 1)
    return found


def _usl_reported(theta: Floats, think_ms: float) -> Floats:
    cycle = theta[..., 0] + think_ms
    return np.stack([1000 / cycle, theta[..., 1] / cycle, theta[..., 2] / cycle], axis=-1)


def _usl_peak(theta: Floats, think_ms: float) -> Floats:
    """Return the users at which throughput is highest: sqrt((1 - σ) / κ)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        peak: Floats = np.sqrt(np.maximum(theta[..., 0] + think_ms - theta[..., 1], 0.0) / theta[..., 2])
    return np.where(theta[..., 2] > 0, np.maximum(peak, 1.0), np.inf)


def _usl_limit(theta: Floats, think_ms: float) -> Floats:
    peak = np.minimum(_usl_peak(theta, think_ms), 1e9)[..., np.newaxis]
    with np.errstate(divide="ignore"):
        limit: Floats = 1000 * peak[..., 0] / (_usl(theta, peak, think_ms)[..., 0] + think_ms)
    return np.where((theta[..., 1] > 0) | (theta[..., 2] > 0), limit, np.inf)


def mmc_response(service_ms: Floats, servers: Floats, users: Floats, think_ms: float) -> Floats:
    """Return the mean response time of ``users`` users in front of ``servers`` exponential servers (M/M/c//N).

    Without think time all users are always at the servers: S x max(1, N / c), exactly. With it, the
    states k = 0 ... N at the servers have weights w(k) = w(k - 1) (N - k + 1) S / (Z min(k, c)), and R follows from
    throughput, c busy servers' worth of it. A fraction of a server serves with that fraction of the speed.
    Source: Kleinrock, Queueing Systems I (1975), section 3.10. Shapes broadcast; users stand in the last axis.
    """
    service, count = np.broadcast_arrays(service_ms, servers)
    if think_ms <= 0:
        found: Floats = service[..., np.newaxis] * np.maximum(1.0, users / count[..., np.newaxis])
        return found
    flat_s, flat_c = service.ravel(), count.ravel()
    rows = [_finite_source(float(s), float(c), users, think_ms) for s, c in zip(flat_s, flat_c, strict=True)]
    return np.asarray(rows).reshape(*service.shape, len(users))


def _finite_source(service_ms: float, servers: float, users: Floats, think_ms: float) -> Floats:
    """Return R of each number of users; of a fraction of a user, between its neighbours."""
    top = int(min(np.ceil(users.max()), MOST_USERS))
    whole = np.unique(np.concatenate((np.floor(users), np.ceil(users)))).astype(np.int64)
    k = np.arange(1, top + 1)
    busy = np.minimum(k, servers)
    # ln(N - k + 1) of all N and k at once is the same table for every call: of one N it is the end of ln(top ... 1).
    logs = np.log(np.arange(top, 0, -1.0))
    weights = np.full((len(whole), top), -np.inf)
    for row, number in enumerate(whole):
        weights[row, :number] = logs[top - number :]
    weights = np.cumsum(weights + (np.log(service_ms / think_ms) - np.log(busy)), axis=1)
    weights = np.exp(weights - np.maximum(weights.max(axis=1, keepdims=True), 0.0))
    between: Floats = np.interp(users, whole, service_ms * (weights @ k) / (weights @ busy))
    return between


def _mmc(theta: Floats, users: Floats, think_ms: float) -> Floats:
    values = np.exp(theta)
    return mmc_response(values[..., 0], values[..., 1], users, think_ms)


def _linear_knee(theta: Floats, think_ms: float) -> Floats:
    """Return the argmax of N / (R (R + Z)), R = a + bN: b²N² = a (a + Z)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        knee: Floats = np.sqrt(theta[..., 0] * (theta[..., 0] + think_ms)) / theta[..., 1]
    return np.where(theta[..., 1] > 0, knee, np.inf)


def _mmc_knee(theta: Floats, think_ms: float) -> Floats:
    """Return where the asymptotes R = S and R = NS/c - Z meet (Lazowska et al., Quantitative System Performance,
    5.2).
    """
    values = np.exp(theta)
    knee: Floats = values[..., 1] * (1 + think_ms / values[..., 0])
    return knee


def _usl_knee(theta: Floats, think_ms: float) -> Floats:
    """Return the argmax of N / (R (R + Z)): in closed form without think time, else by bisection of its derivative."""
    low, high = np.zeros(theta.shape[:-1]), np.full(theta.shape[:-1], 18.0)  # logarithms: 1 to 6.6e7 users
    grows = (theta[..., 1] > 0) | (theta[..., 2] > 0)
    for _ in range(50):
        middle = (low + high) / 2
        rising = _power_slope(theta, np.exp(middle), think_ms) > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.where(grows, np.exp(low), np.inf)


def _power_slope(theta: Floats, users: Floats, think_ms: float) -> Floats:
    """Return d log(X / R) / d log N under the USL."""
    response = np.maximum(_usl(theta, users[..., np.newaxis], think_ms)[..., 0], 1e-9)
    cycle = response + think_ms
    slope = theta[..., 1] + theta[..., 2] * (2 * users - 1)
    found: Floats = 1 - users * slope / cycle - users * slope / response
    return found


LINEAR = Model(
    "linear",
    "linear",
    (
        Parameter("base_ms", "ms", "response time without other users"),
        Parameter("slope_ms", "ms per user", "what each user adds"),
    ),
    _linear,
    lambda theta, _: theta,
    lambda theta, _: np.where(theta[..., 1] > 0, 1000 / np.maximum(theta[..., 1], 1e-300), np.inf),
    _linear_knee,
    logarithmic=False,
)
MMC = Model(
    "mmc",
    "M/M/c",
    (
        Parameter("service_ms", "ms", "time of one operation at a free server"),
        Parameter("servers", "", "operations served at the same time"),
    ),
    _mmc,
    lambda theta, _: np.exp(theta),
    lambda theta, _: 1000 * np.exp(theta[..., 1] - theta[..., 0]),
    _mmc_knee,
    logarithmic=True,
)
USL = Model(
    "usl",
    "Universal Scalability Law",
    (
        Parameter("rate_rps", "per second and user", "throughput of one user"),
        Parameter("contention", "", "share that cannot be done side by side (σ)"),
        Parameter("coherency", "", "cost of agreeing, per pair of users (κ)"),
    ),
    _usl,
    _usl_reported,
    _usl_limit,
    _usl_knee,
    logarithmic=False,
)
MODELS: Sequence[Model] = (LINEAR, MMC, USL)
"""Sources: M/M/c, Kleinrock (1975); Universal Scalability Law, Gunther, Guerrilla Capacity Planning (2007), chapter
4.
"""
