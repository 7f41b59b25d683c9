from __future__ import annotations

import base64
import math
import random
import struct
import zlib
from fractions import Fraction

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.histogram import HIGHEST_US, Histogram, bucket_of, highest_of

EDGES = sorted({edge + step for bit in range(32) for edge in (1 << bit,) for step in (-1, 0, 1)} - {-1, HIGHEST_US + 1})
VALUES = st.one_of(
    st.integers(0, HIGHEST_US),
    st.integers(0, 5000),
    st.sampled_from([edge for edge in EDGES if edge <= HIGHEST_US]),
)
MANY = st.lists(VALUES, max_size=60)
PERCENTS = (0.1, 50.0, 90.0, 95.0, 99.0, 99.9, 100.0)


def histogram_of(values_us):
    histogram = Histogram()
    for microseconds in values_us:
        histogram.add(microseconds)
    return histogram


@given(VALUES)
def test_bucket_boundaries_are_hdrs_for_any_value(reference, microseconds):
    empty = reference()
    bucket = bucket_of(microseconds)
    assert bucket == empty._counts_index_for(microseconds)
    assert highest_of(bucket) == empty.get_highest_equivalent_value(microseconds)


@given(VALUES)
def test_a_bucket_holds_its_highest_value_and_the_next_one_does_not(microseconds):
    bucket = bucket_of(microseconds)
    assert microseconds <= highest_of(bucket)
    assert bucket_of(min(highest_of(bucket), HIGHEST_US)) == bucket
    if highest_of(bucket) < HIGHEST_US:
        assert bucket_of(highest_of(bucket) + 1) == bucket + 1


@given(VALUES)
def test_no_value_is_shown_more_than_a_thousandth_too_high(microseconds):
    assert highest_of(bucket_of(microseconds)) - microseconds <= microseconds / 1000


@pytest.mark.parametrize("microseconds", [-1, -(1 << 40)])
def test_values_below_zero_count_in_the_first_bucket(microseconds):
    assert bucket_of(microseconds) == 0


@pytest.mark.parametrize("microseconds", [HIGHEST_US + 1, 10 * HIGHEST_US, 1 << 60])
def test_values_above_one_hour_count_in_the_last_bucket(microseconds):
    assert bucket_of(microseconds) == bucket_of(HIGHEST_US)
    assert len(histogram_of([microseconds])) == 1


@given(MANY)
def test_the_encoding_is_hdrs_byte_for_byte(reference, values_us):
    assert histogram_of(values_us).encode().encode("ascii") == reference(values_us).encode()


@given(MANY)
def test_what_is_encoded_is_decoded_the_same(values_us):
    histogram = histogram_of(values_us)
    assert Histogram.decode(histogram.encode()) == histogram


@given(MANY)
def test_hdr_reads_what_is_encoded(values_us):
    read = HdrHistogram.decode(histogram_of(values_us).encode())
    assert read.get_total_count() == len(values_us)
    assert {at: read.get_count_at_index(at) for at in map(bucket_of, values_us)} == histogram_of(values_us).counts


@given(st.dictionaries(VALUES.map(bucket_of), st.integers(1, 2**53), max_size=8))
def test_large_counts_survive_the_encoding(counts):
    assert Histogram.decode(Histogram(counts).encode()).counts == counts


@given(st.lists(VALUES, min_size=1, max_size=60))
def test_percentiles_are_those_of_the_nearest_rank(reference, values_us):
    ascending = sorted(values_us)
    empty = reference()
    ranks = [math.ceil(Fraction(str(percent)) * len(ascending) / 100) for percent in PERCENTS]
    expected = [empty.get_highest_equivalent_value(ascending[rank - 1]) for rank in ranks]
    assert [round(value) for value in histogram_of(values_us).percentiles_us(PERCENTS)] == expected


@given(st.lists(VALUES, min_size=1, max_size=60))
def test_percentiles_are_hdrs_where_it_does_not_round_the_rank_down(reference, values_us):
    # hdrh 0.10 rounds the rank to the nearest whole number; Java's HdrHistogram, as this one, rounds it up.
    histogram, other = histogram_of(values_us), reference(values_us)
    compared = 0
    for percent in PERCENTS:
        if other.get_target_count_at_percentile(percent) >= percent * len(values_us) / 100:
            compared += 1
            assert round(histogram.percentile_us(percent)) == other.get_value_at_percentile(percent)
    assert compared


@pytest.mark.parametrize(
    ("percent", "expected"), [(1.0, 1), (50.0, 50), (50.1, 51), (95.0, 95), (99.0, 99), (99.1, 100), (100.0, 100)]
)
def test_percentiles_of_one_to_a_hundred(percent, expected):
    assert histogram_of(range(1, 101)).percentile_us(percent) == expected


