from __future__ import annotations

import math

import pytest

from analysis import load_run
from analysis.statistics import confusion_matrix, route_shares, shares_over_time


@pytest.fixture(name="series_of")
def series_of_fixture(make_run):
    return lambda rows: load_run(make_run(rows)).series


def test_shares_of_routes_and_tiers(series_of, row) -> None:
    rows = [
        row(0, [1] * 6, route="fast"),
        row(1, [1] * 3, route="backup", tier=1),
        row(1, [1], route="", outcome="failed"),
    ]
    frame = route_shares(series_of(rows))

    assert frame["route"].tolist() == ["fast", "backup", "(no route)"]
    assert frame["tier"].tolist() == [0, 1, 0]
    assert frame["share_pct"].tolist() == [60, 30, 10]


@pytest.mark.parametrize(("by", "values"), [("tier", [0, 1]), ("route", ["backup", "fast"]), ("outcome", ["ok"])])
def test_shares_over_time_have_every_second_and_value(series_of, row, by: str, values) -> None:
    rows = [row(0, [1] * 3), row(0, [1], tier=1, route="backup"), row(2, [1] * 2)]
    frame = shares_over_time(series_of(rows), by)

    assert frame[by].tolist() == values * 3
    assert frame["elapsed_s"].tolist() == sorted([0, 1, 2] * len(values))
    assert frame.groupby("elapsed_s")["count"].sum().tolist() == [4, 0, 2]
    shares = frame.groupby("elapsed_s")["share_pct"].sum(min_count=1).tolist()
    assert [shares[0], shares[2]] == [100, 100]
    assert math.isnan(shares[1])


def test_the_confusion_matrix_counts_what_ended_ok_and_had_an_expectation(series_of, row) -> None:
    rows = [
        row(0, [1] * 5, expected_route="fast", route="fast"),
        row(0, [1] * 2, expected_route="fast", route="premium"),
        row(1, [1] * 4, expected_route="premium", route="premium"),
        row(1, [1] * 9, expected_route="", route="fast"),
        row(1, [1] * 9, expected_route="fast", route="", outcome="failed"),
    ]
    frame = confusion_matrix(series_of(rows))

    assert frame.loc["fast"].to_dict() == {"fast": 5, "premium": 2}
    assert frame.loc["premium"].to_dict() == {"fast": 0, "premium": 4}


def test_nothing_has_no_shares(series_of) -> None:
    assert route_shares(series_of([])).empty
    assert shares_over_time(series_of([])).empty
    assert confusion_matrix(series_of([])).empty
