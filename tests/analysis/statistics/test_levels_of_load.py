from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from analysis import load_run
from analysis.statistics import goodput, latency_by_throughput, littles_law, load_levels
from harness.words.operation import Outcome


@pytest.fixture(name="series_of")
def series_of_fixture(make_run):
    return lambda rows: load_run(make_run(rows)).series


def steps(row, levels=((10, 100), (20, 150), (40, 160)), seconds: int = 5):
    """Return rows in which ``users`` users get ``rate`` operations a second done, always waiting for one."""
    rows = []
    for users, rate in levels:
        rows += [row(len(rows) + k, [round(1e6 * users / rate)] * rate, users) for k in range(seconds)]
    return rows


def test_levels_have_throughput_response_and_no_think_time_where_users_only_wait(series_of, row) -> None:
    levels = load_levels(series_of(steps(row)))

    assert levels["users"].tolist() == [10, 20, 40]
    assert levels["seconds"].tolist() == [4, 5, 4]  # the first and the last second are cut off by the run's ends
    assert levels["throughput_rps"].tolist() == [100, 150, 160]
    assert levels["mean_ms"].tolist() == pytest.approx([100, 133.333, 250], rel=1e-3)
    assert levels["in_flight"].tolist() == pytest.approx([10, 20, 40], rel=1e-3)
    assert levels["think_ms"].tolist() == pytest.approx([0, 0, 0], abs=0.1)


def test_levels_know_think_time(series_of, row) -> None:
    levels = load_levels(series_of([row(second, [50_000] * 40, 10) for second in range(6)]))

    assert levels["think_ms"].tolist() == pytest.approx([200.0])  # 10 users / 40 per second - 50 ms
    assert levels["in_flight"].tolist() == pytest.approx([2.0])


def test_throughput_counts_what_ended_ok(series_of, row) -> None:
    rows = [row(second, [1_000] * 30, 5) for second in range(6)]
    rows += [row(second, [1_000] * 30, 5, outcome="failed") for second in range(6)]

    assert load_levels(series_of(rows))["throughput_rps"].tolist() == [30.0]


def windows(*seconds: tuple[int, int | None]) -> pd.DataFrame:
    """Return windows of faults: seconds of the run, from and to."""
    begin = 1_740_000_000
    rows = [((begin + low) * 10**9 + 1, None if high is None else (begin + high) * 10**9 + 1) for low, high in seconds]
    return pd.DataFrame(rows, columns=["start_ns", "end_ns"]).astype({"end_ns": "Int64"})


def test_levels_leave_out_seconds_in_which_a_fault_was_open_and_count_them(series_of, row) -> None:
    slow = [row(second, [900_000] * 40, 10) for second in range(4, 7)]
    rows = [row(second, [50_000] * 40, 10) for second in (*range(4), *range(7, 12))]
    series = series_of(sorted([*slow, *rows], key=lambda each: each["second"]))

    with_them, without = load_levels(series), load_levels(series, windows=windows((4, 6)))
    assert with_them["p95_ms"].tolist() == pytest.approx([900], rel=1e-3)
    assert math.isnan(with_them["left_out_s"].iloc[0])
    assert without["p95_ms"].tolist() == pytest.approx([50], rel=1e-3)
    assert without["seconds"].tolist() == [7]
    assert without["left_out_s"].tolist() == [3]
    assert load_levels(series, windows=windows((0, None))).empty
    assert load_levels(series, windows=windows())["left_out_s"].tolist() == [0]


def test_levels_leave_out_the_warm_up(series_of, row) -> None:
    rows = [row(second, [(900_000 if second < 4 else 50_000)] * 40, 10) for second in range(10)]
    levels = load_levels(series_of(rows), from_second=1_740_000_004)

    assert levels["p99_ms"].tolist() == pytest.approx([50], rel=1e-3)
    assert levels["left_out_s"].tolist() == [3]


