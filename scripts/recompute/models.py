"""The three models of response time: least squares of relative errors, AICc, knee and saturation point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

NAMES = {"linear": "linear", "mmc": "M/M/c", "usl": "Universal Scalability Law"}
DRAWS = 2000
CLOSE = 2.0
"""AICc from the lowest up to which a model fits as well."""


@dataclass
class Model:
    """A model as it fits the levels; NaN where the levels do not tell."""

    name: str
    aicc: float = math.nan
    off_pct: float = math.nan
    why: str = ""
    knee: tuple[float, float, float] | str = "where the knee is the levels do not tell"
    saturation: tuple[float, float, float] | str = "where the saturation point is the levels do not tell"


def response(name: str, theta: np.ndarray, users: np.ndarray, think: float) -> np.ndarray:
    """Return the response time (ms) of each number of users."""
    if name == "linear":
        return theta[0] + theta[1] * users
    if name == "usl":
        return theta[0] + theta[1] * (users - 1) + theta[2] * users * (users - 1)
    service, servers = np.exp(theta)
    return mmc(service, servers, users, think)


def mmc(service: float, servers: float, users: np.ndarray, think: float) -> np.ndarray:
    """Return R of M/M/c with N customers who think, by its states (Kleinrock 1975); between whole N it is linear."""
    if think <= 0:
        return service * np.maximum(1.0, users / servers)
    whole = np.unique(np.concatenate((np.floor(users), np.ceil(users)))).astype(int)
    found = []
    for number in whole:
        k = np.arange(1, number + 1)
        busy = np.minimum(k, servers)
        log_weight = np.cumsum(np.log(number - k + 1) + math.log(service / think) - np.log(busy))
        weight = np.exp(log_weight - log_weight.max())
        found.append(service * (weight @ k) / (weight @ busy))
    return np.interp(users, whole, found)


def fitted(levels: pd.DataFrame) -> list[Model]:
    """Return the models fitted to ``users, rate, mean_ms``."""
    users, measured = levels["users"].to_numpy(float), levels["mean_ms"].to_numpy(float)
    think = float(np.median(1000 * users / levels["rate"] - measured)) if len(levels) else 0.0
    think = think if len(levels) and think > 0.02 * np.median(measured) else 0.0
    return [_fit(name, users, measured, think) for name in NAMES]


def _fit(name: str, users: np.ndarray, measured: np.ndarray, think: float) -> Model:
    size = 3 if name == "usl" else 2
    if len(np.unique(users)) < size + 2:
        return Model(name, why=f"{NAMES[name]} needs {size + 2} levels of users, there are {len(np.unique(users))}")
    theta, jac, cost = _least_squares(name, users, measured, think)
    n, freedom = len(users), len(users) - size
    model = Model(name, off_pct=100 * math.sqrt(2 * cost / n))
    k = size + 1
    if n >= size + 3:
        model.aicc = n * math.log(2 * cost / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    covariance = 2 * cost / freedom * np.linalg.pinv(jac.T @ jac)
    if np.linalg.matrix_rank(jac) < size or (name == "mmc" and np.sqrt(np.diag(covariance)).max() > 2):
        return model
    random = np.random.default_rng(0)
    normal = random.multivariate_normal(np.zeros(size), covariance, size=DRAWS, method="svd")
    draws = theta + normal * np.sqrt(freedom / random.chisquare(freedom, size=(DRAWS, 1)))
    if name != "mmc":
        draws = np.maximum(draws, [1e-9, *[0.0] * (size - 1)])
    some = draws if name != "mmc" or think <= 0 else draws[:100]
    model.knee = _inside("knee", [_knee(name, each, think) for each in (theta, *draws)], users)
    found = [_saturation(name, each, users, think, 400) for each in some]
    model.saturation = _inside("saturation point", [_saturation(name, theta, users, think, 1600), *found], users)
    return model


def _least_squares(name: str, users: np.ndarray, measured: np.ndarray, think: float) -> tuple:
    def off(theta: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(response(name, theta, users, think), 1e-9) / measured)

    if name == "mmc":
        base = measured.min()
        starts = [np.log([base, max(q / (1 + think / base), 0.5)]) for q in np.quantile(users, (0.1, 0.35, 0.6, 0.85))]
        low: float = -math.inf
    else:
        columns = [np.ones_like(users), users] if name == "linear" else [users**0, users - 1, users * (users - 1)]
        start, _ = optimize.nnls(np.stack(columns, 1) / measured[:, None], np.ones_like(users))
        starts, low = [np.maximum(start, 1e-6 * measured.min() / users.max() ** np.arange(len(columns)))], 0.0
    scale = [1.0 if name == "mmc" else np.maximum(start, 1e-9) for start in starts]
    found = [
        optimize.least_squares(off, start, bounds=(low, math.inf), x_scale=by, xtol=1e-10, ftol=1e-10)
        for start, by in zip(starts, scale, strict=True)
    ]
    best = min(found, key=lambda each: each.cost)
    return best.x, best.jac, float(best.cost)


def _knee(name: str, theta: np.ndarray, think: float) -> float:
    """Return the users with the highest throughput / response time; for M/M/c where the asymptotes meet."""
    if name == "mmc":
        service, servers = np.exp(theta)
        return servers * (1 + think / service)
    if name == "linear":
        return math.sqrt(theta[0] * (theta[0] + think)) / theta[1] if theta[1] > 0 else math.inf
    if theta[1] <= 0 and theta[2] <= 0:
        return math.inf

    def slope(log_n: float) -> float:
        n = math.exp(log_n)
        r = max(float(response("usl", theta, np.array(n), think)), 1e-9)
        grows = theta[1] + theta[2] * (2 * n - 1)
        return 1 - n * grows / (r + think) - n * grows / r

    if slope(0.0) <= 0:
        return 1.0
    return math.inf if slope(18.0) > 0 else math.exp(optimize.brentq(slope, 0.0, 18.0, xtol=1e-12))


def _saturation(name: str, theta: np.ndarray, users: np.ndarray, think: float, points: int) -> float:
    """Return the fewest users with nine tenths of the highest throughput that the model allows."""
    if name == "linear":
        limit = 1000 / theta[1] if theta[1] > 0 else math.inf
    elif name == "mmc":
        limit = 1000 * math.exp(theta[1] - theta[0])
    elif theta[2] > 0:
        peak = max(math.sqrt(max(theta[0] + think - theta[1], 0) / theta[2]), 1.0)
        limit = 1000 * peak / (float(response(name, theta, np.array(peak), think)) + think)
    else:
        limit = 1000 / theta[1] if theta[1] > 0 else math.inf
    grid = np.linspace(users.min(), users.max(), points)
    reached = 1000 * grid / (np.maximum(response(name, theta, grid, think), 1e-9) + think) >= 0.9 * limit
    return float(grid[np.argmax(reached)]) if reached.any() else math.inf


def _inside(name: str, found: list[float], users: np.ndarray) -> tuple[float, float, float] | str:
    value, draws = found[0], np.array(found[1:])
    if value > users.max():
        return f"the {name} lies beyond the {users.max():,.0f} users measured"
    if value < users.min():
        return f"the {name} lies below the {users.min():,.0f} users measured"
    low, high = np.quantile(draws, (0.025, 0.975), method="nearest")
    return value, float(low), float(high)
