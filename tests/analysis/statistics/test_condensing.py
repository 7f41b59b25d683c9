"""A series with fewer labels gives the same statistics, bit for bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import load_run, statistics
from analysis.files.hdr_texts import read_counts, write_counts
from analysis.files.histograms import BUCKETS
from analysis.statistics import condensing
from analysis.statistics.condensing import condensed
from harness.measure.histogram import Histogram
from harness.words.errors import RunError


@pytest.fixture(name="series")
def series_fixture(make_run, ramp, row) -> pd.DataFrame:
    extra = [
        row(3, [700], outcome="failed", clocks={"service": [], "queue": []}),
        row(4, [2_000] * 9, users=None),
        row(5, [900] * 30, tier=1, route="backup"),
    ]
    return load_run(make_run([*ramp(20), *extra])).series


OVER_TIME = ("second", "users", "outcome", "tier")


@pytest.mark.parametrize("rows_at_once", [7, 25_000])
@pytest.mark.parametrize(
    "statistic",
    [
        statistics.latency_over_time, statistics.latency_by_users, statistics.load_levels, statistics.latency_heat,
        statistics.percentile_curve, statistics.clocks, statistics.clocks_over_time, statistics.served_over_time,
        statistics.throughput, statistics.outcomes,
    ],
)  # fmt: skip
def test_statistics_over_time_are_the_same(monkeypatch, series, statistic, rows_at_once: int) -> None:
    monkeypatch.setattr(condensing, "ROWS_AT_ONCE", rows_at_once)
    few = condensed(series, OVER_TIME)

    assert len(few) < len(series)
    found, wanted = statistic(few), statistic(series)
    if isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted)
    else:
        assert found == wanted


@pytest.mark.parametrize("statistic", [statistics.latency_density, statistics.priority_classes])
def test_statistics_by_priority_are_the_same(series, statistic) -> None:
    few = condensed(series, ("priority", "outcome", "tier"), clocks=("response",))

    pd.testing.assert_frame_equal(statistic(few), statistic(series))


def test_a_damaged_histogram_is_named(series) -> None:
    series.loc[5, "hdr"] = "AAAA"

    with pytest.raises(RunError, match="row 5"):
        condensed(series, OVER_TIME)


def test_an_empty_series_stays_empty(series) -> None:
    assert statistics.latency_over_time(condensed(series.iloc[:0], OVER_TIME)).empty


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 1 << 40), max_size=12), max_size=6))
def test_what_is_written_is_read_again_and_is_what_the_run_writes(histograms: list[dict[int, int]]) -> None:
    parts = [(row, bucket, each[bucket]) for row, each in enumerate(histograms) for bucket in sorted(each)]
    columns = [np.array(column, dtype=np.int64) for column in zip(*parts, strict=True)] or [np.empty(0, np.int64)] * 3

    texts = write_counts(len(histograms), *columns)

    assert [Histogram.decode(text).counts for text in texts] == histograms
    if parts:
        for found, wanted in zip(read_counts(enumerate(texts), BUCKETS), columns, strict=True):
            assert found.tolist() == wanted.tolist()
