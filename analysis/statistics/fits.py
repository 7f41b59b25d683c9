"""Models fitted to levels of load: parameters with intervals, AICc, residuals, knee and saturation point.

Errors are taken to be relative: the sum of squared log(measured / modelled) is made least. Parameters have simultaneous
95 % intervals: all of a model's hold together with that confidence (Student's t, Bonferroni). The knee is the number of
users with the highest power, throughput / response time (Kleinrock, "Power and deterministic rules of thumb", ICC
1979), for M/M/c where its asymptotes meet. The saturation point is the fewest users with 90 %* of the limit, the
highest throughput the model allows. All three have 95 % intervals from a parametric bootstrap. Knee and saturation
point are reported inside the measured range of users only, the limit where the ends of its interval are within a
factor of 4*: latency that hardly grows tells no limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import optimize

from analysis.statistics.fit import CONFIDENCE, UNKNOWN, Estimate, Fit, aicc_needs
from analysis.statistics.models import LINEAR, MMC, MODELS, Floats, Model

DRAWS = 2000
SATURATED = 0.9
"""Share of the highest throughput from which a system counts as saturated."""
NO_THINKING = 0.02
"""Share of the response time below which measured think time is taken for 0: measuring errors are of that size."""
VAGUE = 2.0
"""Standard error of a parameter's logarithm from which it counts as unknown: it may be seven times as large."""
CLOSE = 2.0
"""AICc from the lowest up to which a model fits as well (Burnham & Anderson, Model Selection, 2002, section 2.6)."""
LIMIT_WITHIN = 4.0
"""Highest ratio of the ends of the limit's interval with which it counts as known."""
_GRID = 400


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


def ranked_fits(fits: Sequence[Fit]) -> list[Fit]:
    """Return the fits that have an AICc, the lowest first; of those that are the same fit, the simpler model.

    Where latency does not depend on users all models are one: their AICc differ by what floats leave over.
    """
    return sorted((fit for fit in fits if math.isfinite(fit.aicc)), key=lambda fit: round(fit.aicc, 6))


def best_fit(fits: Sequence[Fit]) -> Fit | None:
    """Return the fit with the lowest AICc; None where no fit has one, or another is within ``CLOSE`` of it."""
    ranked = ranked_fits(fits)
    return ranked[0] if ranked and not close_fits(fits) else None


def close_fits(fits: Sequence[Fit]) -> list[Fit]:
    """Return the fits that the data cannot tell apart, the lowest AICc first; none where one is the best."""
    ranked = ranked_fits(fits)
    close = [fit for fit in ranked if fit.aicc - ranked[0].aicc <= CLOSE]
    return close if len(close) > 1 else []


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
    told = np.linalg.matrix_rank(slopes) == len(found.x)
    covariance = variance * np.linalg.pinv(slopes.T @ slopes)
    if not told or (model.logarithmic and np.sqrt(np.diag(covariance)).max() > VAGUE):
        why = ("the levels measured do not tell all parameters of the model", _no_aicc(fit))
        return replace(fit, theta=found.x, missing="; ".join(each for each in why if each))
    whole = replace(fit, theta=found.x, covariance=covariance)
    return _located(whole, _draws(whole, np.random.default_rng(seed)))


def _without(fit: Fit, missing: str) -> Fit:
    return replace(fit, missing=missing)


def _no_aicc(fit: Fit) -> str:
    need, there = aicc_needs(fit.model), len(fit.users)
    return f"AICc needs {need} levels of users for {fit.model.label}, there are {there}" if there < need else ""


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
    """Return the fit with knee, saturation point and limit."""
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
    limit, why_limit = _limit(fit, draws)
    missing = "; ".join(why for why in (why_knee, why_saturation, why_limit, _no_aicc(fit)) if why)
    return replace(fit, missing=missing, knee=knee, saturation=saturation, limit=limit)


def _limit(fit: Fit, draws: Floats) -> tuple[Estimate, str]:
    """Return the highest throughput, unknown with the reason where its interval is wide: the levels do not tell it."""
    assert fit.theta is not None
    low, high = _quantiles(fit.model.limit_rps(draws, fit.think_ms))
    if not high <= LIMIT_WITHIN * low:
        return UNKNOWN, f"no limit of throughput shows up to the {fit.users.max():,.0f} users measured"
    return Estimate(float(fit.model.limit_rps(fit.theta, fit.think_ms)), low, high), ""


def _quantiles(draws: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method="nearest")
    return float(low), float(high)


def _inside(name: str, value: float, draws: Floats, users: Floats) -> tuple[Estimate, str]:
    """Return an estimate, unknown with the reason where it lies outside the users that were measured."""
    if value > users.max():
        return UNKNOWN, f"the {name} lies beyond the {users.max():,.0f} users measured"
    if value < users.min():
        return UNKNOWN, f"the {name} lies below the {users.min():,.0f} users measured"
    return Estimate(value, *_quantiles(draws)), ""


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
    ``weight`` (Akaike's, of all that have an AICc), ``best`` (whether it is by more than ``CLOSE``), ``think_ms``,
    ``limit_rps, limit_low, limit_high``, ``knee_users, knee_low, knee_high``, ``saturation_users, saturation_low,
    saturation_high``, ``missing``: why a number is NaN.
    """
    rows = [
        {
            "model": fit.model.name,
            "label": fit.model.label,
            "points": len(fit.users),
            "rmse_pct": 100 * math.sqrt(fit.rss / len(fit.users)) if fit.theta is not None else math.nan,
            "aicc": fit.aicc,
            "think_ms": fit.think_ms,
            "limit_rps": fit.limit.value,
            "limit_low": fit.limit.low,
            "limit_high": fit.limit.high,
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
    best = best_fit(fits)
    frame.insert(7, "best", [fit is best for fit in fits])
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


__all__ = [
    "CLOSE", "CONFIDENCE", "DRAWS", "LIMIT_WITHIN", "NO_THINKING", "SATURATED", "UNKNOWN", "VAGUE", "Estimate", "Fit",
    "best_fit", "close_fits", "fit_models", "fit_table", "fitted_curves", "parameter_table", "ranked_fits",
    "residual_table",
]  # fmt: skip
