"""Windows open and close when they are due; one whose fault fails ends at once, and says why."""

from __future__ import annotations

import logging

import pytest

from harness.load.faults.plan import parse_fault_plan
from harness.pipeline.inject.fault_schedule import Switches
from harness.pipeline.inject.injector import Injector
from harness.pipeline.inject.whole_window import Windows

PLAN = f"""
[[fault]]
name = "rules"
what = {{ kind = "reload", call = "{__name__}:change", undo = "{__name__}:change_back" }}
when = {{ from_s = 1, to_s = 3 }}

[[fault]]
name = "down"
where = {{ stage = "router" }}
what = {{ kind = "error" }}
when = {{ from_s = 2, users = 50 }}
"""
RAISES: set[str] = set()
CALLED: list[str] = []


def change():
    CALLED.append("change")
    if "change" in RAISES:
        raise KeyError("tenant")


def change_back():
    CALLED.append("change back")
    if "change back" in RAISES:
        raise RuntimeError("rules are gone")


@pytest.fixture(autouse=True)
def nothing_called():
    RAISES.clear()
    CALLED.clear()


class Run:
    def __init__(self, text=PLAN):
        plan = parse_fault_plan(text.encode(), "plan.toml")
        self.edges = []
        self.injector = Injector(plan, "plan.toml")
        self.switches = Switches(self.injector, Windows(plan, "plan.toml"), self.edges.append)

    def told(self):
        return [(edge.name, edge.after, edge.cause) for edge in self.edges]


def test_windows_open_and_close_when_they_are_due_and_at_the_end():
    run = Run()
    for at_s, users in ((0, 0), (1, 10), (2, 49), (2.5, 50), (3, 60), (3.5, 40), (4, 50)):
        run.switches.update(at_s, users)
    assert [fault.name for fault in run.injector.open] == ["down"]
    run.switches.end()
    run.switches.end()
    assert run.injector.open == ()
    assert run.told() == [
        ("rules", "open", "1.00 s"),
        ("down", "open", "2.50 s, 50 users"),
        ("rules", "closed", "3.00 s"),
        ("down", "closed", "3.50 s, 40 users"),
        ("down", "open", "4.00 s, 50 users"),
        ("down", "closed", "the run ended"),
    ]
    assert CALLED == ["change", "change back"]


def test_a_function_that_raises_ends_its_window_at_once_is_not_called_again_and_stops_no_other(caplog):
    RAISES.add("change")
    run = Run()
    for at_s in (1, 1.25, 2):
        run.switches.update(at_s, 50)
    assert CALLED == ["change"]
    assert run.told() == [
        ("rules", "open", "1.00 s"),
        ("rules", "closed", "failed: KeyError: 'tenant'"),
        ("down", "open", "2.00 s, 50 users"),
    ]
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["fault 'rules' failed: KeyError: 'tenant'"]


def test_a_window_that_failed_is_tried_again_when_it_is_due_again():
    RAISES.add("change")
    run = Run(PLAN.replace("from_s = 1, to_s = 3", "users = 10"))
    for users in (10, 10, 5, 10):
        run.switches.update(1, users)
    assert CALLED == ["change", "change"]


def test_a_function_that_cannot_undo_ends_its_window_all_the_same_and_says_why(caplog):
    RAISES.add("change back")
    run = Run()
    run.switches.update(1, 0)
    run.switches.end()
    assert run.told() == [
        ("rules", "open", "1.00 s"),
        ("rules", "closed", "failed: to undo it: RuntimeError: rules are gone"),
    ]
    assert "rules are gone" in caplog.text


def test_edges_of_a_window_carry_its_ordinal_and_so_do_the_injections_made_in_it():
    run = Run()
    told = []
    for at_s, users in ((1, 0), (2, 50), (3, 60), (3.5, 40), (4, 50)):
        run.switches.update(at_s, users)
        told.append(dict(run.injector.windows))
    run.switches.end()
    assert [(edge.name, edge.after, edge.window) for edge in run.edges] == [
        ("rules", "open", 0),
        ("down", "open", 0),
        ("rules", "closed", 0),
        ("down", "closed", 0),
        ("down", "open", 1),
        ("down", "closed", 1),
    ]
    assert [windows.get("down") for windows in told] == [None, 0, 0, 0, 1]


def test_a_window_whose_fault_failed_has_an_ordinal_of_its_own():
    RAISES.add("change")
    run = Run(PLAN.replace("from_s = 1, to_s = 3", "users = 10"))
    for users in (10, 5, 10):
        run.switches.update(1, users)
    assert [edge.window for edge in run.edges if edge.name == "rules"] == [0, 0, 1, 1]
