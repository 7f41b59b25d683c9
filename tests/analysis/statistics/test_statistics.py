from __future__ import annotations

import math

import pytest

from analysis import load_run
from analysis.statistics import (
    clocks,
    clocks_over_time,
    ended_ok,
    latency_by_users,
    latency_over_time,
    outcomes,
    percentile_column,
    percentiles,
    throughput,
    wind_down,
)
from harness.words.operation import Outcome


@pytest.fixture(name="series_of")
def series_of_fixture(make_run):
    return lambda rows: load_run(make_run(rows)).series


@pytest.mark.parametrize(("percent", "column"), [(50, "p50_ms"), (50.0, "p50_ms"), (99.9, "p999_ms"), (5, "p5_ms")])
def test_percentile_columns_are_named_as_in_the_series(percent: float, column: str) -> None:
    assert percentile_column(percent) == column


def test_latency_of_a_second_comes_from_the_merged_rows_of_that_second(series_of, row) -> None:
    fast, slow = [1_000] * 90, [2_000] * 10
    frame = latency_over_time(series_of([row(0, fast), row(0, slow, route="premium"), row(1, [1_500])]))

    assert frame["elapsed_s"].tolist() == [0, 1]
    assert frame["count"].tolist() == [100, 1]
    assert frame["min_ms"].tolist() == [1.0, 1.5]
    assert frame["p50_ms"].round(3).tolist() == [1.0, 1.5]
    assert frame["p90_ms"].round(3).tolist() == [1.0, 1.5]
    assert frame["p95_ms"].round(3).tolist() == [2.0, 1.5]
    assert frame["max_ms"].tolist() == [2.0, 1.5]


def test_no_percentile_exceeds_the_highest_value_seen(series_of, row) -> None:
    frame = latency_over_time(series_of([row(0, [1_000_100])]))  # its bucket ends at 1,000,447

    assert frame["p99_ms"].tolist() == [1_000.1]


def test_no_percentile_leaves_what_was_seen_of_many_equal_values(series_of, row) -> None:
    frame = latency_over_time(series_of([row(0, [700] * 50)]))

    assert {frame[f"p{name}_ms"].item() for name in ("50", "90", "95", "99", "999")} == {0.7}


def test_a_second_in_which_nothing_ended_is_there_and_has_no_latency(series_of, row) -> None:
    frame = latency_over_time(series_of([row(0, [1_000], users=2), row(3, [1_000], users=4)]))

    assert frame["elapsed_s"].tolist() == [0, 1, 2, 3]
    assert frame["users"].tolist() == [2, 2, 2, 4]
    assert frame["count"].tolist() == [1, 0, 0, 1]
    assert frame["p95_ms"].isna().tolist() == [False, True, True, False]


def test_latency_counts_operations_that_ended_ok_only(series_of, row) -> None:
    others = [row(0, [9_000_000], outcome=outcome.value) for outcome in Outcome if outcome is not Outcome.OK]
    series = series_of([row(0, [1_000]), *others])

    assert len(ended_ok(series)) == 1
    assert latency_over_time(series)["max_ms"].tolist() == [1.0]


def test_throughput_counts_every_outcome_of_every_second(series_of, row) -> None:
    rows = [row(0, [5, 6]), row(0, [7], outcome="failed"), row(2, [8] * 3, outcome="timeout")]

    frame = throughput(series_of(rows))

    assert frame["count"].tolist() == [3, 0, 3]
    assert frame["ok"].tolist() == [2, 0, 0]
    assert frame["failed"].tolist() == [1, 0, 0]
    assert frame["timeout"].tolist() == [0, 0, 3]
    assert frame["shed"].tolist() == [0, 0, 0]


def test_seconds_with_equal_users_are_merged_to_one_point(series_of, row, with_ends) -> None:
    rows = [
        row(0, [1_000] * 20, users=5),
        row(1, [1_500] * 5, users=5),
        row(2, [1_800] * 30, users=10),
        row(3, [2_000] * 10, users=10),
    ]

    frame = latency_by_users(series_of(with_ends(rows)))

    assert frame["users"].tolist() == [5, 10]
    assert frame["seconds"].tolist() == [2, 2]
    assert frame["count"].tolist() == [25, 40]
    assert frame["p50_ms"].round(3).tolist() == [1.0, 1.8]
    assert frame["p95_ms"].round(3).tolist() == [1.5, 2.0]