@pytest.mark.parametrize("count", [10, 1000, 100_000])
def test_a_percentile_that_falls_on_a_whole_rank_is_not_rounded_past_it(count):
    histogram = Histogram()
    histogram.add(1, count * 999 // 1000)
    histogram.add(2000, count - count * 999 // 1000)
    assert round(histogram.percentile_us(99.9)) == (2000 if count < 1000 else 1)


@given(st.integers(1, HIGHEST_US))
def test_a_single_value_is_its_own_percentile_up_to_2_ms_and_hdrs_above(reference, microseconds):
    expected = float(reference().get_highest_equivalent_value(microseconds))
    assert histogram_of([microseconds]).percentiles_us(PERCENTS) == [expected] * len(PERCENTS)


def test_values_of_one_microsecond_are_spread_evenly_over_it():
    histogram = Histogram({20: 4, 21: 2, 3000: 1})
    assert [histogram.percentile_us(100 * rank / 7) for rank in range(1, 8)] == [
        *(19.625, 19.875, 20.125, 20.375, 20.75, 21.25),
        highest_of(3000),
    ]


def test_what_rounds_to_zero_is_spread_over_half_a_microsecond():
    assert Histogram({0: 2}).percentiles_us((50.0, 100.0)) == [0.125, 0.375]


@given(st.dictionaries(st.integers(0, 3000), st.integers(1, 5), min_size=1), st.lists(st.floats(0.1, 100.0)))
def test_percentiles_ascend(counts, percents):
    found = Histogram(counts).percentiles_us(sorted(percents))
    assert found == sorted(found)


def test_an_empty_histogram_has_no_percentile():
    assert Histogram().percentile_us(50.0) is None
    assert Histogram().percentiles_us((50.0, 99.0)) == [None, None]
    assert Histogram.decode(Histogram().encode()).percentile_us(100.0) is None


@given(MANY, st.randoms(use_true_random=False), st.integers(1, 6))
def test_any_partition_merged_in_any_order_is_the_single_histogram(values_us, chance, parts):
    split = [Histogram() for _ in range(parts)]
    for microseconds in values_us:
        chance.choice(split).add(microseconds)
    chance.shuffle(split)
    merged = Histogram()
    for part in split:
        merged.merge(part.counts)
    single = histogram_of(values_us)
    assert merged == single
    assert merged.encode() == single.encode()
    assert len(merged) == len(values_us)


def test_a_copy_shares_no_counts():
    first = histogram_of([5])
    second = Histogram(first.counts)
    second.add(5)
    assert first.counts == {5: 1}


def test_histograms_of_other_counts_differ():
    assert histogram_of([5]) != histogram_of([5, 5])
    assert histogram_of([5]) != histogram_of([6])
    assert histogram_of([5]) != {5: 1}


def packed(inner: bytes, outer_cookie: int = 0x1C849314) -> str:
    compressed = zlib.compress(inner)
    return base64.b64encode(struct.pack(">ii", outer_cookie, len(compressed)) + compressed).decode()


def inner_of(cookie: int = 0x1C849313, digits: int = 3, lowest: int = 1, highest: int = HIGHEST_US) -> bytes:
    return struct.pack(">iiiiqqd", cookie, 0, 0, digits, lowest, highest, 1.0)


def test_the_headers_below_are_those_of_a_histogram():
    assert Histogram.decode(packed(inner_of())) == Histogram()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no HdrHistogram encoding"),
        ("hello", "no HdrHistogram encoding"),
        ("héllo", "no HdrHistogram encoding"),
        ("!!!!", "no HdrHistogram encoding"),
        ("AAAA", "no HdrHistogram encoding"),
        (base64.b64encode(bytes(64)).decode(), "no HdrHistogram encoding"),
        (histogram_of([1, 2, 3]).encode()[:-8], "no HdrHistogram encoding"),
        (packed(b"short"), "no HdrHistogram encoding"),
        (packed(inner_of(), outer_cookie=1), "no compressed HdrHistogram V2"),
        (packed(inner_of(cookie=1)), "no compressed HdrHistogram V2"),
        (packed(inner_of(digits=2)), "another range: 2 digits"),
        (packed(inner_of(lowest=1000)), "another range: 3 digits, 1000 to"),
        (packed(inner_of(highest=1000)), "another range: 3 digits, 1 to 1000"),
        (HdrHistogram(1, 60_000_000, 3).encode().decode(), "another range"),
    ],
)
def test_foreign_text_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        Histogram.decode(text)


@pytest.mark.parametrize("seed", range(3))
def test_a_second_of_one_label_set_takes_less_than_a_kilobyte(seed):
    chance = random.Random(seed)
    assert len(histogram_of(int(chance.lognormvariate(10, 0.5)) for _ in range(300)).encode()) < 1024
