"""Models fitted to levels of load: parameters with intervals, AICc, residuals, knee and saturation point.

Errors are taken to be relative: the sum of squared log(measured / modelled) is made least. Parameters have simultaneous
95 % intervals: all of a model's hold together with that confidence (Student's t, Bonferroni). The knee is the number of
users with the highest power, throughput / response time (Kleinrock, "Power and deterministic rules of thumb", ICC
1979), for M/M/c where its asymptotes meet. The saturation point is the fewest users with 90 %* of the highest
throughput the model allows. Both have 95 % intervals from a parametric bootstrap, and are reported inside the measured
range of users only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from analysis.statistics.models import LINEAR, MMC, MODELS, Floats, Model

CONFIDENCE = 0.95
DRAWS = 2000
SATURATED = 0.9
"""Share of the highest throughput from which a system counts as saturated."""
NO_THINKING = 0.02
"""Share of the response time below which measured think time is taken for 0: measuring errors are of that size."""
_GRID = 400


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
        if self.theta is None or points <= count + 1:
            return math.nan
        rss = max(self.rss, points * 1e-24)  # a perfect fit, of made-up data, has no logarithm
        return points * math.log(rss / points) + 2 * count + 2 * count * (count + 1) / (points - count - 1)

    @property
    def limit_rps(self) -> float:
        """Return the throughput no number of users exceeds; infinity where there is none, NaN without a fit."""
        return math.nan if self.theta is None else float(self.model.limit_rps(self.theta, self.think_ms))

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
        return float(stats.t.ppf(1 - (1 - CONFIDENCE) / 2 / together, freedom))


def fit_models(
    levels: pd.DataFrame, column: str = "mean_ms", think_ms: float | None = None, seed: int = 0
) -> list[Fit]:
    """Return the fits of all models to ``column`` of ``levels`` (as from ``load_levels``), in the order of ``MODELS``.

    ``levels`` need ``users`` and ``column``. ``think_ms`` is what users do between operations; None takes the median of
    the column ``think_ms``, 0 where there is none. The models are of means: of a percentile a fit describes, but does
    not explain.
    """
    known = levels[(levels["users"] > 0) & (levels[column] > 0)]
    users, measured = known["users"].to_numpy(dtype=np.float64), known[column].to_numpy(dtype=np.float64)
    think = _think_ms(known, column) if think_ms is None else think_ms
    return [_fit(model, users, measured, think, seed) for model in MODELS]


def best_fit(fits: Sequence[Fit]) -> Fit | None:
    """Return the fit with the lowest AICc; None where no fit has one."""
    known = [fit for fit in fits if math.isfinite(fit.aicc)]
    return min(known, key=lambda fit: fit.aicc) if known else None


def _think_ms(levels: pd.DataFrame, column: str) -> float:
    if "think_ms" not in levels or levels.empty:
        return 0.0
    think = float(np.nanmedian(levels["think_ms"])) if levels["think_ms"].notna().any() else 0.0
    return think if think > NO_THINKING * float(levels[column].median()) else 0.0


def _fit(model: Model, users: Floats, measured: Floats, think_ms: float, seed: int) -> Fit:
    """Return the fit of one model, with knee and saturation point."""
    fit = Fit(model, users, measured, think_ms)
    need = len(model.parameters) + 2
    if len(np.unique(users)) < need:
        return _without(fit, f"{model.label} needs {need} levels of users, there are {len(np.unique(users))}")
    found = min((_least_squares(fit, start) for start in _starts(fit)), key=lambda result: float(result.cost))
    slopes, freedom = found.jac, len(users) - len(found.x)
    variance = 2 * float(found.cost) / freedom
    if np.linalg.matrix_rank(slopes) < len(found.x):
        fixed = Fit(model, users, measured, think_ms, "", found.x)
        return _without(fixed, "the levels measured do not tell all parameters of the model")
    covariance = variance * np.linalg.inv(slopes.T @ slopes)
    whole = Fit(model, users, measured, think_ms, "", found.x, covariance)
    return _located(whole, _draws(whole, np.random.default_rng(seed)))


def _without(fit: Fit, missing: str) -> Fit:
    return Fit(fit.model, fit.users, fit.measured_ms, fit.think_ms, missing, fit.theta, fit.covariance)


def _least_squares(fit: Fit, start: Floats) -> optimize.OptimizeResult:
    def residuals(theta: Floats) -> Floats:
        modelled = fit.model.response_ms(theta, fit.users, fit.think_ms)
        return np.asarray(np.log(np.maximum(modelled, 1e-9) / fit.measured_ms))

    low = -np.inf if fit.model.logarithmic else 0.0
    scale = 1.0 if fit.model.logarithmic else np.maximum(start, 1e-9)
    return optimize.least_squares(residuals, start, bounds=(low, np.inf), x_scale=scale, xtol=1e-10, ftol=1e-10)


def _starts(fit: Fit) -> list[Floats]:
    """Return where the search begins: least squares of the coefficients, or a few numbers of servers."""
    users, measured, think_ms = fit.users, fit.measured_ms, fit.think_ms
    if fit.model is MMC:
        base = float(measured.min())
        knees = np.quantile(users, (0.1, 0.35, 0.6, 0.85))
        return [np.log([base, max(knee / (1 + think_ms / base), 0.5)]) for knee in knees]
    ones = np.ones_like(users)
    columns = [ones, users] if fit.model is LINEAR else [ones, users - 1, users * (users - 1)]
    found, _ = optimize.nnls(np.stack(columns, axis=1) / measured[:, np.newaxis], ones)
    tiny = 1e-6 * float(measured.min()) / np.array([1.0, users.max(), users.max() ** 2])[: len(columns)]
    return [np.maximum(found, tiny)]


def _draws(fit: Fit, random: np.random.Generator) -> Floats:
    """Return parameters as other runs of the same kind would have given them: multivariate t around the fit."""
    assert fit.theta is not None
    assert fit.covariance is not None
    freedom = len(fit.users) - len(fit.theta)
    normal = random.multivariate_normal(np.zeros(len(fit.theta)), fit.covariance, size=DRAWS, method="svd")
    draws: Floats = fit.theta + normal * np.sqrt(freedom / random.chisquare(freedom, size=(DRAWS, 1)))
    return draws if fit.model.logarithmic else np.maximum(draws, [1e-9, *[0.0] * (len(fit.theta) - 1)])


def _located(fit: Fit, draws: Floats) -> Fit:
    """Return the fit with knee and saturation point."""
    assert fit.theta is not None
    knee, why_knee = _inside(
        "knee",
        float(fit.model.knee_users(fit.theta, fit.think_ms)),
        fit.model.knee_users(draws, fit.think_ms),
        fit.users,
    )
    some = draws[: DRAWS if fit.think_ms <= 0 or fit.model is not MMC else 100]  # summed up state by state: 1 ms each
    saturation, why_saturation = _inside(
        "saturation point", float(_saturation(fit, fit.theta[np.newaxis])[0]), _saturation(fit, some), fit.users
    )
    missing = "; ".join(why for why in (why_knee, why_saturation) if why)
    return Fit(
        fit.model, fit.users, fit.measured_ms, fit.think_ms, missing, fit.theta, fit.covariance, knee, saturation
    )


def _inside(name: str, value: float, draws: Floats, users: Floats) -> tuple[Estimate, str]:
    """Return an estimate, unknown with the reason where it lies outside the users that were measured."""
    if value > users.max():
        return UNKNOWN, f"the {name} lies beyond the {users.max():,.0f} users measured"
    if value < users.min():
        return UNKNOWN, f"the {name} lies below the {users.min():,.0f} users measured"
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="nearest")
    return Estimate(value, float(low), float(high)), ""


def _saturation(fit: Fit, theta: Floats) -> Floats:
    """Return the fewest users that reach ``SATURATED`` of the limit, infinity where none measured do."""
    limit = fit.model.limit_rps(theta, fit.think_ms)
    grid = np.linspace(fit.users.min(), fit.users.max(), _GRID if len(theta) > 1 else 4 * _GRID)
    response = np.maximum(fit.model.response_ms(theta, grid, fit.think_ms), 1e-9)
    reached = 1000 * grid / (response + fit.think_ms) >= SATURATED * limit[:, np.newaxis]
    return np.where(reached.any(axis=1), grid[np.argmax(reached, axis=1)], np.inf)


def fit_table(fits: Sequence[Fit]) -> pd.DataFrame:
    """Return one row per model: how well it fits, and what it says.

    Columns: ``model, label, points``, ``rmse_pct`` (typical relative error), ``aicc``, ``delta_aicc`` (to the best),
    ``weight`` (Akaike's, of all that have an AICc), ``think_ms``, ``limit_rps``, ``knee_users, knee_low, knee_high``,
    ``saturation_users, saturation_low, saturation_high``, ``missing``.
    """
    rows = [
        {
            "model": fit.model.name,
            "label": fit.model.label,
            "points": len(fit.users),
            "rmse_pct": 100 * math.sqrt(fit.rss / len(fit.users)) if fit.theta is not None else math.nan,
            "aicc": fit.aicc,
            "think_ms": fit.think_ms,
            "limit_rps": fit.limit_rps,
            "knee_users": fit.knee.value,
            "knee_low": fit.knee.low,
            "knee_high": fit.knee.high,
            "saturation_users": fit.saturation.value,
            "saturation_low": fit.saturation.low,
            "saturation_high": fit.saturation.high,
            "missing": fit.missing,
        }
        for fit in fits
    ]
    frame = pd.DataFrame(rows)
    delta = frame["aicc"] - frame["aicc"].min()
    weight = np.exp(-delta / 2)
    frame.insert(5, "delta_aicc", delta)
    frame.insert(6, "weight", weight / weight.sum())
    return frame


def parameter_table(fits: Sequence[Fit]) -> pd.DataFrame:
    """Return one row per model and parameter: ``model, parameter, unit, meaning, value, low, high``."""
    rows = [
        (fit.model.name, parameter.name, parameter.unit, parameter.meaning, found.value, found.low, found.high)
        for fit in fits
        for parameter, found in zip(fit.model.parameters, fit.parameters(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "parameter", "unit", "meaning", "value", "low", "high"])


def residual_table(fits: Sequence[Fit]) -> pd.DataFrame:
    """Return one row per model and level: ``model, users, measured_ms, fitted_ms, residual_pct`` of the fitted."""
    frames = [
        pd.DataFrame(
            {
                "model": fit.model.name,
                "users": fit.users,
                "measured_ms": fit.measured_ms,
                "fitted_ms": fit.response_ms(fit.users),
                "residual_pct": 100 * (fit.measured_ms / fit.response_ms(fit.users) - 1),
            }
        )
        for fit in fits
        if fit.theta is not None
    ]
    names = ["model", "users", "measured_ms", "fitted_ms", "residual_pct"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)


def fitted_curves(fits: Sequence[Fit], points: int = 200) -> pd.DataFrame:
    """Return the modelled curves over the measured range: ``model, label, users, response_ms, throughput_rps``."""
    frames = []
    for fit in fits:
        if fit.theta is not None:
            users = np.linspace(fit.users.min(), fit.users.max(), points)
            columns = {
                "users": users,
                "response_ms": fit.response_ms(users),
                "throughput_rps": fit.throughput_rps(users),
            }
            frames.append(pd.DataFrame({"model": fit.model.name, "label": fit.model.label, **columns}))
    names = ["model", "label", "users", "response_ms", "throughput_rps"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=names)
