"""One pass of a history through all checkers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from harness.judge.checkers import Checker
from harness.judge.entry import Entry, Status
from harness.words.errors import one_line
from harness.words.operation import Operation


class Fold(Protocol):
    """Anything that takes operations one by one."""

    def add(self, operation: Operation) -> None:
        """Take one operation."""


def check(history: Iterable[Operation], checkers: Sequence[Checker], folds: Sequence[Fold] = ()) -> list[Entry]:
    """Feed every operation to every checker and fold, once, and return the checkers' decisions in order.

    A checker that raises is UNKNOWN and names its error; the others go on. A fold that raises, raises.
    """
    guarded = [_Guarded(checker) for checker in checkers]
    adders = [fold.add for fold in folds] + [checker.add for checker in guarded]
    for operation in history:
        for add in adders:
            add(operation)
    return [checker.close() for checker in guarded]


class _Guarded:
    """A checker that turns UNKNOWN when it raises."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._crash: str | None = None

    def add(self, operation: Operation) -> None:
        if self._crash is not None:
            return
        try:
            self._checker.add(operation)
        except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
            self._crash = one_line(error)

    def close(self) -> Entry:
        if self._crash is None:
            try:
                return self._checker.close()
            except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
                self._crash = one_line(error)
        detail = f"the checker crashed: {self._crash}"
        return Entry(self._checker.name, Status.UNKNOWN, None, None, detail, required=self._checker.required)
