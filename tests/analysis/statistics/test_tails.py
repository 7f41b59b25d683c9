from __future__ import annotations

import pytest

from analysis.report import readings
from analysis.statistics import split_tail, tail_attribution
from analysis.statistics.tails import BETWEEN, LAG, QUEUE, components


def span(at, operation: int, stage: str, begin: float, end: float, kind: str = "transform"):
    return (operation, stage, kind, at(begin), at(end), "ok")


def test_the_stage_that_was_slow_in_the_tail_supplies_its_time(at, table, operation) -> None:
    rows, spans = [], []
    for k in range(200):
        slow = 0.5 if k >= 198 else 0.0
        rows.append(operation(k, 0.0, 0.1 + k * 1e-6 + slow))
        spans.append(span(at, k, "router", 0.001, 0.011, "route"))
        spans.append(span(at, k, "model", 0.011, 0.1 + k * 1e-6 + slow))
    frame = tail_attribution(table("operations", rows), table("spans", spans)).set_index("component")

    assert frame.index[0] == "model"
    assert frame.loc["model", "extra_ms"] == pytest.approx(500, rel=0.01)
    assert frame.loc["model", "extra_pct"] == pytest.approx(100, rel=0.01)
    assert frame.loc["model", "dominates_pct"] == 100
    assert frame.loc["router", "extra_ms"] == pytest.approx(0, abs=0.01)
    assert frame.loc["router", "kind"] == "route"
    assert frame.loc[LAG, "kind"] == "harness"


def test_what_other_routes_take_is_parted_from_what_was_slower(at, table, operation) -> None:
    """Of 1,000 operations 900 are answered in 25 ms, 100 by another route in 60 ms; ten of these take 90 ms."""
    rows, spans = [], []
    for k in range(1000):
        other = k >= 900
        took = 0.090 if k >= 990 else 0.060 if other else 0.025
        rows.append(operation(k, 0.0, took + k * 1e-7, route="premium" if other else "fast", tier=int(other)))
        spans.append(span(at, k, "premium" if other else "fast", 0.001, took + k * 1e-7))
    frame = tail_attribution(table("operations", rows), table("spans", spans)).set_index("component")

    names = ["tail_ms", "same_routes_ms", "median_ms", "other_routes_ms", "slower_ms"]
    assert frame.loc["premium", names].tolist() == pytest.approx([89, 59, 0, 59, 30], abs=0.2)
    assert frame.loc["fast", names].tolist() == pytest.approx([0, 0, 24, -24, 0], abs=0.2)
    assert (frame["other_routes_ms"] + frame["slower_ms"]).tolist() == pytest.approx(frame["extra_ms"].tolist())
    assert "+35.0 ms since other routes answered them, +30.0 ms since they were slower" in readings.tail(
        frame.reset_index()
    )


def test_every_moment_of_an_operation_belongs_to_one_component(at, table, operation) -> None:
    operations = table("operations", [operation(1, 0.0, 1.0, start_ns=at(0.1), entered_ns=at(0.3))])
    spans = [
        span(at, 1, "a", 0.3, 0.5),
        span(at, 1, "b", 0.4, 0.9),  # side by side with a: a was waited for until 0.4 only
        span(at, 1, "c", 0.5, 0.6),  # and c not at all
    ]
    row = components(operations, table("spans", spans)).loc[1]

    assert row.to_dict() == pytest.approx({LAG: 100, QUEUE: 200, BETWEEN: 100, "a": 100, "b": 500, "c": 0}, abs=1e-6)


def test_spans_that_outlive_their_operation_are_cut(at, table, operation) -> None:
    spans = table("spans", [span(at, 1, "a", 0.5, 3.0)])
    row = components(table("operations", [operation(1, 0.0, 1.0)]), spans).loc[1]

    assert row["a"] == pytest.approx(500)
    assert row.sum() == pytest.approx(1000)


def test_an_operation_that_never_entered_a_stage_queued(at, table, operation) -> None:
    row = components(table("operations", [operation(1, 0.0, 1.0, entered_ns=None)]), table("spans", [])).loc[1]

    assert row[QUEUE] == pytest.approx(1000)


def test_the_tail_is_of_operations_that_ended_ok(table, operation) -> None:
    rows = [operation(k, 0.0, 0.1 + k / 1000) for k in range(100)]
    rows += [operation(100 + k, 0.0, 9.0, outcome="timeout") for k in range(100)]
    split = split_tail(table("operations", rows), percent=98)

    assert split.tail.tolist() == [98, 99]
    assert split.beyond_ms == pytest.approx(197)
    assert set(split.median) <= set(range(43, 56))


@pytest.mark.parametrize("count", [0, 1, 20])
def test_too_few_operations_have_no_tail(table, operation, count: int) -> None:
    operations = table("operations", [operation(k, 0.0, 0.1) for k in range(count)])

    assert tail_attribution(operations, table("spans", [])).empty
