from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis.statistics import fits
from analysis.statistics.models import LINEAR, MMC, USL, Model, mmc_response

USERS = np.array([1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 200], dtype=np.float64)
SEEDS = 200
"""With 100, a test of intervals that hold in 95 of 100 cases would find fewer than 93 once in eight."""
RATE_RPS, CONTENTION, COHERENCY = 120.0, 0.05, 0.0004
GOLDEN = {
    "linear": (LINEAR, 5 + 0.8 * USERS, (5.0, 0.8), math.sqrt(5 * 5) / 0.8),
    "mmc": (MMC, 20 * np.maximum(1, USERS / 24), (20.0, 24.0), 24.0),
    "usl": (
        USL,
        1000 / RATE_RPS * (1 + CONTENTION * (USERS - 1) + COHERENCY * USERS * (USERS - 1)),
        (RATE_RPS, CONTENTION, COHERENCY),
        # 3κN² + (σ - κ)N - (1 - σ) = 0: the highest N / R²
        (-(CONTENTION - COHERENCY) + math.sqrt((CONTENTION - COHERENCY) ** 2 + 12 * COHERENCY * (1 - CONTENTION)))
        / (6 * COHERENCY),
    ),
}
"""Model, mean response time (ms) at ``USERS`` without think time, parameters, knee; each written out by hand."""


def noisy(response_ms: np.ndarray, seed: int, error: float = 0.05) -> pd.DataFrame:
    errors = np.random.default_rng(seed).normal(0, error, len(response_ms))
    return pd.DataFrame({"users": USERS, "mean_ms": response_ms * np.exp(errors)})


def fit_of(model: Model, levels: pd.DataFrame, think_ms: float = 0.0) -> fits.Fit:
    return next(fit for fit in fits.fit_models(levels, think_ms=think_ms) if fit.model is model)


@pytest.mark.slow
@pytest.mark.parametrize("name", GOLDEN)
def test_intervals_hold_the_known_parameters_and_the_knee_in_93_of_100_seeds(name: str) -> None:
    model, response_ms, parameters, knee = GOLDEN[name]
    all_inside, knee_inside = 0, 0
    for seed in range(SEEDS):
        fit = fits._fit(model, USERS, noisy(response_ms, seed)["mean_ms"].to_numpy(), 0.0, seed=0)
        found = fit.parameters()
        all_inside += all(each.low <= true <= each.high for each, true in zip(found, parameters, strict=True))
        knee_inside += fit.knee.low <= knee <= fit.knee.high
        assert all(each.high < 2 * each.value for each in found[:2]), "an interval that holds everything says nothing"
        assert fit.knee.high - fit.knee.low < knee

    # Over seeds 1000 to 1999: parameters 94.5 (linear), 96.1 (M/M/c), 94.8 % (USL); knee 94.7, 95.1, 95.0 %.
    assert all_inside >= 0.93 * SEEDS
    assert knee_inside >= 0.93 * SEEDS


@pytest.mark.parametrize("name", GOLDEN)
def test_the_model_the_data_came_from_has_the_lowest_aicc(name: str) -> None:
    model, response_ms, _, _ = GOLDEN[name]
    best = fits.best_fit(fits.fit_models(noisy(response_ms, seed=3), think_ms=0.0))

    assert best is not None
    assert best.model is model


@pytest.mark.parametrize("name", GOLDEN)
def test_parameters_of_data_without_noise_are_found_exactly(name: str) -> None:
    model, response_ms, parameters, knee = GOLDEN[name]
    fit = fit_of(model, noisy(response_ms, seed=0, error=0.0))

    assert [each.value for each in fit.parameters()] == pytest.approx(parameters, rel=1e-3)
    assert fit.knee.value == pytest.approx(knee, rel=1e-3)
    assert fit.response_ms(USERS) == pytest.approx(response_ms, rel=1e-3)


def test_usl_with_think_time_is_the_law_of_throughput() -> None:
    think_ms, rate_rps = 50.0, 15.0
    throughput = rate_rps * USERS / (1 + 0.03 * (USERS - 1) + 0.0005 * USERS * (USERS - 1))
    levels = pd.DataFrame({"users": USERS, "mean_ms": 1000 * USERS / throughput - think_ms})
    fit = fit_of(USL, levels, think_ms)

    assert [each.value for each in fit.parameters()] == pytest.approx((rate_rps, 0.03, 0.0005), rel=1e-3)
    assert fit.throughput_rps(USERS) == pytest.approx(throughput, rel=1e-4)


@pytest.mark.parametrize("servers", [1, 3])
def test_mmc_with_think_time_is_that_of_mean_value_analysis(servers: int) -> None:
    service_ms, think_ms, users = 20.0, 100.0, 12

    def response(count: int) -> float:  # the chain of states, solved as a linear system
        size = count + 1
        rates = np.zeros((size, size))
        for k in range(size):
            if k < count:
                rates[k, k + 1] = (count - k) / think_ms
            if k:
                rates[k, k - 1] = min(k, servers) / service_ms
        rates -= np.diag(rates.sum(axis=1))
        system = np.vstack([rates.T, np.ones(size)])
        share = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
        throughput = sum(share[k] * min(k, servers) / service_ms for k in range(size))
        return float(sum(share[k] * k for k in range(size)) / throughput)

    found = mmc_response(np.array(service_ms), np.array(float(servers)), np.arange(1.0, users + 1), think_ms)

    assert found == pytest.approx([response(count) for count in range(1, users + 1)], rel=1e-9)