def climbing(row, latencies_ms: dict[int, float], seconds: int = 12, spread: float = 0.3):
    """Return rows of ``seconds`` at each number of users, whose latency wanders around a median."""
    random = np.random.default_rng(5)
    rows = []
    for users, median in latencies_ms.items():
        for _ in range(seconds):
            values = median * 1000 * np.exp(0.1 * random.standard_normal() + spread * random.standard_normal(60))
            rows.append(row(len(rows), [int(value) for value in values], users))
    return rows


def test_each_level_has_an_interval_around_its_percentiles(series_of, row) -> None:
    levels = load_levels(series_of(climbing(row, {10: 20, 20: 40, 40: 80, 80: 160})))

    assert (levels["p95_low_ms"] < levels["p95_ms"]).all()
    assert (levels["p95_ms"] < levels["p95_high_ms"]).all()


def test_latency_by_throughput_puts_seconds_of_like_throughput_together(series_of, row) -> None:
    frame = latency_by_throughput(series_of(steps(row)), bins=6)

    assert frame["throughput_rps"].tolist() == [100, 155.0] or frame["throughput_rps"].tolist() == [100, 150, 160]
    assert frame["seconds"].sum() == 13
    assert frame["p50_ms"].iloc[0] == pytest.approx(100, rel=1e-3)


def test_latency_by_throughput_leaves_out_fault_windows(series_of, row) -> None:
    series = series_of(steps(row))
    frame = latency_by_throughput(series, bins=6, windows=windows((5, 9)))

    assert frame["throughput_rps"].tolist() == [100, 160]


def operations_of(row_seconds: int, users: int, response_ms: float) -> pd.DataFrame:
    """Return operations of ``users`` users that never think, for so many seconds."""
    start = 1_740_000_000 * 10**9
    per_user = int(row_seconds * 1000 / response_ms)
    begins = [start + round(k * response_ms * 1e6) for k in range(per_user) for _ in range(users)]
    frame = pd.DataFrame({"intended_ns": begins})
    return frame.assign(end_ns=frame["intended_ns"] + round(response_ms * 1e6), outcome=Outcome.OK.value)


def test_littles_law_holds_between_series_and_history(series_of, row) -> None:
    series = series_of([row(second, [100_000] * 40, 4) for second in range(8)])
    frame = littles_law(series, operations_of(8, users=4, response_ms=100.0))

    assert frame["in_flight"].tolist() == pytest.approx([4.0])
    assert frame["measured"].tolist() == pytest.approx([4.0])
    assert frame["difference_pct"].tolist() == pytest.approx([0.0], abs=1e-6)
    assert frame["busy_pct"].tolist() == pytest.approx([100.0])


def test_littles_law_shows_operations_missing_from_the_history(series_of, row) -> None:
    series = series_of([row(second, [100_000] * 40, 4) for second in range(8)])
    frame = littles_law(series, operations_of(8, users=3, response_ms=100.0))

    assert frame["difference_pct"].iloc[0] == pytest.approx(100 / 3, rel=1e-3)


def test_without_a_history_one_side_of_littles_law_is_unknown(series_of, row) -> None:
    frame = littles_law(series_of([row(second, [100_000] * 40, 4) for second in range(8)]))

    assert frame["measured"].isna().all()
    assert frame["difference_pct"].isna().all()


def test_goodput_counts_what_ended_ok_in_time(series_of, row) -> None:
    rows = [row(0, [1_000, 5_000, 9_000]), row(0, [1_000], outcome="failed"), row(2, [20_000])]
    frame = goodput(series_of(rows), within_ms=5)

    assert frame["count"].tolist() == [4, 0, 1]
    assert frame["ok"].tolist() == [3, 0, 1]
    assert frame["good"].tolist() in ([2, 0, 0], [1, 0, 0])  # 5 ms lies in a bucket that reaches beyond it
    assert frame["good_pct"].iloc[2] == 0
    assert pd.isna(frame["good_pct"].iloc[1])


def test_a_run_of_one_second_or_none_has_no_levels(series_of, row) -> None:
    for rows in ([], [row(0, [1_000] * 50)]):
        series = series_of(rows)
        assert load_levels(series).empty
        assert latency_by_throughput(series).empty
        assert littles_law(series).empty
    assert goodput(series_of([]), 5).empty