@pytest.mark.parametrize(("operations", "points"), [(19, 0), (20, 1)])
def test_a_point_needs_twenty_operations_that_ended_ok(series_of, row, with_ends, operations: int, points: int) -> None:
    rows = [row(0, [1_000] * operations), row(0, [1_000] * 50, outcome="failed")]

    assert len(latency_by_users(series_of(with_ends(rows)))) == points


def test_operations_without_known_users_or_after_the_last_user_are_no_point(series_of, row, with_ends) -> None:
    rows = [row(0, [9_000] * 30, users=None), row(1, [1_000] * 30, users=4), row(2, [9_000] * 30, users=0)]

    frame = latency_by_users(series_of(with_ends(rows)))

    assert frame["users"].tolist() == [4]
    assert frame["max_ms"].tolist() == [1.0]


@pytest.mark.parametrize(("levels", "points"), [(25, 25), (26, 13), (200, 25)])
def test_more_than_25_numbers_of_users_are_binned(series_of, row, with_ends, levels: int, points: int) -> None:
    rows = [row(users, [1_000] * 20, users=users) for users in range(1, levels + 1)]

    frame = latency_by_users(series_of(with_ends(rows)))

    assert len(frame) == points
    assert frame["count"].sum() == 20 * levels
    assert (frame["users_min"] <= frame["users"]).all()
    assert (frame["users"] <= frame["users_max"]).all()
    assert (frame["users_min"].to_numpy()[1:] > frame["users_max"].to_numpy()[:-1]).all()


def test_users_of_a_bin_are_the_mean_over_its_seconds(series_of, row, with_ends) -> None:
    rows = [row(0, [1_000] * 30, users=1), row(1, [1_000] * 10, users=2), row(2, [1_000] * 20, users=3)]

    frame = latency_by_users(series_of(with_ends(rows)), max_points=2)

    assert frame["users"].tolist() == [1.5, 3.0]


def test_the_seconds_that_begin_and_end_cut_off_are_no_level(series_of, row) -> None:
    rows = [row(s, [1_000] * 30, users=users) for s, users in enumerate([5, 10, 10, 10, 20])]

    frame = latency_by_users(series_of(rows))

    assert frame["users"].tolist() == [10]
    assert frame["seconds"].tolist() == [3]


def test_percentiles_over_label_sets_merge_what_is_equal(series_of, row) -> None:
    rows = [
        row(0, [1_000] * 3, route="b", priority=1),
        row(1, [5_000] * 3, route="a", priority=1),
        row(2, [2_000], route="b", priority=1),
        row(2, [7_000], route="", priority=1),
    ]

    frame = percentiles(series_of(rows), ["route", "priority"], percents=(100,))

    assert frame["route"].tolist() == ["", "a", "b"]
    assert frame["count"].tolist() == [1, 3, 4]
    assert frame["p100_ms"].tolist() == [7.0, 5.0, 2.0]
    assert list(frame) == ["route", "priority", "count", "min_ms", "p100_ms", "max_ms"]


def test_percentiles_without_labels_cover_all_rows(series_of, row) -> None:
    frame = percentiles(series_of([row(0, [1_000]), row(1, [3_000])]), percents=(50,))

    assert frame.to_dict("list") == {"count": [2], "min_ms": [1.0], "p50_ms": [1.0], "max_ms": [3.0]}


def test_statistics_of_nothing_are_empty_frames_with_their_columns(series_of, row) -> None:
    empty = series_of([])

    for frame in (latency_over_time(empty), latency_by_users(empty), percentiles(empty, ["route"])):
        assert len(frame) == 0
        assert "p95_ms" in frame.columns
    assert len(throughput(empty)) == 0
    assert outcomes(empty) == dict.fromkeys(Outcome, 0)


def test_a_run_of_nothing_but_failures_has_seconds_and_no_latency(series_of, row) -> None:
    frame = latency_over_time(series_of([row(0, [1_000], outcome="failed"), row(1, [1_000], outcome="failed")]))

    assert frame["count"].tolist() == [0, 0]
    assert all(math.isnan(value) for value in frame["p50_ms"])


def test_outcomes_are_counted(series_of, row) -> None:
    series = series_of([row(0, [1, 2]), row(1, [3]), row(1, [4], outcome="shed")])

    assert outcomes(series) == dict.fromkeys(Outcome, 0) | {Outcome.OK: 3, Outcome.SHED: 1}


