from __future__ import annotations

import pytest

from harness.judge.check import Guarded, check, feed
from harness.judge.checkers.disturbances.silent_failure import SilentFailure
from harness.judge.checkers.outcomes.accuracy import Accuracy
from harness.judge.checkers.outcomes.conservation import Conservation
from harness.judge.checkers.outcomes.consistency import Consistency
from harness.judge.checkers.outcomes.hang import Hang
from harness.judge.entry import Entry, Status
from harness.judge.totals import Totals


class Crashing:
    """A checker that raises at the ``at``-th operation, or when it decides."""

    required = True

    def __init__(self, name: str, at: int | None = None) -> None:
        self.name = name
        self.seen = 0
        self._at = at

    def add(self, operation) -> None:
        self.seen += 1
        if self._at is not None and self.seen >= self._at:
            raise ZeroDivisionError("of\nall things")

    def close(self) -> Entry:
        if self._at is None:
            raise LookupError("nothing there")
        return Entry(self.name, Status.VALID, None, None, "")

    def totals(self):
        return {self.name: self.seen}


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Hostile(Crashing):
    def close(self) -> Entry:
        raise UnprintableError


def all_checkers(baseline):
    return [Accuracy(golden=True), Consistency(baseline), Conservation(3), Hang(1000.0), SilentFailure()]


@pytest.fixture
def history(operation):
    return [operation(n) for n in range(3)]


def test_each_checker_is_told_every_operation_and_decides_in_order(operation, history):
    entries = check(iter(history), all_checkers([operation()]))
    assert [entry.name for entry in entries] == ["accuracy", "consistency", "conservation", "hang", "silent failure"]
    assert {entry.status for entry in entries} == {Status.VALID}


@pytest.mark.parametrize("position", range(6))
@pytest.mark.parametrize("at", [1, 2, None])
def test_a_crashed_checker_is_unknown_and_does_not_disturb_the_others(operation, history, position, at):
    checkers = all_checkers([operation()])
    checkers.insert(position, Crashing("crashing", at))
    entries = check(history, checkers)
    crashed = entries.pop(position)
    assert (crashed.name, crashed.status, crashed.required) == ("crashing", Status.UNKNOWN, True)
    error = "LookupError: nothing there" if at is None else "ZeroDivisionError: of all things"
    assert crashed.detail == f"the checker crashed: {error}"
    assert entries == check(history, all_checkers([operation()]))


@pytest.mark.parametrize("at", [2, None])
def test_a_crash_leaves_its_traceback_in_the_log(history, caplog, at):
    check(history, [Crashing("crashing", at)])
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("harness", "ERROR")
    assert "'crashing'" in record.message
    assert record.exc_info[2].tb_next.tb_frame.f_code.co_name in ("add", "close")


def test_a_crashed_checker_adds_nothing_to_the_totals(history):
    whole, crashed = Guarded(Crashing("a", 100)), Guarded(Crashing("b", 2))
    feed(history, [whole, crashed])
    assert (whole.totals(), crashed.totals()) == ({"a": 3}, {})


def test_a_checker_is_told_nothing_after_it_crashed(history):
    crashing = Crashing("crashing", at=2)
    check(history, [crashing])
    assert crashing.seen == 2


def test_of_two_checkers_with_one_name_only_the_crashed_one_is_unknown(history):
    entries = check(history, [Crashing("same", at=1), Crashing("same", at=100)])
    assert [entry.status for entry in entries] == [Status.UNKNOWN, Status.VALID]


def test_a_crash_that_cannot_be_shown_is_still_unknown(history):
    (entry,) = check(history, [Hostile("hostile", at=100)])
    assert entry.status is Status.UNKNOWN


def test_folds_take_every_operation(history):
    totals = Totals()
    check(history, [], [totals])
    assert totals.count == 3


def test_a_fold_that_raises_raises(history):
    with pytest.raises(ZeroDivisionError):
        check(history, [], [Crashing("fold", at=1)])


def test_an_empty_history_leaves_every_checker_unknown():
    checkers = [Accuracy(golden=True), Consistency([]), Conservation(0), Hang(1000.0), SilentFailure()]
    assert {entry.status for entry in check([], checkers)} == {Status.UNKNOWN}
