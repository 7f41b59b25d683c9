"""A plan that was not carried out is told: a fault that failed, and one that struck nothing."""

from __future__ import annotations

import pytest

from harness.judge.entry import Status
from harness.judge.validity.fault_plan import carried_out, with_failures
from harness.load.faults.kinds import Fault, Where
from harness.load.faults.kinds.endings import Error
from harness.load.faults.kinds.windows import Reload
from harness.words.operation import Edge

DOWN = Fault(name="down", what=Error(), where=Where(stage="router"))
RULES = Fault(name="rules", what=Reload(call="m:f"))
START_S = 1_740_000_000.0


def row(name, hit, start_s=0.0, end_s=2.0):
    end = None if end_s is None else START_S + end_s
    return {"name": name, "operations_hit": hit, "start_unix_s": START_S + start_s, "end_unix_s": end}


def edge(name, at_s, cause, what="fault"):
    return Edge(round((START_S + at_s) * 1e9), what, name, "open", "closed", cause)


@pytest.mark.parametrize(
    ("edges", "failed"),
    [
        ([], [None, None]),
        ([edge("rules", 5, "failed: KeyError: 'a'")], [None, "KeyError: 'a'"]),
        ([edge("rules", 0.0, "failed: KeyError: 'a'"), edge("rules", 6, "the run ended")], ["KeyError: 'a'", None]),
        ([edge("down", 5, "failed: KeyError: 'a'"), edge("rules", 5, "5.00 s")], [None, None]),
        ([edge("rules", 5, "failed: 3 of 4 failed", what="breaker")], [None, None]),
    ],
)
def test_the_row_of_a_window_says_why_its_fault_failed(edges, failed):
    rows = [row("rules", 0), row("rules", 0, 5.0, None)]
    assert [found["failed"] for found in with_failures(rows, edges)] == failed


def judged(rows, failures=(), faults=(DOWN, RULES)):
    return carried_out(faults, with_failures(rows, failures))


def test_a_plan_all_of_which_was_injected_holds():
    entry = judged([row("down", 3), row("rules", 0)])
    assert (entry.status, entry.actual, entry.concern) == (Status.VALID, "2 of 2 injected", None)


def test_a_fault_that_struck_in_one_of_its_windows_struck():
    assert judged([row("down", 0), row("down", 1, 3, 4), row("rules", 0)]).concern is None


def test_a_fault_that_struck_nothing_is_a_concern_and_one_that_is_on_for_a_window_is_none():
    entry = judged([row("down", 0), row("rules", 0)])
    assert (entry.status, entry.actual) == (Status.VALID, "1 of 2 injected")
    assert entry.concern == "fault plan: 'down' struck nothing although its window was open"


def test_a_window_that_never_opened_is_a_concern():
    entry = judged([row("down", 1)])
    assert (entry.status, entry.concern) == (Status.VALID, "fault plan: the window of 'rules' never opened")
    assert entry.detail == "the window of 'rules' never opened"


def test_a_fault_that_failed_makes_the_row_invalid():
    entry = judged([row("down", 1), row("rules", 0)], [edge("rules", 1, "failed: KeyError: 'a'")])
    assert (entry.status, entry.actual, entry.concern) == (Status.INVALID, "1 of 2 injected", None)
    assert entry.detail == "'rules' failed: KeyError: 'a'"
