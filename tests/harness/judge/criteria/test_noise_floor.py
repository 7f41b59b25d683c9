"""A criterion that asks for less than the harness can see is UNKNOWN, whatever was measured."""

from __future__ import annotations

import pytest

from harness.judge.criteria.criteria import parse_criterion
from harness.judge.criteria.noise_floor import NoiseFloor, above_floor, highest
from harness.judge.entry import Entry, Status

FLOOR = NoiseFloor(p50_ms=0.1, p95_ms=0.2, p99_ms=0.25, max_ms=1.3, best_p95_ms=0.08)


def judged(line, status=Status.PASS, floor=FLOOR):
    entry = Entry(line, status, "0.05 ms", "< x", "over 5 operations")
    (row,) = above_floor([parse_criterion(line)], [entry], floor)
    return row


@pytest.mark.parametrize(
    "line",
    [
        "p50_ms < 0.1",
        "p50_ms <= 0.05",
        "mean_ms < 0.1",
        "p90_ms < 0.2",
        "p95_ms < 0.2",
        "p99_ms <= 0.25",
        "p999_ms < 0.25",
        "max_ms < 0.25",
    ],
)
@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL])
def test_at_or_below_the_floor_nothing_is_decided(line, status):
    row = judged(line, status)
    assert row.status is Status.UNKNOWN
    assert "noise floor" in row.detail
    assert row.required


@pytest.mark.parametrize(
    "line",
    ["p50_ms < 0.11", "p90_ms < 0.21", "p95_ms < 0.21", "p99_ms < 0.26", "p999_ms < 0.26", "max_ms < 0.26"],
)
def test_above_it_the_decision_stands(line):
    assert judged(line).status is Status.PASS


@pytest.mark.parametrize("line", ["p95_ms > 0.1", "availability_pct <= 0.1", "operations < 1"])
def test_for_other_metrics_and_lower_bounds_the_decision_stands(line):
    assert judged(line).status is Status.PASS


@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL])
@pytest.mark.parametrize("line", ["p50_ms < 0.001", "p95_ms <= 10", "max_ms == 10"])
def test_without_a_floor_a_tight_decision_stands_and_says_so(line, status):
    row = judged(line, status, floor=None)
    assert row.status is status
    assert row.detail == (
        "over 5 operations; no noise floor was measured: whether the harness can see so little is not known"
    )


@pytest.mark.parametrize("line", ["p95_ms <= 10.1", "p95_ms > 1", "availability_pct <= 1", "throughput_rps < 1"])
def test_without_a_floor_other_decisions_are_as_they_were(line):
    assert judged(line, floor=None).detail == "over 5 operations"


def test_without_a_floor_what_was_not_measured_anyway_says_why_and_no_more():
    assert judged("p95_ms < 5", Status.UNKNOWN, floor=None).detail == "over 5 operations"


def test_with_a_floor_a_decision_above_it_is_as_it_was():
    assert judged("p95_ms < 5").detail == "over 5 operations"


def test_the_floor_of_a_run_is_the_largest_over_its_workers():
    floors = [
        NoiseFloor(p50_ms=0.1, p95_ms=0.3, p99_ms=0.5, max_ms=0.9, best_p95_ms=0.1),
        NoiseFloor(p50_ms=0.2, p95_ms=0.25, p99_ms=0.3, max_ms=4.0, best_p95_ms=0.07),
    ]
    assert highest(floors) == NoiseFloor(p50_ms=0.2, p95_ms=0.3, p99_ms=0.5, max_ms=4.0, best_p95_ms=0.1)
    assert highest([]) is None


def test_a_floor_survives_the_manifest_and_anything_else_is_none():
    assert NoiseFloor.of_json(FLOOR.as_json()) == FLOOR
    assert NoiseFloor.of_json(None) is NoiseFloor.of_json({"p50_ms": 1}) is NoiseFloor.of_json({"p50_ms": "x"}) is None
