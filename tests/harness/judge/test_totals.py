from __future__ import annotations

import json

import pytest

from harness.judge.criteria.steady import WHOLE_RUN, Steady
from harness.judge.totals import Totals, of_series
from harness.measure.packed import packed
from harness.measure.series import Merged, Series
from harness.measure.series_csv import SeriesRow
from harness.words.clock import Epoch
from harness.words.operation import Flag, Outcome


def totals_of(operations, **given):
    totals = Totals(**given)
    for operation in operations:
        totals.add(operation)
    return totals


def test_every_outcome_is_counted_and_absent_ones_are_zero(operation, undecided):
    content = totals_of([operation(0), operation(1), undecided(Outcome.TIMEOUT, 2)]).as_json()
    assert [content[outcome.value] for outcome in Outcome] == [2, 0, 0, 1, 0]
    assert content["operations"] == 3


def test_latency_is_of_operations_that_ended_ok_and_never_above_the_maximum(operation, undecided):
    content = totals_of([operation(0, response_ms=500.0), undecided(Outcome.FAILED, 1, response_ms=9000.0)]).as_json()
    assert [content[name] for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")] == [500.0] * 4


def test_latency_and_duration_of_nothing_are_absent_and_not_zero(undecided):
    content = totals_of([]).as_json()
    names = ("p50_ms", "p95_ms", "p99_ms", "max_ms", "duration_s", "throughput_rps")
    assert {content[name] for name in names} == {None}
    content = totals_of([undecided(Outcome.FAILED)]).as_json()
    assert {content[name] for name in names[:4]} == {None}


def test_throughput_is_over_the_time_from_first_intended_start_to_last_outcome(operation):
    content = totals_of([operation(1000, response_ms=1000.0), operation(0)]).as_json()
    assert (content["duration_s"], content["throughput_rps"]) == (2.0, 1.0)


def test_routes_and_flags_are_of_operations_that_ended_ok(operation, undecided):
    operations = [operation(n, route=route) for n, route in enumerate(["b", "a", "b", "c", "c"])]
    silent = operation(8, route=None, flag=Flag.NO_ROUTE)
    content = totals_of([*operations, silent, undecided(Outcome.FAILED, 9)]).as_json()
    assert list(content["routes"].items()) == [("b", 2), ("c", 2), ("(none)", 1), ("a", 1)]
    assert content["flagged"] == 1


def test_the_commonest_twenty_errors_are_told_with_their_counts(undecided):
    operations = [undecided(Outcome.FAILED, n)._replace(error=f"E{n % 25:02}") for n in range(26)]
    errors = totals_of(operations).as_json()["errors"]
    assert list(errors.items())[:2] == [("E00", 2), ("E01", 1)]
    assert len(errors) == 21
    assert errors["(other)"] == 5
    assert sum(errors.values()) == 26


def test_errors_that_differ_only_in_an_id_are_one_kind(undecided):
    operations = [undecided(Outcome.FAILED, n)._replace(error=f"ValueError: request {n} is lost") for n in range(301)]
    assert totals_of(operations).as_json()["errors"] == {"ValueError: request <n> is lost": 301}


def test_agreement_with_labels_is_a_confusion_matrix_of_decided_operations(operation, undecided):
    operations = [
        operation(0, scenario="a", route="fast"),
        operation(1, scenario="a", route="premium"),
        operation(2, scenario="b", route="fast"),
        operation(3, scenario="unlabelled"),
        undecided(Outcome.FAILED, 4, scenario="a"),
    ]
    content = totals_of(operations, labels={"a": "greeting", "b": "science"}).as_json()
    assert content["label_confusion"] == {"greeting": {"fast": 1, "premium": 1}, "science": {"fast": 1}}


def test_totals_can_be_written_as_json(operation, undecided):
    content = totals_of([operation(), undecided(Outcome.SHED, 1)], labels={"s1": "x"}).as_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content


@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_of_operations_does_not_matter(operation, reverse):
    operations = [operation(n, response_ms=1.0 + n, route=f"r{n % 3}") for n in range(30)]
    assert totals_of(operations[:: -1 if reverse else 1]).as_json() == totals_of(operations).as_json()


def rows_of(operations, users=10):
    series, merged = Series(Epoch(0)), Merged()
    for chunk in packed(operations):
        series.fold(chunk)
    merged.merge(series.take())
    return [SeriesRow(key, cell, users) for key, cell in merged.pop_before(None)]


class TestOfSeries:
    def test_the_four_clocks_are_of_what_ended_ok(self, operation, undecided):
        made = operation(0, response_ms=10.0)
        late = made._replace(
            start_ns=made.intended_ns + 1_000_000,
            entered_ns=made.intended_ns + 3_000_000,
            resumed_ns=made.end_ns + 500_000,
        )
        clocks = of_series(rows_of([late, undecided(Outcome.FAILED, 1)]), WHOLE_RUN)["clocks"]
        assert list(clocks) == ["response", "service", "queue", "lag"]
        assert [clock["sum_ms"] for clock in clocks.values()] == [10.0, 7.0, 2.0, 1.5]
        for clock in clocks.values():
            assert [clock[name] for name in ("p50_ms", "p95_ms", "p99_ms")] == pytest.approx(
                [clock["sum_ms"]] * 3, 1e-3
            )

    def test_what_was_not_measured_is_absent_and_not_zero(self, operation):
        content = of_series(rows_of([operation(entered_ns=None)]), WHOLE_RUN)
        assert set(content["clocks"]["service"].values()) == {None}
        assert set(content["clocks"]["queue"].values()) == {None}
        assert content["clocks"]["lag"]["sum_ms"] == 0.001
        assert {value for name, value in content.items() if "steady" in name or name == "warm_up_s"} == {None}
        assert set(of_series([], WHOLE_RUN)["clocks"]["response"].values()) == {None}

    def test_the_steady_state_stands_beside_the_whole_run(self, operation):
        second = 1_740_000_000
        warm_up = [operation(n * 100, response_ms=90.0) for n in range(20)]
        steady = [operation(2000 + n * 10, response_ms=1.5) for n in range(500)]
        content = of_series(rows_of([*warm_up, *steady]), Steady(second + 3, 3))
        assert (content["steady_from_s"], content["warm_up_s"]) == (second + 3, 3)
        assert [content[f"steady_p{n}_ms"] for n in (50, 95, 99)] == [1.5] * 3
        assert content["steady_throughput_rps"] == 100.0
        assert content["clocks"]["response"]["p99_ms"] == pytest.approx(90.0, rel=1e-3)

    def test_a_percentile_of_the_response_time_is_that_of_the_history(self, operation):
        operations = [operation(n, response_ms=0.3 + n / 700) for n in range(1000)]
        clock = of_series(rows_of(operations), WHOLE_RUN)["clocks"]["response"]
        whole = totals_of(operations).as_json()
        assert [clock[name] for name in ("p50_ms", "p95_ms", "p99_ms")] == [
            whole[name] for name in ("p50_ms", "p95_ms", "p99_ms")
        ]
