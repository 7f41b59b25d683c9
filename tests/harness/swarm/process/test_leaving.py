"""The worse of two exit codes counts, and no listener's ``sys.exit`` leaves out what is still to be done."""

from __future__ import annotations

import sys

import pytest
from locust.env import Environment
from locust.event import EventHook

from harness.swarm.process.leaving import ExitCodes, Lasting, as_exit_code


@pytest.fixture
def environment() -> Environment:
    return Environment()


@pytest.mark.parametrize(
    ("ours", "theirs", "left_with", "clause"),
    [
        (0, None, 0, ""),
        (0, 0, 0, ""),
        (0, 7, 7, "7 (by the locustfile; the verdict's own is 0)"),
        (10, None, 10, ""),
        (10, 0, 10, "10 (the locustfile asked for 0)"),
        (10, 1, 10, "10 (the locustfile asked for 1)"),
        (10, 10, 10, ""),
        (12, 7, 12, "12 (the locustfile asked for 7)"),
    ],
)
class TestTheWorseCounts:
    def test_whichever_was_set_first(
        self, environment: Environment, ours: int, theirs: int | None, left_with: int, clause: str
    ) -> None:
        for ours_first in (True, False):
            environment.process_exit_code = None
            codes = ExitCodes(environment)
            if ours_first:
                codes.settle(ours)
            if theirs is not None:
                environment.process_exit_code = theirs
            if not ours_first:
                codes.settle(ours)
            assert codes.look() == clause
            assert (environment.process_exit_code, codes.worse) == (left_with, left_with)

    def test_also_where_it_was_asked_for_by_sys_exit(
        self, environment: Environment, ours: int, theirs: int | None, left_with: int, clause: str
    ) -> None:
        codes = ExitCodes(environment)
        codes.settle(ours)
        codes.asked(theirs)
        assert codes.look() == (
            clause or ("" if theirs == ours or not ours else f"{ours} (the locustfile asked for 0)")
        )
        assert environment.process_exit_code == left_with


def test_the_last_one_that_a_locustfile_asks_for_is_its(environment: Environment) -> None:
    codes = ExitCodes(environment)
    environment.process_exit_code = 7
    codes.settle(0)
    environment.process_exit_code = 0
    assert (codes.look(), environment.process_exit_code) == ("", 0)


def test_one_that_takes_it_back_does_not_take_ours_back(environment: Environment) -> None:
    codes = ExitCodes(environment)
    codes.settle(11)
    environment.process_exit_code = None
    assert (codes.look(), environment.process_exit_code) == ("", 11)


def test_what_was_asked_for_before_the_first_run_counts_in_it_and_in_no_other(environment: Environment) -> None:
    environment.process_exit_code = 7
    codes = ExitCodes(environment)
    codes.begin()
    codes.settle(0)
    assert environment.process_exit_code == 7
    codes.begin()
    assert environment.process_exit_code is None
    codes.settle(0)
    assert environment.process_exit_code == 0


@pytest.mark.parametrize(
    ("asked", "code"), [(None, 0), (0, 0), (False, 0), (True, 1), (7, 7), (-1, 255), (256, 1), (-256, 1), ("no", 1)]
)
def test_no_code_but_zero_is_zero(asked: object, code: int) -> None:
    assert as_exit_code(asked) == code


class TestLasting:
    def test_every_listener_is_called_and_the_code_is_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        event, called, codes = EventHook(), [], []
        event.add_listener(lambda **_: called.append("before"))
        lasting = Lasting("quitting", event, codes.append, lambda: called.append("then"))
        lasting.add_listener(lambda **_: sys.exit(3))
        lasting.add_listener(lambda **_: called.append("after"))
        lasting.fire(environment=None)
        assert (called, codes) == (["before", "after", "then"], [3])
        assert "a listener of quitting called sys.exit" in capsys.readouterr().err

    def test_the_order_is_the_events(self) -> None:
        event, called = EventHook(), []
        for number in range(3):
            event.add_listener(lambda number=number, **_: called.append(number))
        Lasting("quit", event, called.append).fire()
        Lasting("quitting", event, called.append).fire(reverse=True)
        assert called == [0, 1, 2, 2, 1, 0]

    def test_listeners_of_both_can_be_removed_from_both(self) -> None:
        event, called = EventHook(), []
        listener = event.add_listener(lambda **_: called.append(1))
        lasting = Lasting("quit", event, called.append)
        lasting.remove_listener(listener)
        lasting.fire()
        assert called == []

    def test_what_a_listener_raises_is_locusts_to_handle(self) -> None:
        event, called = EventHook(), []
        event.add_listener(lambda **_: 1 / 0)
        event.add_listener(lambda **_: called.append(1))
        Lasting("quit", event, called.append).fire()
        assert called == [1]
