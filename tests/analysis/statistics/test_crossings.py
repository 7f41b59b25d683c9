"""At how many users latency crosses a threshold: against series whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis import load_run
from analysis.files.hdr_texts import write_counts
from analysis.files.histograms import BUCKETS
from analysis.report import readings
from analysis.statistics.crossings import latency_crossing, monotone, throughput_intervals
from tests.analysis.synthetic import bucket_of

SPREAD = 0.4
AT_P95 = math.exp(math.hypot(SPREAD, 0.05) * 1.6449)


def ramp(seed: int, seconds: int = 60, users_max: int = 300, of_second: list[int] | None = None) -> pd.DataFrame:
    """Return a ramp, or ``of_second`` users, with log-normal latency around (40 + users) ms.

    It wanders by 5 % from second to second.
    """
    random = np.random.default_rng(seed)
    users = np.array(of_second or [users_max * (k + 1) // seconds for k in range(seconds)])
    counts = users // 2
    second = np.repeat(np.arange(len(users)), counts)
    noise = SPREAD * random.standard_normal(len(second)) + 0.05 * random.standard_normal(len(users))[second]
    cells, many = np.unique(
        second * BUCKETS + bucket_of((40_000 + 1_000 * users[second]) * np.exp(noise)), return_counts=True
    )
    texts = write_counts(len(users), cells // BUCKETS, cells % BUCKETS, many)
    columns = {"second": np.arange(len(users)), "users": users * 1.0, "outcome": "ok", "count": counts, "hdr": texts}
    return pd.DataFrame(columns)


@pytest.mark.slow
@pytest.mark.parametrize("of_second", [None, (50, 100, 150, 200, 300)], ids=["ramp", "steps of 9 s"])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(of_second: tuple[int, ...] | None) -> None:
    """95 % of 40 are 38; fewer than 34 would happen once in 70 times. Of the whole run's blocks, steps have 27."""
    truth = 360 / AT_P95 - 40
    load = None if of_second is None else [users for users in of_second for _ in range(9)]
    rows = [latency_crossing(ramp(seed, of_second=load), 95, 360, resamples=100).iloc[0] for seed in range(40)]

    assert sum(row["users_low"] <= truth <= row["users_high"] for row in rows) >= 34
    assert np.mean([row["users"] for row in rows]) == pytest.approx(truth, rel=0.03)


def test_what_is_never_crossed_or_always_says_so() -> None:
    series = ramp(1, seconds=30)
    never, always = (latency_crossing(series, 95, limit, resamples=50) for limit in (5_000, 1))

    assert math.isnan(never["users"].iloc[0])
    assert readings.crossings(never) == "p95 does not cross 5,000 ms up to 285 users."
    assert readings.crossings(always).startswith("p95 is above 1 ms from 32 users on, the fewest")


def test_a_crossing_is_read_with_its_interval() -> None:
    row = latency_crossing(ramp(2), 95, 360, resamples=50)

    low, high = row["users_low"].iloc[0], row["users_high"].iloc[0]
    assert low < row["users"].iloc[0] < high
    assert (
        readings.crossings(row) == f"p95 crosses 360 ms at {row['users'].iloc[0]:,.0f} users [{low:,.0f}, {high:,.0f}]."
    )


def test_one_slow_second_is_no_crossing(make_run, row) -> None:
    rows = [row(s, [1_000 * (9 if s == 4 else 1)] * 30, users=10 * (s + 1)) for s in range(10)]

    found = latency_crossing(load_run(make_run(rows)).series, 95, 8.0, resamples=20).iloc[0]

    assert math.isnan(found["users"])


def test_an_interval_needs_two_blocks_at_the_levels_beside_the_crossing(make_run, row) -> None:
    rows = [row(s, [1_000 * users] * 30, users=users) for s, users in enumerate((1, 2, *[9] * 20))]
    series = load_run(make_run(rows)).series

    assert math.isnan(latency_crossing(series, 50, 1.5)["users_low"].iloc[0])
    assert latency_crossing(series, 50, 100.0)["share_pct"].iloc[0] == 0


def test_fault_windows_and_warm_up_are_no_crossing(make_run, row) -> None:
    struck = [row(s, [9_000 if s in (8, 9) else 1_000] * 30, users=10 * (1 + s // 4)) for s in range(12)]
    series = load_run(make_run(struck)).series
    begin = int(series["second"].min())
    windows = pd.DataFrame({"start_ns": [(begin + 8) * 10**9], "end_ns": [(begin + 10) * 10**9 - 1]})

    assert latency_crossing(series, 95, 8.0)["users"].notna().all()
    for left_out in ({"windows": windows}, {"from_second": begin + 10}):
        found = latency_crossing(series, 95, 8.0, **left_out).iloc[0]
        assert math.isnan(found["users"])
        assert found["users_max"] == 30


def test_too_few_seconds_give_no_interval_and_no_operations_no_answer(make_run, row) -> None:
    series = load_run(make_run([row(s, [1_000 * (s + 1)] * 30, users=s + 1) for s in range(4)])).series
    short, none = latency_crossing(series, 50, 2.5), latency_crossing(series.iloc[:0], 50, 2.5)

    assert short["users"].iloc[0] == pytest.approx(2.5, rel=0.01)
    assert readings.crossings(short) == "p50 crosses 2.50 ms at 2.5 users, in too few seconds for an interval."
    assert readings.crossings(none).startswith("Whether p50 crosses 2.50 ms is unknown: no number of users had 20")


def test_monotone_pools_what_falls_by_weight() -> None:
    found = monotone(np.array([1.0, 5.0, 2.0, 7.0]), np.array([1.0, 1.0, 2.0, 1.0]))

    assert found.tolist() == [1.0, 3.0, 3.0, 7.0]


def test_throughput_has_an_interval_where_there_are_seconds_enough(make_run, row) -> None:
    rows = [row(s, [1_000] * (10 + s % 2), users=5) for s in range(21)]
    rows += [row(s, [1_000] * 30, users=9) for s in range(21, 25)]

    frame = throughput_intervals(load_run(make_run(rows)).series)

    assert frame["users"].tolist() == [5, 9]
    first = frame.iloc[0]
    assert first["throughput_rps"] == pytest.approx(10.5)
    assert first["low_rps"] < 10.5 < first["high_rps"]
    assert frame.loc[1, ["throughput_rps", "low_rps"]].isna().tolist() == [False, True]
    assert throughput_intervals(load_run(make_run([])).series).empty


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_the_knee_is_read_from_the_best_model_or_said_not_to_be_told(noise: float) -> None:
    from analysis.statistics import fits

    users = np.arange(5, 105, 10, dtype=np.float64)
    wobble = np.exp(noise * np.cos(users))
    levels = pd.DataFrame({"users": users, "mean_ms": 20 * np.maximum(1, users / 40) ** 1.5 * wobble, "think_ms": 0.0})
    found = fits.fit_models(levels)
    text = readings.models(levels, found)

    best = fits.best_fit(found)
    assert ("fits best" in text) is (best is not None)
    assert ("fit alike" in text) is (best is None)
    assert "nee" in text
