from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.criteria.criteria import (
    DEFAULT_CRITERIA,
    judge_criteria,
    parse_criteria,
    parse_criterion,
    read_criteria,
)
from harness.judge.criteria.steady import WHOLE_RUN, Steady
from harness.judge.entry import Status
from harness.measure.series import Cell, Key
from harness.measure.series_csv import SeriesRow
from harness.words.errors import CriteriaError
from harness.words.operation import STOPPED_ROUTE


def row(second=0, values_ms=(5.0,), outcome="ok", users=10, route="fast"):
    """Return a row of operations that took ``values_ms``."""
    taken_ns = [round(value * 1_000_000) for value in values_ms]
    cell = Cell()
    cell.count, cell.sum_ns = len(taken_ns), sum(taken_ns)
    cell.min_ns, cell.max_ns = min(taken_ns, default=None), max(taken_ns, default=0)
    for response_ns in taken_ns:
        cell.histogram.add(response_ns // 1000)
    return SeriesRow(Key(second, "NormalUser", 4, None, route, 0, outcome), cell, users)


def judged(text, rows, steady=WHOLE_RUN, **of_checks):
    (entry,) = judge_criteria([parse_criterion(text)], rows, of_checks, steady)
    return entry


def status(text, rows, **of_checks):
    return judged(text, rows, **of_checks).status


class TestGrammar:
    @pytest.mark.parametrize(
        ("line", "metric", "compare", "number", "users_compare", "users"),
        [
            ("p95_ms < 500", "p95_ms", "<", 500.0, None, None),
            ("p95_ms<500", "p95_ms", "<", 500.0, None, None),
            ("  p999_ms   <=  0.25 ms ", "p999_ms", "<=", 0.25, None, None),
            ("p95_ms < 500 at users >= 100", "p95_ms", "<", 500.0, ">=", 100),
            ("p95_ms < 500ms at users>=100", "p95_ms", "<", 500.0, ">=", 100),
            ("p95_ms < 500 at\tusers == 1", "p95_ms", "<", 500.0, "==", 1),
            ("consistency_pct == 100", "consistency_pct", "==", 100.0, None, None),
            ("availability_pct >= 99.9 %", "availability_pct", ">=", 99.9, None, None),
            ("failed_pct < 1% at users > 5", "failed_pct", "<", 1.0, ">", 5),
            ("throughput_rps > 200 /s", "throughput_rps", ">", 200.0, None, None),
            ("operations >= 1000", "operations", ">=", 1000.0, None, None),
        ],
    )
    def test_a_criterion_is_read(self, line, metric, compare, number, users_compare, users):
        criterion = parse_criterion(line)
        assert (criterion.metric, criterion.compare, criterion.number) == (metric, compare, number)
        assert (criterion.users_compare, criterion.users) == (users_compare, users)
        assert criterion.text == " ".join(line.split())

    @pytest.mark.parametrize(
        "line",
        [
            *("p95_ms", "p95_ms <", "p95_ms 500", "< 500", "p95_ms = 500", "p95_ms => 500", "p95_ms != 500"),
            *("p95_ms < x", "p95_ms < -1", "p95_ms < 1e3", "p95_ms < 1,000", "p95_ms < .5", "p95_ms < 5."),
            *("p95_ms < 500 seconds", "p95_ms < 500 at", "p95_ms < 500 at users", "p95_ms < 500 users >= 100"),
            *("p95_ms < 500 at users >= 99.5", "p95_ms < 500 at workers >= 2", "p95_ms < 500 and p99_ms < 900"),
            *("p95_ms < 500; rm -rf", "p95 ms < 500", "500 > p95_ms", "p95_ms < 500 at users >= 100 at users < 200"),
        ],
    )
    def test_what_is_no_criterion_is_refused_with_an_example_of_one(self, line):
        with pytest.raises(CriteriaError) as caught:
            parse_criterion(line)
        assert str(caught.value) == f"{line!r} is no criterion, expected e.g. 'p95_ms < 500 at users >= 100'"

    @pytest.mark.parametrize("metric", ["p94_ms", "P95_MS", "latency", "availability", "p95_us"])
    def test_an_unknown_metric_is_refused_and_the_known_ones_are_named(self, metric):
        with pytest.raises(CriteriaError) as caught:
            parse_criterion(f"{metric} < 500")
        assert f"no metric {metric!r}, expected one of p50_ms, " in str(caught.value)
        assert "availability_pct" in str(caught.value)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("p95_ms < 500 %", "p95_ms is in ms, found '%'"),
            ("availability_pct >= 99 ms", "availability_pct is in %, found 'ms'"),
            ("throughput_rps > 5 ms", "throughput_rps is in /s, found 'ms'"),
            ("operations > 5 %", "operations is in no unit, found '%'"),
            ("consistency_pct == 100 at users >= 10", "consistency_pct is over the whole run, found 'at users'"),
            ("accuracy_pct == 100 at users >= 10", "accuracy_pct is over the whole run, found 'at users'"),
        ],
    )
    def test_a_unit_or_window_that_is_not_the_metric_s_is_refused(self, line, message):
        with pytest.raises(CriteriaError) as caught:
            parse_criterion(line)
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        "line",
        [
            *(f"failed_pct {compare}" for compare in ("<= 1000", "<= 100", "< 100.001", ">= 0")),
            *("availability_pct >= 0", "consistency_pct <= 100", "accuracy_pct >= 0 %", "operations >= 0"),
            *("throughput_rps >= 0", "fallback_latency_x >= 0", "max_ms >= 0.0", "p95_ms >= 0 at users >= 5"),
            *("p95_ms < 3700000", "p50_ms <= 99999999999 ms"),
        ],
    )
    def test_one_that_no_run_could_fail_is_refused(self, line):
        with pytest.raises(CriteriaError, match=r"^'.*' cannot fail: \w+ is always (at least 0|between 0 and )"):
            parse_criterion(line)

    @pytest.mark.parametrize(
        "line",
        [
            *("failed_pct > 100", "failed_pct == 100.5", "availability_pct >= 101", "consistency_pct == 1000"),
            *("p95_ms < 0", "throughput_rps < 0", "operations < 0", "fallback_latency_x < 0.0", "p99_ms > 3700000"),
        ],
    )
    def test_one_that_no_run_could_hold_is_refused(self, line):
        with pytest.raises(CriteriaError, match=r"^'.*' cannot hold: \w+ is always (at least 0|between 0 and )"):
            parse_criterion(line)

    @pytest.mark.parametrize(
        "line",
        [
            *("failed_pct < 100", "failed_pct <= 0", "failed_pct > 0", "availability_pct == 100", "accuracy_pct == 0"),
            *("p95_ms <= 0", "p95_ms < 3600000", "p95_ms > 0", "operations > 0", "operations == 0", "max_ms < 9999999"),
            *("throughput_rps >= 0.001", "p95_ms < 5 at users == 0", "p95_ms < 5 at users > 999999999"),
        ],
    )
    def test_one_that_some_runs_hold_and_others_fail_is_read(self, line):
        assert parse_criterion(line).text == line

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("p95_ms < " + "9" * 400, "too large"),
            ("throughput_rps > " + "9" * 400, "too large"),
            ("failed_pct <= 1" + "0" * 300, "cannot fail"),
            ("p95_ms < 5 at users >= " + "9" * 5000, "of 5,000 digits"),
            ("p95_ms < 5 at users >= 1000000000", "of 10 digits"),
            ("p95_ms < 5 at users < 0", "no second has users < 0"),
            ("x" * 5000, "is no criterion"),
            ("x" * 5000 + " < 1", "no metric"),
        ],
    )
    def test_numbers_and_words_of_any_length_are_refused_in_a_short_line(self, line, why):
        with pytest.raises(CriteriaError, match=why) as caught:
            parse_criterion(line)
        assert len(str(caught.value)) < 350

    @given(st.sampled_from(["failed_pct", "p95_ms", "operations"]), st.sampled_from(["<", "<=", ">", ">=", "=="]))
    def test_what_is_read_holds_for_one_possible_value_and_not_for_another(self, metric, compare):
        possible = [0.0, 0.5, 50.0, 99.5, 100.0]
        for number in ("0", "0.5", "50", "100", "100.5"):
            try:
                criterion = parse_criterion(f"{metric} {compare} {number}")
            except CriteriaError:
                continue
            more = [] if metric == "failed_pct" else [100.5, 1000.0]
            assert {criterion.holds(value) for value in [*possible, *more]} == {True, False}

    @given(st.text(max_size=40))
    def test_any_line_is_a_criterion_or_a_message_on_one_line(self, line):
        try:
            parse_criterion(line)
        except CriteriaError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017

    def test_blank_lines_and_comments_are_skipped(self):
        text = "\n# all of it\n  p95_ms < 500   # the report's\n\t\nconsistency_pct == 100\n"
        assert [c.text for c in parse_criteria(text, "x")] == ["p95_ms < 500", "consistency_pct == 100"]

    def test_an_error_names_file_and_line(self, tmp_path):
        path = tmp_path / "mine.criteria"
        path.write_text("# mine\n\np95_ms < 500\np96_ms < 1\n", encoding="utf-8")
        with pytest.raises(CriteriaError) as caught:
            read_criteria(path)
        assert str(caught.value).startswith(f"{path}:4: no metric 'p96_ms', expected ")

    @pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n"])
    def test_a_file_without_a_criterion_is_refused(self, tmp_path, text):
        path = tmp_path / "empty.criteria"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CriteriaError, match=r"empty\.criteria: no criterion found, expected"):
            read_criteria(path)

    def test_a_file_that_cannot_be_read_is_refused_with_the_reason(self, tmp_path):
        with pytest.raises(CriteriaError, match=r"absent: cannot read criteria: No such file"):
            read_criteria(tmp_path / "absent")
        with pytest.raises(CriteriaError, match=r"cannot read criteria: Is a directory"):
            read_criteria(tmp_path)

    def test_a_file_that_is_not_utf_8_is_refused_with_the_reason(self, tmp_path):
        path = tmp_path / "latin"
        path.write_bytes(b"p95_ms < 500 # \xe4\n")
        with pytest.raises(CriteriaError, match="cannot read criteria: not UTF-8"):
            read_criteria(path)

    def test_a_byte_order_mark_is_no_part_of_the_first_criterion(self, tmp_path):
        path = tmp_path / "windows"
        path.write_bytes(b"\xef\xbb\xbfp95_ms < 500\r\n")
        assert [criterion.text for criterion in read_criteria(path)] == ["p95_ms < 500"]

    def test_the_default_criteria_are_those_of_the_reports(self):
        assert [criterion.text for criterion in parse_criteria(DEFAULT_CRITERIA, "default")] == [
            "p95_ms < 500 at users >= 100",
            "consistency_pct == 100",
            "availability_pct >= 99.9",
        ]


