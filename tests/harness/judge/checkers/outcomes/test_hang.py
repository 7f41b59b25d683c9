"""Hang: no operation is without an outcome at its deadline, and no step holds the thread for ever."""

from __future__ import annotations

import pytest

from harness.judge import blocking
from harness.judge.checkers.outcomes.hang import Hang
from harness.judge.entry import EXAMPLES, Status
from harness.measure.blocks import Block, stacks_of
from harness.words.operation import Flag, Outcome

START_NS = 1_740_000_000_000_000_000


def decided(checker, operations):
    for operation in operations:
        checker.add(operation)
    return checker.close()


class TestHang:
    def test_an_operation_without_outcome_at_its_deadline_is_found_and_named(self, operation, undecided):
        hung = undecided(Outcome.TIMEOUT, 3)
        entry = decided(Hang(1000.0), [operation(0), hung])
        assert entry.status is Status.INVALID
        assert entry.examples == (hung.id,)
        assert (entry.actual, entry.target) == ("1 hung", "within 1000 ms")
        assert "1 of 2 operations" in entry.detail

    def test_operations_that_ended_are_clean_however_they_ended(self, operation, undecided):
        operations = [operation(0), undecided(Outcome.FAILED, 1), undecided(Outcome.SHED, 2)]
        entry = decided(Hang(1000.0), operations)
        assert entry.status is Status.VALID
        assert "0 of 3 " in entry.detail

    def test_a_slow_operation_that_ended_ok_is_clean(self, operation):
        assert decided(Hang(1000.0), [operation(response_ms=1050.0)]).status is Status.VALID

    @pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.FAILED, Outcome.TIMEOUT])
    def test_an_outcome_more_than_50_ms_after_the_deadline_is_found_and_named(self, operation, outcome):
        late = operation(2, response_ms=1050.1, outcome=outcome)
        entry = decided(Hang(1000.0), [operation(0), late])
        assert (entry.status, entry.examples) == (Status.INVALID, (late.id,))
        assert "1 ended more than 50 ms after it; the longest took 1050.1 ms" in entry.detail

    def test_the_deadline_counts_from_the_start_and_not_from_the_intended_one(self, operation):
        late = operation(2, response_ms=900.0)
        waited = late._replace(intended_ns=late.intended_ns - 500_000_000)
        assert decided(Hang(1000.0), [waited]).status is Status.VALID

    def test_the_target_s_own_timeout_is_a_failure_and_no_hang(self, undecided):
        timed_out = undecided(Outcome.FAILED)._replace(error="RuntimeError: Stage timed out after 200 ms")
        assert decided(Hang(1000.0), [timed_out]).status is Status.VALID

    def test_what_the_end_of_the_run_cancelled_shows_nothing(self, operation, undecided):
        cancelled = [undecided(Outcome.CANCELLED, n, flag=Flag.STOPPED) for n in range(1, 100)]
        assert "0 of 1 " in decided(Hang(1000.0), [operation(0), *cancelled]).detail
        assert decided(Hang(1000.0), cancelled).status is Status.UNKNOWN

    def test_what_still_ran_at_the_end_for_longer_than_any_that_ended_might_have_hung(self, operation, undecided):
        ended = [operation(n, response_ms=20) for n in range(50)]
        stopped = undecided(Outcome.CANCELLED, 99, flag=Flag.STOPPED)
        clean = stopped._replace(end_ns=stopped.start_ns + 15_000_000)
        assert decided(Hang(30_000.0), [*ended, clean]).status is Status.VALID
        stuck = stopped._replace(end_ns=stopped.start_ns + 4_000_000_000)
        entry = decided(Hang(30_000.0), [*ended, stuck])
        assert entry.status is Status.UNKNOWN
        assert entry.examples == (stuck.id,)
        assert "the oldest for 4.0 s" in entry.detail

    def test_without_a_deadline_it_is_unknown(self, operation):
        entry = decided(Hang(None), [operation()])
        assert entry.status is Status.UNKNOWN
        assert "--deadline-ms" in entry.detail

    def test_without_operations_it_is_unknown(self):
        assert Hang(1000.0).close().status is Status.UNKNOWN

    def test_all_hung_operations_are_counted_and_a_few_named(self, undecided):
        entry = decided(Hang(50.0), [undecided(Outcome.TIMEOUT, n) for n in range(2000)])
        assert entry.actual == "2,000 hung"
        assert len(entry.examples) == EXAMPLES

    def test_a_step_that_had_to_be_ended_is_invalid_whatever_its_operation_says(self, operation):
        entry = decided(Hang(1000.0, [block(12.0, interrupted=True)]), [operation()])
        assert entry.status is Status.INVALID
        assert "routing.py:12 in execute" in entry.detail

    def test_a_step_that_ended_by_itself_or_was_planned_is_not(self, operation):
        blocks = [block(6.0), block(6.0, interrupted=True, planned=True)]
        assert decided(Hang(1000.0, blocks), [operation()]).status is Status.VALID


def block(seconds, *, stage="router", interrupted=False, planned=False, stacks=""):
    end_ns = START_NS + round(seconds * 1e9)
    return Block(0, START_NS, end_ns, stage, "routing.py:12 in execute", planned, interrupted, stacks)


class TestBlocking:
    def test_totals_have_one_row_for_each_place_the_longest_first(self):
        rows = blocking.as_totals([block(1.0), block(2.0), block(5.0, stage="model", interrupted=True)])
        assert [(row["stage"], row["count"], row["longest_s"], row["total_s"], row["interrupted"]) for row in rows] == [
            ("model", 1, 5.0, 5.0, 1),
            ("router", 2, 2.0, 3.0, 0),
        ]

    def test_the_longest_is_a_concern_and_the_faults_of_a_plan_are_none(self):
        assert blocking.concern([]) is None
        assert blocking.concern([block(9.0, planned=True)]) is None
        assert "6.0 s" in (blocking.concern([block(9.0, planned=True), block(6.0), block(2.0)]) or "")

    def test_only_blocks_with_stacks_are_in_the_file(self):
        assert stacks_of([block(1.0)]) == ""
        text = stacks_of([block(1.0, stacks="File a"), block(2.0), block(3.0, stacks="File b")])
        assert [line for line in text.splitlines() if line.startswith("File")] == ["File a", "File b"]