WIND_DOWNS = {
    "users stay": ([5, 5, 5], [9, 9, 9], None),
    "all leave in the last second": ([5, 5, 1], [9, 9, 9], 2),
    "they leave over some seconds": ([5, 5, 3, 1, 1], [9, 9, 7, 2, 2], 2),
    "a step down that goes on working": ([9, 9, 4, 4, 4], [9, 9, 9, 9, 9], None),
    "a step down and then the end": ([9, 9, 4, 4, 1], [9, 9, 9, 9, 9], 4),
    "a fall and a rise": ([9, 4, 9, 9], [9, 1, 9, 9], None),
    "a rise only": ([1, 2, 3], [9, 9, 9], None),
    "nobody counted": ([None, None], [9, 9], None),
}


@pytest.mark.parametrize("name", WIND_DOWNS)
def test_the_wind_down_begins_where_users_leave_for_good(series_of, row, name: str) -> None:
    users, ended, begin = WIND_DOWNS[name]
    series = series_of([row(s, [1_000] * n, users=u) for s, (u, n) in enumerate(zip(users, ended, strict=True))])

    assert wind_down(series) == (math.inf if begin is None else series["second"].min() + begin)


def test_what_ends_in_the_wind_down_is_no_point_at_few_users(series_of, row) -> None:
    rows = [row(s, [1_000] * 50, users=40) for s in range(5)] + [row(5, [9_000] * 30, users=1)]

    assert latency_by_users(series_of(rows))["users"].tolist() == [40]


def test_the_four_clocks_stand_side_by_side_with_their_share_of_the_response_time(series_of, row) -> None:
    waits = {"service": [700] * 30, "queue": [250] * 30, "lag": [100] * 30}
    series = series_of([row(s, [1_000] * 30, clocks=waits) for s in range(3)] + [row(0, [9], outcome="failed")])

    frame = clocks(series)

    assert frame["clock"].tolist() == ["response", "service", "queue", "lag"]
    assert frame["count"].tolist() == [90] * 4
    assert frame["sum_ms"].tolist() == pytest.approx([90.0, 63.0, 22.5, 9.0])
    assert frame["share_pct"].tolist() == pytest.approx([100, 70, 25, 10])
    for column in ("p50_ms", "p95_ms", "p99_ms", "max_ms"):
        assert frame[column].round(3).tolist() == [1.0, 0.7, 0.25, 0.1]


def test_a_clock_that_was_not_measured_is_absent_and_not_zero(series_of, row) -> None:
    waits = {"service": [], "queue": [], "lag": [100] * 30}
    series = series_of([row(0, [1_000] * 30, clocks=waits)])

    frame = clocks(series).set_index("clock")
    seconds = clocks_over_time(series)

    assert frame.loc[["service", "queue"], ["p95_ms", "max_ms", "sum_ms", "share_pct"]].isna().all(axis=None)
    assert frame["share_pct"][["response", "lag"]].tolist() == pytest.approx([100, 10])
    assert seconds[["service_ms", "queue_ms"]].isna().all(axis=None)


def test_the_clocks_of_a_second_come_from_the_merged_rows_of_that_second(series_of, row) -> None:
    one, other = {"service": [900] * 10, "queue": [50] * 10, "lag": [5] * 10}, {"service": [3_000] * 10}
    rows = [row(0, [1_000] * 10, clocks=one), row(0, [4_000] * 10, route="b", clocks=other), row(2, [500] * 10)]

    frame = clocks_over_time(series_of(rows))

    assert frame["elapsed_s"].tolist() == [0, 1, 2]
    assert frame["response_ms"].iloc[[0, 2]].tolist() == pytest.approx([4.001, 0.5], rel=1e-3)
    assert frame["service_ms"].iloc[[0, 2]].tolist() == pytest.approx([3.001, 0.45], rel=1e-3)
    assert frame[["response_ms", "service_ms", "queue_ms", "lag_ms"]].iloc[1].isna().all()


def test_clocks_of_nothing_are_empty(series_of, row) -> None:
    for rows in ([], [row(0, [1_000], outcome="failed")]):
        assert len(clocks(series_of(rows))) == 0
        assert clocks_over_time(series_of(rows))["response_ms"].isna().all()
