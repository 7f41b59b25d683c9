from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure import packed as packing
from harness.measure.histogram import HIGHEST_US, SUB_BUCKETS, bucket_of, buckets_of
from harness.measure.packed import CHUNK, OperationPacker, SpanPacker, packed
from harness.measure.series import Merged, Series
from harness.words.clock import Epoch
from harness.words.operation import STOPPED_ROUTE, Flag, Outcome, Span

US = 1000
TEXTS = st.none() | st.sampled_from(["fast", "slow", "", "nul\0", "\ud800"])
FIELDS = st.fixed_dictionaries(
    {
        "ordinal": st.integers(0, 9),
        "worker": st.integers(0, 2),
        "user": st.integers(0, 2**31 - 1),
        "scenario": st.text(max_size=3),
        "priority": st.integers(0, 9),
        "expected_route": TEXTS,
        "start_ns": st.integers(0, 10**10),
        "entered_ns": st.none() | st.integers(0, 10**10),
        "response_ms": st.floats(0.001, 3_000.0),
        "outcome": st.sampled_from(list(Outcome)),
        "route": TEXTS,
        "asked_route": TEXTS,
        "confidence": st.none() | st.floats(-1, 1, width=32),
        "tier": st.integers(0, 3),
        "attempts": st.integers(0, 9),
        "flag": st.none() | st.sampled_from(list(Flag)),
        "error": st.none() | st.text(max_size=3),
    }
)
MANY = st.lists(FIELDS, max_size=30)


@given(MANY)
def test_what_was_packed_is_what_comes_out_in_order(operation, many):
    operations = [operation(**fields) for fields in many]
    assert [made for chunk in packed(operations) for made in chunk.operations()] == operations


@pytest.mark.parametrize("count", [CHUNK - 1, CHUNK, 2 * CHUNK + 1])
def test_no_operation_is_lost_between_chunks(operation, count):
    chunks = list(packed(operation(n) for n in range(count)))
    assert [len(chunk.rows) for chunk in chunks[:-1]] == [CHUNK] * (len(chunks) - 1)
    assert [made.id for chunk in chunks for made in chunk.operations()] == list(range(count))


def test_what_was_taken_is_not_taken_again(operation):
    packer, spans = OperationPacker(), SpanPacker()
    assert packer.take() is spans.take() is None
    packer.add(operation())
    spans.add(1, [["router", "route", 1, 2, "ok"], ("answer", "transform", 2, 3, "error")])
    assert len(packer.take().rows) == 1
    assert list(spans.take().spans()) == [
        Span(1, "router", "route", 1, 2, "ok"),
        Span(1, "answer", "transform", 2, 3, "error"),
    ]
    assert packer.take() is spans.take() is None


@pytest.mark.parametrize("fields", [{"end_ns": 1.5}, {"start_ns": 2**63}, {"user": 2**31}, {"user": None}])
def test_an_operation_that_no_row_can_hold_is_kept_aside_with_its_error(operation, fields):
    packer = OperationPacker()
    broken = operation(1)._replace(**fields, error="of the broken one")
    for made in (operation(0), broken, operation(2)):
        packer.add(made)
    chunk = packer.take()
    assert chunk.unfit == [broken]
    assert list(chunk.operations()) == [operation(0), operation(2), broken]


def test_a_target_that_invents_routes_does_not_fill_the_memory(operation, monkeypatch):
    monkeypatch.setattr(packing, "_KEPT", 10)
    packer = OperationPacker()
    for n in range(100):
        packer.add(operation(n, route=f"r{n}", scenario=f"s{n}"))
        if n % 4 == 3:
            chunk = packer.take()
            assert len(chunk.labels) < 14
            assert [made.route for made in chunk.operations()] == [f"r{at}" for at in range(n - 3, n + 1)]


TIMES = st.integers(-5 * US, 5 * US) | st.integers(0, 4_000_000 * US) | st.integers(0, 2 * HIGHEST_US * US)


@given(st.lists(TIMES, min_size=1))
def test_buckets_of_many_times_are_those_of_each(times):
    assert buckets_of(np.array(times, dtype=np.int64)).tolist() == [bucket_of((time + 500) // 1000) for time in times]


@pytest.mark.parametrize("bucket", [0, 1, SUB_BUCKETS - 1, SUB_BUCKETS, SUB_BUCKETS + 1, 2 * SUB_BUCKETS, HIGHEST_US])
def test_buckets_change_where_they_should(bucket):
    around = np.array([bucket * US - 501, bucket * US - 500, bucket * US + 499, bucket * US + 500], dtype=np.int64)
    assert buckets_of(around).tolist() == [bucket_of((time + 500) // 1000) for time in around.tolist()]


def one_by_one(operations, offset_ns):
    """Return what a series has of operations, counted without columns."""
    cells = {}
    for made in operations:
        route = STOPPED_ROUTE if made.flag is Flag.STOPPED else made.route
        second = (made.end_ns + offset_ns) // 1_000_000_000
        key = second, made.user_class, made.priority, made.expected_route, route, made.tier, made.outcome
        clocks = cells.setdefault(key, {name: [] for name in ("response", "service", "queue", "lag")})
        for name, times in clocks.items():
            time = getattr(made, f"{name}_ns")
            if time is not None:
                times.append(time)
    return {
        key: {
            name: (sum(times), Counter(bucket_of((time + 500) // 1000) for time in times))
            for name, times in clocks.items()
        }
        | {"of": (len(clocks["response"]), min(clocks["response"]), max(clocks["response"]))}
        for key, clocks in cells.items()
    }


@given(MANY, st.integers(0, 10**18))
def test_a_series_has_what_one_by_one_was_counted(operation, many, offset_ns):
    operations = [operation(**fields) for fields in many]
    series, merged = Series(Epoch(offset_ns)), Merged()
    for chunk in packed(operations):
        series.fold(chunk)
    merged.merge(series.take())
    found = {
        key: {name: (clock.sum_ns, clock.histogram.counts) for name in ("response", "service", "queue", "lag")
              for clock in (cell.clock(name),)}
        | {"of": (cell.count, cell.min_ns, cell.max_ns)}
        for key, cell in merged._cells.items()
    }  # fmt: skip
    assert found == one_by_one(operations, offset_ns)


def test_routes_beyond_those_kept_are_counted_by_the_label_that_is_given(operation):
    series = Series(Epoch(0), lambda route: route if route < "c" else "(other)")
    for chunk in packed(operation(0, route=route) for route in "abcd"):
        series.fold(chunk)
    assert sorted((key[4], count) for key, count, *_ in series.take()) == [("(other)", 2), ("a", 1), ("b", 1)]
