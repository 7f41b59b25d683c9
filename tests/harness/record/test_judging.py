"""Whole run directories, judged: what a run left behind decides its verdict."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from recorded import RecordedHistory

from harness.judge.checkers.registry import registered
from harness.judge.criteria.criteria import DEFAULT_CRITERIA, parse_criteria
from harness.judge.entry import Status
from harness.judge.facts import Facts
from harness.judge.validity.user_errors import Gone
from harness.judge.validity.workers import Workers
from harness.judge.verdict import Conclusion
from harness.load.corpus.vocabulary import Vocabulary
from harness.load.faults.kinds import Fault, Where
from harness.load.faults.kinds.endings import Error
from harness.load.faults.kinds.windows import Reload
from harness.load.faults.plan import parse_fault_plan
from harness.measure.packed import packed
from harness.measure.series import Merged, Series
from harness.measure.series_csv import write_header, write_rows
from harness.record.faults_csv import HEADER, write_faults
from harness.record.history import PartWriter, parts_of, read_operations
from harness.record.judging import judge_run
from harness.record.run_directory import create_run_directory
from harness.words.clock import Epoch
from harness.words.errors import ExitCode, RunError
from harness.words.operation import Edge, Flag, Injection, Outcome

CRITERIA = parse_criteria(DEFAULT_CRITERIA, "default")


def facts(**known):
    return Facts(**{"golden": True, "deadline_ms": 30_000.0, "arrivals": 200, "locust_requests": 200, **known})


@pytest.fixture
def run(tmp_path, operation):
    """Return a function that makes a run directory of 200 operations of 10 scenarios at 100 users in two seconds.

    ``change(n, operation)`` may replace or drop (None) any of them; ``only`` names the record it is changed in.
    """

    def make(change=lambda n, op: op, only=None, baseline=True, users=100):
        directory = create_run_directory(tmp_path, "route.py")
        plain = [operation(n * 10, scenario=f"s{n % 10}") for n in range(200)]
        changed = [made for n, op in enumerate(plain) if (made := change(n, op)) is not None]
        write_history(directory.history, changed if only in (None, "history") else plain)
        write_series(directory.series, changed if only in (None, "series") else plain, users)
        if baseline:
            write_history(tmp_path, plain[:10])
            (part,) = parts_of(tmp_path, "operations").paths
            part.rename(directory.baseline)
        return directory

    return make


def write_history(folder, operations):
    buffer, writer = RecordedHistory(Epoch(0)), PartWriter(folder)
    for op in operations:
        buffer.add(op, [("router", "route", op.start_ns, op.end_ns, "ok")])
    for table, part in buffer.take().items():
        if folder.name == "history" or table == "operations":
            writer.write(table, 0, part)


def write_series(path, operations, users):
    series, merged = Series(Epoch(0)), Merged()
    for chunk in packed(operations):
        series.fold(chunk)
    merged.merge(series.take())
    with path.open("w", encoding="utf-8", newline="") as file:
        write_header(file)
        for second in merged.seconds():
            write_rows(file, merged.pop_before(second + 1), users)


def at(position, **fields):
    """Return a change of one operation."""
    return lambda n, op: op._replace(**fields) if n == position else op


def failed(count, outcome=Outcome.FAILED, flag=None):
    """Return a change that makes the last ``count`` operations end undecided."""
    nothing = {"route": None, "asked_route": None, "confidence": None, "error": "ValueError: x"}
    return lambda n, op: op._replace(outcome=outcome, flag=flag, **nothing) if n >= 200 - count else op


def statuses(entries):
    return {entry.name: entry.status for entry in entries}


def test_a_clean_run_passes_and_every_row_of_its_verdict_holds(run):
    verdict = judge_run(run(), CRITERIA, facts())
    assert (verdict.conclusion, verdict.exit_code) == (Conclusion.PASS, ExitCode.PASS)
    assert set(statuses(verdict.criteria).values()) == {Status.PASS}
    assert set(statuses(verdict.checks).values()) == {Status.VALID}
    assert statuses(verdict.checks).keys() == {
        checker.name for checker in registered() if not checker.needs and checker.name != "route vocabulary"
    }
    assert statuses(verdict.validity)["workers"] is statuses(verdict.validity)["recording"] is Status.VALID
    assert [entry.name for entry in verdict.criteria] == [criterion.text for criterion in CRITERIA]


def test_totals_are_those_of_the_history(run):
    totals = judge_run(run(failed(3)), CRITERIA, facts(labels={"s1": "greeting"})).totals
    assert (totals["operations"], totals["ok"], totals["failed"], totals["arrivals"]) == (200, 197, 3, 200)
    assert totals["routes"] == {"fast": 197}
    assert totals["errors"] == {"ValueError: x": 3}
    assert totals["label_confusion"] == {"greeting": {"fast": 20}}
    assert totals["users_max"] == 100


class TestViolations:
    @pytest.mark.parametrize(
        ("change", "checks"),
        [
            (at(150, route="premium"), {"accuracy", "consistency"}),
            (at(150, route="premium", expected_route="premium"), {"consistency"}),
            (at(150, expected_route="premium"), {"accuracy"}),
            (at(150, flag=Flag.MALFORMED), {"silent failure"}),
            (at(150, route=None, flag=Flag.NO_ROUTE), {"accuracy", "consistency", "silent failure"}),
            (failed(1, Outcome.TIMEOUT), {"hang"}),
        ],
    )
    def test_one_bad_operation_of_200_fails_the_run_and_names_its_checkers(self, run, change, checks):
        verdict = judge_run(run(change), CRITERIA, facts())
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.FAIL, ExitCode.CHECKER)
        assert {name for name, status in statuses(verdict.checks).items() if status is Status.INVALID} == checks

    def test_an_operation_that_never_ended_fails_the_run(self, run):
        verdict = judge_run(run(), CRITERIA, facts(arrivals=201))
        assert (verdict.exit_code, statuses(verdict.checks)["conservation"]) == (ExitCode.CHECKER, Status.INVALID)

    def test_an_operation_recorded_twice_fails_the_run(self, run):
        verdict = judge_run(run(lambda n, op: op._replace(id=0) if n == 9 else op), CRITERIA, facts())
        assert verdict.exit_code is ExitCode.CHECKER
        assert statuses(verdict.checks)["conservation"] is Status.INVALID

    def test_a_wrong_route_is_named_with_its_operation(self, run):
        content = judge_run(run(at(150, route="premium")), CRITERIA, facts()).as_json()
        assert content["checks"][0]["examples"] == ["0-1500"]
        assert "s0: 'premium' instead of 'fast'" in content["checks"][0]["detail"]


class TestCriteria:
    def test_a_slow_run_fails_its_criterion(self, run):
        slow = run(lambda n, op: op._replace(end_ns=op.end_ns + 600_000_000))
        verdict = judge_run(slow, CRITERIA, facts())
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.FAIL, ExitCode.CRITERION)
        assert verdict.reason == "a criterion failed: p95_ms < 500 at users >= 100"

    def test_one_failure_in_200_is_an_availability_below_99_9_percent(self, run):
        verdict = judge_run(run(failed(1)), CRITERIA, facts())
        assert (verdict.exit_code, verdict.criteria[2].actual) == (ExitCode.CRITERION, "99.5 %")

    def test_a_load_that_was_never_reached_is_inconclusive(self, run):
        verdict = judge_run(run(users=99), CRITERIA, facts())
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
        assert verdict.reason == "not measured: p95_ms < 500 at users >= 100"

    def test_users_that_nobody_measured_are_inconclusive(self, run):
        verdict = judge_run(run(users=None), CRITERIA, facts())
        assert verdict.exit_code is ExitCode.INCONCLUSIVE
        assert verdict.totals["users_max"] is None

    def test_consistency_is_the_checker_s_own_number(self, run):
        verdict = judge_run(run(at(150, route="premium")), CRITERIA, facts())
        assert (verdict.criteria[1].status, verdict.criteria[1].actual) == (Status.FAIL, "99.5 %")


class TestSteadyState:
    """Ten seconds of twenty operations each; those that begin in the first two take 700 ms longer."""

    CRITERIA = parse_criteria("p95_ms < 500\navailability_pct >= 99\n", "x")

    @staticmethod
    def slow_start(n, op):
        shift_ns = n * 40_000_000  # an operation each 50 ms instead of each 10
        moved = {name: getattr(op, name) + shift_ns for name in ("intended_ns", "start_ns", "entered_ns")}
        slow_ns = 700_000_000 if n < 40 else 0
        return op._replace(
            **moved, end_ns=op.end_ns + shift_ns + slow_ns, resumed_ns=op.resumed_ns + shift_ns + slow_ns
        )

    def test_a_slow_start_is_left_out_of_the_criteria_and_is_a_concern(self, run):
        verdict = judge_run(run(self.slow_start), self.CRITERIA, facts())
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.CONCERNS, ExitCode.PASS)
        assert verdict.reason == "p95_ms < 500 holds only without the warm-up of 3 s (705 ms with it)"
        assert verdict.criteria[0].actual == "5 ms"
        assert (verdict.totals["warm_up_s"], verdict.totals["steady_p95_ms"]) == (3, 5.0)
        assert verdict.totals["p95_ms"] > 700

    def test_a_run_whose_load_changes_by_plan_is_judged_whole(self, run):
        verdict = judge_run(run(self.slow_start), self.CRITERIA, facts(trim=False))
        assert verdict.exit_code is ExitCode.CRITERION
        assert verdict.totals["steady_from_s"] is None

    def test_a_run_of_two_seconds_is_judged_whole_and_its_details_say_so(self, run):
        verdict = judge_run(run(), self.CRITERIA, facts())
        assert verdict.conclusion is Conclusion.PASS
        assert all("too short a run" in entry.detail for entry in verdict.criteria)


class TestDoubt:
    def test_a_lost_worker_is_inconclusive_and_named(self, run):
        lost = Workers(lost=("w2 on host",))
        verdict = judge_run(run(), CRITERIA, facts(took_part=lost, arrivals=None, locust_requests=None))
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
        assert "w2 on host" in verdict.validity[0].detail
        assert statuses(verdict.checks)["conservation"] is Status.UNKNOWN

    def test_users_that_went_away_with_their_workers_are_told_of_once(self, run):
        users = Gone(since_s=1.0, there=2, asked=4)
        assert "users" in statuses(judge_run(run(), CRITERIA, facts(gone=users)).validity)
        for went in (Workers(lost=("w2",)), Workers(late={"w2": 6.0}), Workers(unreached={"w2": 6.0})):
            found = statuses(judge_run(run(), CRITERIA, facts(gone=users, took_part=went)).validity)
            assert "users" not in found

    def test_a_lost_worker_does_not_hide_a_wrong_route(self, run):
        lost = Workers(lost=("w2",))
        verdict = judge_run(run(at(150, route="premium")), CRITERIA, facts(took_part=lost, arrivals=None))
        assert verdict.exit_code is ExitCode.CHECKER

    @pytest.mark.parametrize("record", ["series", "history"])
    def test_records_that_disagree_are_inconclusive_or_worse_and_both_counts_are_shown(self, run, record):
        lost = run(lambda n, op: None if n == 60 else op, only=record)
        verdict = judge_run(lost, CRITERIA, facts())
        assert verdict.exit_code in {ExitCode.INCONCLUSIVE, ExitCode.CHECKER}
        recording = verdict.validity[1]
        assert recording.status is Status.INVALID
        assert {"history": "history 199, series 200", "series": "history 200, series 199"}[record] in recording.actual

    def test_workers_that_ran_something_else_are_inconclusive_and_the_difference_is_told(self, run):
        mismatch = "worker 1: gevent 25.1, master 26.9"
        verdict = judge_run(run(), CRITERIA, facts(workers=2, mismatches=(mismatch,)))
        assert verdict.exit_code is ExitCode.INCONCLUSIVE
        assert verdict.reason == "the run cannot be trusted: agreement"
        assert {entry.name: entry.detail for entry in verdict.validity}["agreement"] == mismatch
        assert judge_run(run(), CRITERIA, facts(workers=2)).exit_code is ExitCode.PASS

    def test_clocks_that_are_apart_are_inconclusive_and_named(self, run):
        verdict = judge_run(run(), CRITERIA, facts(clock_offsets_ms={"worker 0": 0.1, "worker 1": -300.0}))
        assert (verdict.exit_code, verdict.reason) == (
            ExitCode.INCONCLUSIVE,
            "the run cannot be trusted: clocks",
        )
        assert "worker 1 -300.0 ms" in {entry.name: entry.detail for entry in verdict.validity}["clocks"]
        assert judge_run(run(), CRITERIA, facts(clock_offsets_ms={"worker 0": 249.0})).exit_code is ExitCode.PASS

    def test_a_request_that_locust_did_not_see_is_inconclusive(self, run):
        verdict = judge_run(run(), CRITERIA, facts(locust_requests=199))
        assert verdict.exit_code is ExitCode.INCONCLUSIVE
        assert verdict.validity[1].actual == "history 200, series 200, Locust 199"

    def test_statistics_that_were_reset_in_locust_are_not_compared(self, run):
        assert judge_run(run(), CRITERIA, facts(locust_requests=None)).exit_code is ExitCode.PASS

    def test_a_schedule_that_never_began_is_inconclusive_and_no_closed_loop(self, run):
        verdict = judge_run(run(), CRITERIA, facts(scheduled=True, begun=False, due=0, not_delivered=0))
        assert (verdict.exit_code, verdict.reason) == (ExitCode.INCONCLUSIVE, "not measured: delivered load")
        rows = {entry.name: entry for entry in verdict.validity}
        assert rows["delivered load"].detail == "the schedule never began: not all users had been started"
        assert rows["Little's law"].detail.startswith("operations were started on a schedule")
        assert verdict.totals["arrivals_due"] == 0

    def test_a_run_without_a_schedule_has_no_row_of_its_load(self, run):
        assert "delivered load" not in statuses(judge_run(run(), CRITERIA, facts()).validity)

    def test_data_that_could_not_be_written_is_inconclusive_and_the_reason_is_told(self, run):
        verdict = judge_run(run(), CRITERIA, facts(errors=("history: disk full",)))
        assert verdict.exit_code is ExitCode.INCONCLUSIVE
        assert verdict.validity[1].detail == "history: disk full"

    def test_operations_that_we_failed_to_write_down_are_no_violation_of_the_target(self, run):
        lost = run(lambda n, op: None if n >= 190 else op, only="history")
        verdict = judge_run(lost, CRITERIA, facts(errors=("history: disk full",)))
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE)

    def test_a_run_without_operations_is_inconclusive(self, run):
        empty = run(lambda n, op: None)
        verdict = judge_run(empty, CRITERIA, facts(arrivals=0, locust_requests=0))
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
        assert set(statuses((*verdict.criteria, *verdict.checks)).values()) == {Status.UNKNOWN}

    def test_a_run_that_left_an_empty_folder_is_inconclusive(self, tmp_path):
        bare = create_run_directory(tmp_path, "route.py")
        verdict = judge_run(bare, CRITERIA, facts(arrivals=0, locust_requests=None))
        assert verdict.exit_code is ExitCode.INCONCLUSIVE
        assert verdict.totals["operations"] == 0

    def test_a_run_without_a_baseline_is_inconclusive_though_routes_recurred(self, run):
        verdict = judge_run(run(baseline=False), CRITERIA, facts())
        assert verdict.exit_code is ExitCode.INCONCLUSIVE
        assert statuses(verdict.checks)["consistency"] is Status.UNKNOWN
        assert verdict.criteria[1].status is Status.UNKNOWN

    def test_a_run_without_a_deadline_is_inconclusive(self, run):
        verdict = judge_run(run(), CRITERIA, facts(deadline_ms=None))
        assert verdict.reason == "not measured: hang"

    def test_a_part_that_is_broken_is_named(self, run):
        directory = run()
        (directory.history / "operations-w000-000007.parquet").write_bytes(b"PAR1")
        with pytest.raises(RunError, match="operations-w000-000007"):
            judge_run(directory, CRITERIA, facts())

    def test_a_series_that_is_broken_is_named(self, run):
        directory = run()
        directory.series.write_text("a,b\n1,2\n", encoding="utf-8")
        with pytest.raises(RunError, match=r"series\.csv"):
            judge_run(directory, CRITERIA, facts())

    def test_an_unfinished_part_is_not_counted(self, run):
        directory = run()
        (directory.history / "operations-w000-000009.partial").write_bytes(b"PAR1")
        assert judge_run(directory, CRITERIA, facts()).exit_code is ExitCode.PASS


class TestConcerns:
    RELAXED = parse_criteria("availability_pct >= 90\n", "x")

    @pytest.mark.parametrize(
        ("outcome", "told"), [(Outcome.FAILED, "2 operations failed"), (Outcome.SHED, "2 operations shed")]
    )
    def test_failed_and_shed_operations_within_the_criteria_are_a_concern(self, run, outcome, told):
        verdict = judge_run(run(failed(2, outcome)), self.RELAXED, facts())
        assert (verdict.conclusion, verdict.exit_code, verdict.reason) == (Conclusion.CONCERNS, ExitCode.PASS, told)

    def test_what_the_end_of_the_run_cancelled_is_no_concern(self, run):
        stopped = run(failed(5, Outcome.CANCELLED, flag=Flag.STOPPED))
        assert judge_run(stopped, CRITERIA, facts()).conclusion is Conclusion.PASS

    def test_what_the_target_cancelled_counts_against_its_availability(self, run):
        verdict = judge_run(run(failed(5, Outcome.CANCELLED)), CRITERIA, facts())
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.FAIL, ExitCode.CRITERION)
        assert verdict.reason == "a criterion failed: availability_pct >= 99.9"

    def test_errors_that_the_target_logged_are_a_concern_and_warnings_are_not(self, run):
        logged = Counter(ERROR=2, CRITICAL=1, WARNING=5)
        verdict = judge_run(run(), CRITERIA, facts(log_records=logged))
        assert (verdict.conclusion, verdict.reason) == (Conclusion.CONCERNS, "the target logged 3 errors")
        assert judge_run(run(), CRITERIA, facts(log_records={"WARNING": 5})).conclusion is Conclusion.PASS

    def test_a_corpus_without_golden_routes_is_a_concern_only(self, run):
        ungolden = run(lambda n, op: op._replace(expected_route=None))
        verdict = judge_run(ungolden, CRITERIA, facts(golden=False))
        assert (verdict.conclusion, verdict.exit_code) == (Conclusion.CONCERNS, ExitCode.PASS)
        assert "accuracy is UNKNOWN" in verdict.reason


class TestFaults:
    """A run with a fault plan on a target that tells its attempts."""

    PLAN = parse_fault_plan(
        b'[[fault]]\nname = "down"\nwhere = { route = "fast" }\nwhat = { kind = "error" }\nwhen = { to_s = 1 }\n',
        "plan",
    )

    @pytest.fixture
    def stormy(self, run):
        """Return a function that makes a run in which a fault hit every tenth operation, which then fell back."""

        def make(told=True, edges=()):
            directory = run()
            for part in parts_of(directory.history, "operations").paths:
                operations = list(read_operations([part]))
                part.unlink()
            for part in parts_of(directory.history, "spans").paths:
                part.unlink()
            buffer, writer = RecordedHistory(Epoch(0)), PartWriter(directory.history)
            for n, op in enumerate(operations):
                at, hit = op.start_ns, n % 10 == 0
                tried = [("fast", 0, at, at + 9, "failed" if hit else "ok", None, None, None, None)]
                if hit and told:
                    tried.append(("backup", 1, at + 9, at + 20, "ok", None, None, None, None))
                said = {"route": "backup", "tier": 1, "attempts": 2} if len(tried) > 1 else {}
                buffer.add(op._replace(**said), [("router", "route", op.start_ns, op.end_ns, "ok")], tried)
                if hit:
                    buffer.note("injections", [Injection(op.id, "down", "error", "route fast, tier 0", at + 1, at + 2)])
            first, last = operations[0].start_ns, operations[-1].end_ns
            buffer.note("edges", [Edge(first, "fault", "down", "closed", "open", "0.00 s")])
            buffer.note("edges", [Edge(last, "fault", "down", "open", "closed", "1.00 s")])
            buffer.note("edges", [Edge(first, "fault", name, *states, cause) for name, states, cause in edges])
            for table, part in buffer.take().items():
                writer.write(table, 0, part)
            return directory

        return make

    def judged(self, directory, *more):
        return judge_run(directory, CRITERIA, facts(faults=(*self.PLAN.fault, *more)))

    def test_a_fault_that_failed_makes_the_run_untrustworthy_and_is_named(self, stormy):
        edges = [("rules", ("closed", "open"), "0.00 s"), ("rules", ("open", "closed"), "failed: KeyError: 'a'")]
        verdict = self.judged(stormy(edges=edges), Fault(name="rules", what=Reload(call="m:f")))
        assert verdict.exit_code is ExitCode.INCONCLUSIVE
        assert statuses(verdict.validity)["fault plan"] is Status.INVALID
        assert {row["name"]: row["failed"] for row in verdict.totals["faults"]} == {
            "down": None,
            "rules": "KeyError: 'a'",
        }

    def test_a_fault_that_struck_nothing_is_a_concern(self, stormy):
        edges = [("idle", ("closed", "open"), "0.00 s"), ("idle", ("open", "closed"), "1.00 s")]
        verdict = self.judged(stormy(edges=edges), Fault(name="idle", what=Error(), where=Where(stage="router")))
        assert statuses(verdict.validity)["fault plan"] is Status.VALID
        (row,) = [entry for entry in verdict.validity if entry.name == "fault plan"]
        assert row.concern == "fault plan: 'idle' struck nothing although its window was open"

    def test_fallbacks_that_are_told_are_no_violation_of_accuracy_or_consistency_and_balance_the_ledger(self, stormy):
        verdict = self.judged(stormy())
        found = statuses(verdict.checks)
        assert found.pop("recovery") is Status.UNKNOWN
        assert set(found.values()) == {Status.VALID}
        assert {"silent fallback", "fallback correctness", "fallback loop", "ledger"} <= set(found)
        assert verdict.exit_code is ExitCode.PASS
        assert (verdict.totals["ledger"]["injected"], verdict.totals["ledger"]["fell_back"]) == (20, 20)
        assert [row["operations_hit"] for row in verdict.totals["faults"]] == [20]
        assert statuses(verdict.hypotheses)["fallback activation"] is Status.VALID
        assert len(verdict.as_json()["hypotheses"]) == 6

    def test_faults_that_nothing_accounts_for_fail_the_run(self, stormy):
        verdict = self.judged(stormy(told=False))
        assert verdict.exit_code is ExitCode.CHECKER
        found = statuses(verdict.checks)
        assert found["ledger"] is found["silent failure"] is Status.INVALID

    def test_the_rows_of_its_windows_can_be_written(self, stormy, tmp_path):
        rows = self.judged(stormy()).totals["faults"]
        write_faults(tmp_path / "faults.csv", rows)
        with (tmp_path / "faults.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert list(row) == list(rows[0]) == list(HEADER)
        assert (row["name"], row["where"], row["fell_back"], row["recovery_s"]) == ("down", "route fast", "20", "")


def test_unknown_routes_are_a_concern_of_a_corpus_that_names_most(run):
    directory = run(lambda n, op: op._replace(expected_route=None))
    for of_most in (True, False):
        known = facts(vocabulary=Vocabulary(frozenset({"nowhere"}), of_most), golden=False)
        verdict = judge_run(directory, CRITERIA, known)
        row = next(entry for entry in verdict.checks if entry.name == "route vocabulary")
        assert (row.status, row.actual) == (Status.VALID, "200 unknown")
        assert verdict.totals["unknown_route"] == 200
        assert verdict.exit_code is ExitCode.PASS
        assert ("names nowhere" in verdict.reason) is of_most


def test_what_tasks_raised_is_a_concern_with_count_and_the_first(run):
    verdict = judge_run(run(), CRITERIA, facts(user_errors={"no key (mine.py:7)": 3, "other": 1}))
    assert (verdict.conclusion, verdict.exit_code) == (Conclusion.CONCERNS, ExitCode.PASS)
    row = next(entry for entry in verdict.validity if entry.name == "locustfile")
    assert (row.actual, row.status) == ("4 errors", Status.VALID)
    assert "no key (mine.py:7)" in row.detail
    assert "raised 4 times" in verdict.reason
    assert verdict.totals["user_errors"] == {"no key (mine.py:7)": 3, "other": 1}


def test_a_run_in_which_no_task_raised_has_no_row_of_it(run):
    verdict = judge_run(run(), CRITERIA, facts())
    assert verdict.conclusion is Conclusion.PASS
    assert {"locustfile", "route vocabulary"}.isdisjoint(e.name for e in (*verdict.validity, *verdict.checks))
