from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from analysis.files import histograms
from analysis.files.histograms import BUCKETS, Histograms, decode, highest_value
from harness.measure.histogram import HIGHEST_US, Histogram
from harness.words.errors import RunError

Encode = Callable[[Iterable[int]], str]

latencies = st.lists(st.integers(1, HIGHEST_US), min_size=1, max_size=30)


def test_counters_are_as_many_as_those_of_hdrh() -> None:
    assert HdrHistogram(1, HIGHEST_US, 3).counts_len == BUCKETS


@given(st.integers(1, HIGHEST_US))
def test_a_bucket_ends_where_hdrh_says(value: int) -> None:
    histogram = HdrHistogram(1, HIGHEST_US, 3)
    bucket = histogram._counts_index_for(value)

    assert highest_value(np.array([bucket])).tolist() == [histogram.get_highest_equivalent_value(value)]


@given(parts=st.lists(latencies, min_size=1, max_size=4))
def test_merged_percentiles_are_those_of_all_values_together(encode: Encode, parts: list[list[int]]) -> None:
    together = Histogram()
    for value in (value for part in parts for value in part):
        together.add(value)

    merged = decode(pd.Series([encode(part) for part in parts])).merge(np.zeros(len(parts), dtype=np.int64), 1)

    assert merged.totals().tolist() == [len(together)]
    assert merged.percentiles((50, 95, 99, 100)).tolist() == [list(together.percentiles_us((50, 95, 99, 100)))]


@given(
    counts=st.dictionaries(st.integers(0, 2100), st.integers(1, 2000), min_size=1),
    percents=st.lists(st.floats(0.1, 100.0), min_size=1).map(sorted),
)
def test_percentiles_inside_a_bucket_are_those_of_the_harness(counts: dict[int, int], percents: list[float]) -> None:
    histogram = Histogram(counts)
    assert decode(pd.Series([histogram.encode()])).percentiles(percents).tolist() == [
        histogram.percentiles_us(percents)
    ]


@pytest.mark.parametrize("dense", [0, 16])
def test_merging_by_table_and_by_sorting_give_the_same(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histograms, "DENSE", dense)
    random = np.random.default_rng(3)
    row = np.sort(random.integers(0, 40, 4_000))
    bucket, count = random.integers(500, 900, 4_000), random.integers(1, 9, 4_000)
    groups = random.integers(-1, 6, 40)
    merged = Histograms(40, row, bucket, count).merge(groups, 8)

    told: dict[tuple[int, int], int] = {}
    for each, where, many in zip(groups[row].tolist(), bucket.tolist(), count.tolist(), strict=True):
        if each >= 0:
            told[each, where] = told.get((each, where), 0) + many
    found = zip(merged.row.tolist(), merged.bucket.tolist(), merged.count.tolist(), strict=True)
    assert [((each, where), many) for each, where, many in found] == sorted(told.items())


def test_percentile_is_the_value_at_the_ceiling_of_the_rank(encode: Encode) -> None:
    values = decode(pd.Series([encode(range(1, 101)), encode(range(1, 11))])).percentiles((50, 95, 99))

    assert values.tolist() == [[50, 95, 99], [5, 10, 10]]


def test_rows_of_group_minus_one_are_left_out_and_a_group_without_rows_is_empty(encode: Encode) -> None:
    histograms = decode(pd.Series([encode([10]), encode([20, 30]), encode([40])]))

    merged = histograms.merge(np.array([1, -1, 1]), 3)

    assert merged.totals().tolist() == [0, 2, 0]
    percentiles = merged.percentiles((100,))[:, 0]
    assert percentiles[1] == 40
    assert math.isnan(percentiles[0])
    assert math.isnan(percentiles[2])


def test_empty_text_and_a_histogram_without_values_have_no_percentile(encode: Encode) -> None:
    histograms = decode(pd.Series(["", encode([])]))

    assert histograms.totals().tolist() == [0, 0]
    assert np.isnan(histograms.percentiles((50,))).all()


def test_no_histogram_at_all() -> None:
    assert decode(pd.Series([], dtype="str")).percentiles((50,)).shape == (0, 1)


@pytest.mark.parametrize("text", ["AAAA", "not base64!", "x" * 40, "HISTFAAAAAB42g=="])
def test_text_that_is_no_histogram_is_named_by_its_row(encode: Encode, text: str) -> None:
    with pytest.raises(RunError, match="series row 7: hdr is no HdrHistogram"):
        decode(pd.Series([encode([5]), text], index=[3, 7]))


def test_a_cut_off_histogram_is_an_error(encode: Encode) -> None:
    with pytest.raises(RunError, match="series row 0"):
        decode(pd.Series([encode(range(1, 500))[:-8]]))


def test_another_layout_is_an_error() -> None:
    other = HdrHistogram(1, 1_000_000, 2)
    other.record_value(7)

    with pytest.raises(RunError, match="hdr covers"):
        decode(pd.Series([other.encode().decode()]))