def test_mmc_with_think_time_is_recovered() -> None:
    response_ms = mmc_response(np.array(20.0), np.array(16.0), USERS, 30.0)
    fit = fit_of(MMC, noisy(response_ms, seed=1, error=0.02), think_ms=30.0)
    service, servers = fit.parameters()

    assert service.low <= 20 <= service.high
    assert servers.low <= 16 <= servers.high
    assert fit.knee.low <= 16 * (1 + 30 / 20) <= fit.knee.high


def test_saturation_is_where_nine_tenths_of_the_highest_throughput_are_reached() -> None:
    fit = fit_of(MMC, noisy(GOLDEN["mmc"][1], seed=0, error=0.0))

    assert fit.saturation.value == pytest.approx(0.9 * 24, rel=0.01)
    assert fit.limit_rps == pytest.approx(24 / 0.020)


def test_a_knee_beyond_the_measured_users_is_not_reported() -> None:
    few = noisy(100 + 0.01 * USERS, seed=0, error=0.001)
    fit = fit_of(LINEAR, few)

    assert math.isnan(fit.knee.value)
    assert "the knee lies beyond the 200 users measured" in fit.missing


def test_latency_that_does_not_grow_tells_no_limit_and_a_reason() -> None:
    flat = noisy(np.full(len(USERS), 20.0), seed=0, error=0.01)
    table = fits.fit_table(fits.fit_models(flat, think_ms=300.0)).set_index("model")

    assert table[["limit_rps", "limit_low", "limit_high"]].isna().all(axis=None)
    for model in ("linear", "usl"):
        assert "no limit of throughput shows up to the 200 users measured" in table.loc[model, "missing"]
    assert "the levels measured do not tell all parameters" in table.loc["mmc", "missing"]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_limit_that_shows_lies_in_its_interval(name: str) -> None:
    model, response_ms, _, _ = GOLDEN[name]
    fit = fit_of(model, noisy(response_ms, seed=4, error=0.02))
    peak = math.sqrt((1 - CONTENTION) / COHERENCY)
    usl = RATE_RPS * peak / (1 + CONTENTION * (peak - 1) + COHERENCY * peak * (peak - 1))
    true = {"linear": 1000 / 0.8, "mmc": 24 / 0.020, "usl": usl}[name]

    assert fit.limit.low < true < fit.limit.high
    assert fit.limit.high < 1.2 * fit.limit.low
    assert "no limit" not in fit.missing


def test_a_fit_is_the_best_only_where_no_other_is_within_2_of_it() -> None:
    clear = fits.fit_models(noisy(GOLDEN["mmc"][1], seed=3), think_ms=0.0)
    flat = fits.fit_models(noisy(np.full(len(USERS), 20.0), seed=1, error=0.01), think_ms=300.0)

    assert fits.fit_table(clear)["best"].tolist() == [False, True, False]
    assert fits.close_fits(clear) == []
    table = fits.fit_table(flat)
    assert (table["delta_aicc"] <= fits.CLOSE).sum() > 1
    assert not table["best"].any()
    assert fits.best_fit(flat) is None
    # One and the same fit: the simpler model goes first, whatever floats leave over.
    assert float(table["delta_aicc"].iloc[:2].max()) < 1e-9
    assert [fit.model.name for fit in fits.close_fits(flat)] == ["linear", "mmc"]
    assert [fit.model.name for fit in fits.ranked_fits(flat[::-1])] == ["mmc", "linear", "usl"]


def test_an_aicc_that_cannot_be_had_has_a_reason() -> None:
    table = fits.fit_table(fits.fit_models(noisy(GOLDEN["usl"][1], seed=0).head(5))).set_index("model")

    assert table["aicc"].isna().to_dict() == {"linear": False, "mmc": False, "usl": True}
    assert "AICc needs 6 levels of users for Universal Scalability Law, there are 5" in table.loc["usl", "missing"]
    assert "AICc" not in table.loc["linear", "missing"]


def test_too_few_levels_say_so_and_give_no_number() -> None:
    levels = noisy(GOLDEN["usl"][1], seed=0).head(3)
    table = fits.fit_table(fits.fit_models(levels))

    assert table["aicc"].isna().all()
    assert table["knee_users"].isna().all()
    assert "linear needs 4 levels of users, there are 3" in table["missing"].tolist()
    assert fits.best_fit(fits.fit_models(levels)) is None
    assert fits.parameter_table(fits.fit_models(levels))["value"].isna().all()
    assert fits.fitted_curves(fits.fit_models(levels)).empty


def test_servers_that_were_never_busy_are_not_made_up() -> None:
    flat = noisy(np.full(len(USERS), 20.0), seed=0, error=0.01)
    service, servers = fit_of(MMC, flat).parameters()

    assert not math.isfinite(servers.high) or servers.high > USERS.max()
    assert math.isnan(fit_of(MMC, flat).knee.value)
    assert service.value == pytest.approx(20, rel=0.05) or math.isnan(service.value)


def test_the_same_levels_give_the_same_table() -> None:
    levels = noisy(GOLDEN["usl"][1], seed=5)
    first, second = (fits.fit_table(fits.fit_models(levels)).to_csv() for _ in range(2))

    assert first == second


def test_residuals_are_of_the_fitted_values() -> None:
    residuals = fits.residual_table(fits.fit_models(noisy(GOLDEN["linear"][1], seed=2), think_ms=0.0))
    of_linear = residuals[residuals["model"] == "linear"]

    assert len(of_linear) == len(USERS)
    assert (of_linear["measured_ms"] / of_linear["fitted_ms"] - 1).tolist() == pytest.approx(
        (of_linear["residual_pct"] / 100).tolist()
    )
    assert of_linear["residual_pct"].abs().max() < 20
