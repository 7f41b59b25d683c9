"""A plan that was not carried out is told: a fault that failed, and one that struck nothing."""

from __future__ import annotations

import pytest

from harness.judge.checkers.disturbances.fault_windows import windows_of
from harness.judge.checkers.fallbacks.fallbacks import Ways
from harness.judge.entry import Status
from harness.judge.validity.fault_plan import carried_out
from harness.load.faults.kinds import Fault, Where
from harness.load.faults.kinds.endings import Error
from harness.load.faults.kinds.windows import Reload
from harness.words.operation import Edge

DOWN = Fault(name="down", what=Error(), where=Where(stage="router"))
RULES = Fault(name="rules", what=Reload(call="m:f"))
START_S = 1_740_000_000.0


def row(name, hit, failed=None):
    return {"name": name, "operations_hit": hit, "failed": failed}


def edges(name, start_s, end_s, cause="the run ended", window=0):
    opened = Edge(round((START_S + start_s) * 1e9), "fault", name, "closed", "open", "0.00 s", window)
    return [opened, Edge(round((START_S + end_s) * 1e9), "fault", name, "open", "closed", cause, window)]


@pytest.mark.parametrize(
    ("seen", "failed"),
    [
        ({0: [*edges("rules", 0, 2), *edges("rules", 5, 6, window=1)]}, [None, None]),
        ({0: [*edges("rules", 0, 2), *edges("rules", 5, 5, "failed: KeyError: 'a'", 1)]}, [None, "KeyError: 'a'"]),
        ({0: [*edges("rules", 0, 0, "failed: KeyError: 'a'"), *edges("rules", 5, 6)]}, ["KeyError: 'a'", None]),
        ({0: edges("rules", 0, 0, "failed: KeyError: 'a'"), 1: edges("rules", 0, 2)}, ["KeyError: 'a'"]),
        ({0: edges("rules", 0, 2), 1: edges("rules", 0, 2)}, [None]),
    ],
)
def test_the_row_of_a_window_says_why_its_fault_failed(seen, failed):
    rows = [window.as_json(Ways()) for window in windows_of(seen, [DOWN, RULES])]
    assert [found["failed"] for found in rows] == failed


def judged(rows, faults=(DOWN, RULES)):
    return carried_out(faults, rows)


def test_a_plan_all_of_which_was_injected_holds():
    entry = judged([row("down", 3), row("rules", 0)])
    assert (entry.status, entry.actual, entry.concern) == (Status.VALID, "2 of 2 injected", None)


def test_a_fault_that_struck_in_one_of_its_windows_struck():
    assert judged([row("down", 0), row("down", 1), row("rules", 0)]).concern is None


def test_a_fault_that_struck_nothing_is_a_concern_and_one_that_is_on_for_a_window_is_none():
    entry = judged([row("down", 0), row("rules", 0)])
    assert (entry.status, entry.actual) == (Status.VALID, "1 of 2 injected")
    assert entry.concern == "fault plan: 'down' struck nothing although its window was open"


def test_a_window_that_never_opened_is_a_concern():
    entry = judged([row("down", 1)])
    assert (entry.status, entry.concern) == (Status.VALID, "fault plan: the window of 'rules' never opened")
    assert entry.detail == "the window of 'rules' never opened"


def test_a_fault_that_failed_makes_the_row_invalid():
    entry = judged([row("down", 1), row("rules", 0, "KeyError: 'a'")])
    assert (entry.status, entry.actual, entry.concern) == (Status.INVALID, "1 of 2 injected", None)
    assert entry.detail == "'rules' failed: KeyError: 'a'"
