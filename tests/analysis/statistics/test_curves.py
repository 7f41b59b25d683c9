from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis import load_run
from analysis.statistics import latency_density, latency_heat, nines, percentile_curve, percentiles


@pytest.fixture(name="series_of")
def series_of_fixture(make_run):
    return lambda rows: load_run(make_run(rows)).series


def independent(row, seed: int, seconds: int = 60, per_second: int = 50, stall_every: int | None = None):
    """Return rows of log-normal latencies with a median of 10 ms; every ``stall_every``-th second is four times as
    slow.
    """
    random = np.random.default_rng(seed)
    rows = []
    for second in range(seconds):
        factor = 4 if stall_every is not None and second % stall_every == 0 else 1
        values = np.round(10_000 * factor * np.exp(random.normal(0, 0.5, per_second))).astype(int)
        rows.append(row(second, [int(value) for value in values]))
    return rows


def test_values_are_the_percentiles_of_all_rows_merged(series_of, row) -> None:
    series = series_of(independent(row, seed=0))
    curve = percentile_curve(series, percents=(50, 95, 99)).set_index("percent")
    expected = percentiles(series, (), (50, 95, 99)).iloc[0]

    assert curve.loc[50, "value_ms"] == pytest.approx(expected["p50_ms"])
    assert curve.loc[95, "value_ms"] == pytest.approx(expected["p95_ms"])
    assert curve.loc[99, "value_ms"] == pytest.approx(expected["p99_ms"])
    assert set(curve["count"]) == {3000}


@pytest.mark.slow
def test_intervals_hold_the_true_percentiles_as_often_as_stated(series_of, row, make_run) -> None:
    truth = {50.0: 10.0, 90.0: 10 * math.exp(0.5 * 1.281552)}
    inside = dict.fromkeys(truth, 0)
    for seed in range(40):
        rows = independent(row, seed, per_second=20)
        series = load_run(make_run(rows, name=f"run{seed}")).series
        for found in percentile_curve(series, percents=tuple(truth), resamples=200).itertuples():
            inside[found.percent] += found.low_ms <= truth[found.percent] <= found.high_ms

    assert all(count >= 34 for count in inside.values()), inside  # 95 % of 40; fewer than 34 in 0.3 % of cases


def test_independent_operations_count_in_full_and_those_of_a_stall_do_not(series_of, row, make_run) -> None:
    calm = percentile_curve(series_of(independent(row, seed=1)), percents=(90,)).iloc[0]
    stalled = load_run(make_run(independent(row, seed=1, stall_every=7), name="stalled")).series
    stalls = percentile_curve(stalled, percents=(90,)).iloc[0]

    assert calm["effective_count"] > 0.4 * calm["count"]
    assert stalls["effective_count"] < 0.15 * stalls["count"]
    assert stalls["high_ms"] - stalls["low_ms"] > 2 * (calm["high_ms"] - calm["low_ms"])


def test_the_same_series_gives_the_same_intervals_and_another_seed_others(series_of, row) -> None:
    series = series_of(independent(row, seed=2, seconds=20))

    assert percentile_curve(series).to_csv() == percentile_curve(series).to_csv()
    assert percentile_curve(series, seed=1)["low_ms"].tolist() != percentile_curve(series)["low_ms"].tolist()


def test_a_run_of_few_seconds_has_percentiles_and_no_interval(series_of, row) -> None:
    curve = percentile_curve(series_of([row(0, [1_000] * 50), row(1, [2_000] * 50)]), percents=(50,))

    assert curve["value_ms"].round(3).tolist() == [1.0]
    assert curve["low_ms"].isna().all()
    assert curve["effective_count"].isna().all()


def test_percentiles_without_operations_beyond_them_are_left_out(series_of, row) -> None:
    curve = percentile_curve(series_of([row(0, [1_000] * 100)]), percents=(50, 95, 99, 99.9))

    assert curve["percent"].tolist() == [50, 95]


def test_a_curve_per_label(series_of, row) -> None:
    rows = [row(second, [1_000] * 20, priority=9) for second in range(10)]
    rows += [row(second, [3_000] * 20, priority=1) for second in range(10)]
    curve = percentile_curve(series_of(rows), by=["priority"], percents=(50,))

    assert curve["priority"].tolist() == [1, 9]
    assert curve["value_ms"].round(2).tolist() == [3.0, 1.0]


def test_nothing_gives_no_curve_with_the_same_columns(series_of, row) -> None:
    nothing = percentile_curve(series_of([row(0, [1_000], outcome="failed")]), by=["priority"])
    some = percentile_curve(series_of([row(0, [1_000] * 20)]), by=["priority"])

    assert nothing.empty
    assert list(nothing.columns) == list(some.columns)


def test_another_clock_has_a_curve_of_its_own(series_of, row) -> None:
    series = series_of([row(0, [10_000] * 20, clocks={"queue": [7_000] * 20})])

    assert percentile_curve(series, percents=(50,), clock="queue")["value_ms"].iloc[0] == pytest.approx(7.0, rel=1e-3)


def test_the_heat_map_holds_every_operation_in_its_second_and_bin(series_of, row) -> None:
    frame = latency_heat(series_of([row(0, [1_500] * 3 + [150_000]), row(4, [1_500]), row(4, [9], outcome="failed")]))

    assert frame["count"].sum() == 5
    assert frame["elapsed_s"].tolist() == [0, 0, 4]
    assert (frame["low_ms"] <= [1.5, 150, 1.5]).all()
    assert (frame["high_ms"] >= [1.5, 150, 1.5]).all()


def test_the_heat_map_of_a_long_run_has_wider_columns(series_of, row) -> None:
    frame = latency_heat(series_of([row(second, [1_500]) for second in range(25)]), max_columns=10)

    assert frame["elapsed_s"].tolist() == [0, 3, 6, 9, 12, 15, 18, 21, 24]
    assert frame["elapsed_to_s"].iloc[-1] == 25
    assert frame["count_rps"].tolist() == [1.0] * 9


def test_densities_of_each_class_add_up_and_share_their_bins(series_of, row) -> None:
    frame = latency_density(series_of([row(0, [1_000] * 4, priority=9), row(0, [9_000, 1_000], priority=0)]))
    grouped = frame.groupby("priority")

    assert grouped["share_pct"].sum().tolist() == pytest.approx([100, 100])
    assert grouped["count"].sum().tolist() == [2, 4]
    assert frame[frame["priority"] == 0]["low_ms"].tolist() == frame[frame["priority"] == 9]["low_ms"].tolist()


def test_nines() -> None:
    assert [round(nines(percent), 6) for percent in (0, 90, 99, 99.9)] == [0, 1, 2, 3]


def test_statistics_of_an_empty_series_are_empty(series_of) -> None:
    series = series_of([])

    assert percentile_curve(series).empty
    assert latency_heat(series).empty
    assert latency_density(series).empty
    assert isinstance(latency_heat(series), pd.DataFrame)