class TestBoundaries:
    @pytest.mark.parametrize(
        ("compare", "below", "at", "above"),
        [
            ("<", Status.PASS, Status.FAIL, Status.FAIL),
            ("<=", Status.PASS, Status.PASS, Status.FAIL),
            ("==", Status.FAIL, Status.PASS, Status.FAIL),
            (">=", Status.FAIL, Status.PASS, Status.PASS),
            (">", Status.FAIL, Status.FAIL, Status.PASS),
        ],
    )
    @pytest.mark.parametrize(
        "metric", ["p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "mean_ms", "min_ms", "max_ms"]
    )
    def test_a_latency_at_its_limit_is_judged_by_the_comparison(self, metric, compare, below, at, above):
        for value, expected in ((499.0, below), (500.0, at), (501.0, above)):
            assert status(f"{metric} {compare} 500", [row(values_ms=[value])]) is expected

    @pytest.mark.parametrize(("failed", "expected"), [(0, Status.PASS), (1, Status.PASS), (2, Status.FAIL)])
    def test_one_failure_in_a_thousand_is_an_availability_of_exactly_99_9_percent(self, failed, expected):
        rows = [row(values_ms=[5.0] * (1000 - failed)), row(values_ms=[5.0] * failed, outcome="failed")]
        assert status("availability_pct >= 99.9", rows) is expected

    @pytest.mark.parametrize(
        ("compare", "expected"), [("<", Status.FAIL), ("<=", Status.PASS), ("==", Status.PASS), (">", Status.FAIL)]
    )
    def test_one_failure_in_a_thousand_is_exactly_0_1_percent_failed(self, compare, expected):
        rows = [row(values_ms=[5.0] * 999), row(values_ms=[5.0], outcome="failed")]
        assert status(f"failed_pct {compare} 0.1", rows) is expected

    @pytest.mark.parametrize(("value", "expected"), [(100.0, Status.PASS), (99.99999, Status.FAIL)])
    def test_consistency_is_what_its_checker_measured(self, value, expected):
        entry = judged("consistency_pct == 100", [], consistency=value)
        assert entry.status is expected
        assert entry.detail == "measured by the checker 'consistency'"

    def test_a_failed_percentage_is_not_shown_as_its_limit(self):
        entry = judged("consistency_pct == 100", [], consistency=99.99999)
        assert entry.actual != "100 %"
        assert entry.target == "== 100 %"

    def test_a_limit_is_shown_as_it_was_written(self):
        assert judged("operations > 1234567", [row()]).target.replace(",", "") == "> 1234567"
        assert judged("p95_ms < 0.25", [row()]).target == "< 0.25 ms"


class TestMeasures:
    def test_latency_is_over_operations_that_ended_ok(self):
        rows = [row(values_ms=[5.0] * 80), *(row(values_ms=[9000.0] * 40, outcome=o) for o in ("failed", "cancelled"))]
        assert judged("max_ms < 6", rows).actual == "5 ms"
        assert judged("max_ms < 6", rows).detail == "over 80 that ended ok of 160 operations in 1 seconds"
        assert status("p95_ms < 6", rows) is Status.PASS

    @pytest.mark.parametrize("metric", ["p95_ms", "mean_ms", "max_ms", "min_ms"])
    def test_the_latency_of_a_few_that_ended_ok_stands_for_no_others(self, metric):
        rows = [row(values_ms=[5.0] * 49), row(values_ms=[1.0] * 51, outcome="failed")]
        entry = judged(f"{metric} < 500", rows)
        assert entry.status is Status.UNKNOWN
        assert "fewer than half" in entry.detail

    def test_percentiles_are_over_all_rows_together_and_no_mean_of_rows(self):
        rows = [row(n, values_ms=[1.0] * 99) for n in range(9)] + [row(9, values_ms=[1000.0] * 9)]
        assert judged("p95_ms < 2", rows).status is Status.PASS
        assert judged("p999_ms < 1000", rows).status is Status.FAIL

    def test_mean_and_extremes(self):
        rows = [row(0, values_ms=[1.0, 2.0]), row(1, values_ms=[9.0])]
        assert judged("mean_ms < 5", rows).actual == "4 ms"
        assert judged("min_ms < 5", rows).actual == "1 ms"
        assert judged("max_ms < 5", rows).actual == "9 ms"

    def test_availability_counts_every_outcome_but_what_the_harness_cancelled(self):
        rows = [row(values_ms=[5.0] * 6)]
        rows += [row(values_ms=[5.0], outcome=outcome) for outcome in ("failed", "timeout", "shed", "cancelled")]
        rows += [row(values_ms=[5.0] * 50, outcome="cancelled", route=STOPPED_ROUTE)]
        assert judged("availability_pct > 0", rows).actual == "60 %"
        assert judged("failed_pct > 0", rows).actual == "40 %"

    def test_operations_count_every_outcome(self):
        rows = [row(outcome=outcome) for outcome in ("ok", "failed", "timeout", "shed", "cancelled")]
        assert judged("operations >= 5", rows).actual == "5"

    def test_throughput_is_operations_per_second_of_the_run(self):
        rows = [row(second, values_ms=[5.0] * 20) for second in range(10)]
        assert judged("throughput_rps >= 20", rows).actual == "20 /s"

    def test_a_stall_lowers_the_throughput(self):
        rows = [row(0, values_ms=[5.0] * 10), row(59, values_ms=[5.0] * 10)]
        assert status("throughput_rps < 1", rows) is Status.PASS

    def test_seconds_with_other_users_are_no_stall_of_the_throughput(self):
        users = [50, 50, 50, 50, 5, 5, 5, 50, 50, 50, 50]
        rows = [row(second, [5.0] * 20, users=count) for second, count in enumerate(users)]
        assert judged("throughput_rps >= 20 at users >= 50", rows).actual == "20 /s"
        del rows[8]
        assert judged("throughput_rps >= 20 at users >= 50", rows).actual == "15 /s"  # 3 of 4 seconds inside
        short = [row(second, [5.0] * 20, users=50 if second % 3 else 5) for second in range(12)]
        assert judged("throughput_rps < 1 at users >= 50", short).status is Status.UNKNOWN

    def test_a_detail_says_how_much_was_measured(self):
        rows = [row(second, values_ms=[5.0] * 600) for second in range(2)]
        assert judged("p95_ms < 6", rows).detail == "over 1,200 operations in 2 seconds"


class TestWindows:
    ROWS = (row(0, [1.0], users=50), row(1, [10.0], users=99), row(2, [100.0], users=100), row(3, [900.0], users=None))

    @pytest.mark.parametrize(
        ("window", "actual"),
        [
            ("", "900 ms"),
            ("at users >= 100", "100 ms"),
            ("at users > 99", "100 ms"),
            ("at users < 100", "10 ms"),
            ("at users <= 50", "1 ms"),
            ("at users == 99", "10 ms"),
        ],
    )
    def test_only_seconds_with_those_users_count_and_never_one_nobody_measured(self, window, actual):
        assert judged(f"max_ms < 5000 {window}", self.ROWS).actual == actual

    def test_a_window_that_never_came_is_unknown_and_says_how_many_users_there_were(self):
        entry = judged("p95_ms < 500 at users >= 101", self.ROWS)
        assert (entry.status, entry.actual) == (Status.UNKNOWN, None)
        assert entry.detail == "no second had users >= 101 (at most 100)"

    @pytest.mark.parametrize("metric", ["p50_ms", "p999_ms", "mean_ms", "min_ms", "max_ms", "availability_pct"])
    @pytest.mark.parametrize("compare", ["<", "<=", ">", ">=", "=="])
    def test_no_comparison_passes_on_absent_data(self, metric, compare):
        assert status(f"{metric} {compare} 1", []) is Status.UNKNOWN
        assert status(f"{metric} {compare} 1 at users >= 101", self.ROWS) is Status.UNKNOWN

    @pytest.mark.parametrize("metric", ["operations", "throughput_rps", "failed_pct"])
    def test_a_count_of_a_window_that_never_came_is_absent_too(self, metric):
        assert status(f"{metric} < 10", []) is Status.UNKNOWN
        assert status(f"{metric} < 10 at users >= 101", self.ROWS) is Status.UNKNOWN

    @pytest.mark.parametrize("metric", ["p95_ms", "mean_ms", "min_ms", "max_ms"])
    def test_a_latency_is_unknown_where_nothing_ended_ok(self, metric):
        entry = judged(f"{metric} < 500", [row(outcome="failed")])
        assert (entry.status, entry.detail) == (Status.UNKNOWN, "no operation ended ok")

    def test_availability_is_zero_where_the_target_ended_nothing_ok_and_unknown_where_we_cancelled_everything(self):
        assert judged("availability_pct >= 99", [row(outcome="failed")]).actual == "0 %"
        assert judged("availability_pct >= 99", [row(outcome="cancelled")]).actual == "0 %"
        assert status("availability_pct >= 99", [row(outcome="cancelled", route=STOPPED_ROUTE)]) is Status.UNKNOWN

    @pytest.mark.parametrize(("metric", "checker"), [("consistency_pct", "consistency"), ("accuracy_pct", "accuracy")])
    def test_a_percentage_its_checker_did_not_measure_is_unknown(self, metric, checker):
        assert status(f"{metric} == 100", self.ROWS, **{checker: None}) is Status.UNKNOWN
        entry = judged(f"{metric} == 100", self.ROWS)
        assert (entry.status, entry.detail) == (Status.UNKNOWN, f"the checker '{checker}' had nothing to compare")

    def test_each_criterion_has_its_own_window_and_its_own_entry_in_order(self):
        criteria = parse_criteria("max_ms < 5 at users < 60\nmax_ms < 5\nmax_ms < 5 at users > 500\n", "x")
        entries = judge_criteria(criteria, iter(self.ROWS), {})
        assert [entry.status for entry in entries] == [Status.PASS, Status.FAIL, Status.UNKNOWN]
        assert [entry.name for entry in entries] == [criterion.text for criterion in criteria]

    def test_every_criterion_is_required(self):
        assert all(entry.required for entry in judge_criteria(parse_criteria(DEFAULT_CRITERIA, "x"), [], {}))


class TestSteadyState:
    WARM_UP = tuple(row(second, [100.0] * 10, users=5) for second in range(3))
    STEADY = tuple(row(second, [10.0] * 20, users=10) for second in range(3, 13))
    ROWS = WARM_UP + STEADY
    FROM_3 = Steady(3, 3)

    @pytest.mark.parametrize(
        ("text", "actual", "whole"),
        [
            ("p95_ms < 500", "10 ms", "100 ms"),
            ("max_ms < 500", "10 ms", "100 ms"),
            ("mean_ms < 500", "10 ms", "21.7391304 ms"),
            ("throughput_rps > 10", "20 /s", "18.1818182 /s"),
        ],
    )
    def test_a_criterion_is_judged_without_the_warm_up_and_both_numbers_are_told(self, text, actual, whole):
        entry = judged(text, self.ROWS, self.FROM_3)
        assert (entry.status, entry.actual, entry.concern) == (Status.PASS, actual, None)
        assert entry.detail == (f"over 200 operations in 10 seconds; the whole run with its warm-up of 3 s: {whole}")

    def test_availability_is_judged_without_the_warm_up(self):
        rows = [*self.ROWS, row(1, outcome="failed")]
        entry = judged("availability_pct == 100", rows, self.FROM_3)
        assert (entry.status, entry.actual) == (Status.PASS, "100 %")
        assert entry.concern == "availability_pct == 100 holds only without the warm-up of 3 s (99.5670996 % with it)"

    def test_where_no_more_than_the_start_of_users_is_left_out_the_detail_says_why(self):
        entry = judged("p95_ms < 500", self.ROWS, Steady(3, 3, "no steady state was found"))
        assert entry.actual == "10 ms"
        assert "warm-up of 3 s (while users were started; no steady state was found): 100 ms" in entry.detail

    def test_what_holds_without_the_warm_up_only_is_a_concern_that_names_both(self):
        entry = judged("p95_ms < 50", self.ROWS, self.FROM_3)
        assert (entry.status, entry.actual) == (Status.PASS, "10 ms")
        assert entry.concern == "p95_ms < 50 holds only without the warm-up of 3 s (100 ms with it)"

    def test_what_breaks_in_the_steady_state_fails_though_the_whole_run_would_hold(self):
        rows = [*(row(s, [1.0] * 900) for s in range(3)), *self.STEADY]
        entry = judged("mean_ms < 5", rows, self.FROM_3)
        assert (entry.status, entry.concern) == (Status.FAIL, None)
        assert entry.detail.endswith("with its warm-up of 3 s: 1.62068966 ms")

    def test_a_number_of_operations_is_of_the_whole_run(self):
        assert judged("operations >= 1", self.ROWS, self.FROM_3).actual == "230"

    def test_users_restrict_the_steady_state_further(self):
        rows = [*self.ROWS, row(13, [30.0] * 20, users=20)]
        assert judged("max_ms < 500 at users >= 20", rows, self.FROM_3).actual == "30 ms"
        assert judged("max_ms < 500 at users <= 10", rows, self.FROM_3).actual == "10 ms"

    def test_seconds_of_the_warm_up_alone_are_judged_and_said_to_be(self):
        entry = judged("max_ms < 500 at users == 5", self.ROWS, self.FROM_3)
        assert (entry.status, entry.actual) == (Status.PASS, "100 ms")
        assert entry.detail.endswith("; the warm-up included: none of these seconds is in the steady state")

    def test_a_run_without_a_steady_state_is_judged_whole_and_says_so(self):
        entry = judged("p95_ms < 50", self.ROWS, Steady(None, why_no_more="no steady state was found"))
        assert (entry.status, entry.actual, entry.concern) == (Status.FAIL, "100 ms", None)
        assert entry.detail.endswith("; the warm-up included: no steady state was found")

    @pytest.mark.parametrize("steady", [WHOLE_RUN, Steady(0, 0)])
    def test_a_run_without_warm_up_or_with_a_load_that_changes_by_plan_needs_no_remark(self, steady):
        assert judged("p95_ms < 500", self.ROWS, steady).detail == "over 230 operations in 13 seconds"


class TestFallbackLatency:
    def test_it_is_a_ratio_that_the_history_gave(self):
        entry = judged("fallback_latency_x < 2", [], **{"fallback latency": 1.5})
        assert (entry.status, entry.actual, entry.target) == (Status.PASS, "1.5", "< 2")
        assert not any(mark in entry.detail for mark in (";", " ("))  # where the terminal would cut it
        assert judged("fallback_latency_x < 2", [], **{"fallback latency": 2.5}).status is Status.FAIL

    def test_without_an_open_breaker_it_is_unknown_and_says_so(self):
        entry = judged("fallback_latency_x < 2", [], **{"fallback latency": None})
        assert (entry.status, entry.actual) == (Status.UNKNOWN, None)
        assert "breaker was open" in entry.detail
