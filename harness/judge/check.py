"""One pass of a history, as operations or as cases, through all checkers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from harness.judge.case import Case
from harness.judge.entry import Entry, Status
from harness.words.errors import one_line
from harness.words.operation import Operation

Item = TypeVar("Item")
Taken = TypeVar("Taken", contravariant=True)


class Fold(Protocol[Taken]):
    """Anything that takes operations, or cases, one by one."""

    def add(self, item: Taken, /) -> None:
        """Take one."""


class Decides(Fold[Taken], Protocol[Taken]):
    """A checker of operations, or of cases."""

    name: str
    required: bool

    def close(self) -> Entry:
        """Decide, after the last one."""


class Checker(Protocol):
    """What decides one property, of operations.

    It is told every operation once (``add``) and then decides (``close``). It knows no other checker. One that raises
    is UNKNOWN, and says so.
    """

    name: str
    required: bool

    def add(self, operation: Operation) -> None:
        """Take one operation of the history."""

    def close(self) -> Entry:
        """Decide, after the last operation."""


class FoldsOperations:
    """A fold of operations, where cases are fed."""

    def __init__(self, fold: Fold[Operation]) -> None:
        self._add = fold.add

    def add(self, case: Case) -> None:
        """Hand on the operation of one case."""
        self._add(case.operation)


class Where(Generic[Taken]):
    """A fold that sees only what ``wanted`` says."""

    def __init__(self, fold: Fold[Taken], wanted: Callable[[Taken], bool]) -> None:
        self._add = fold.add
        self._wanted = wanted

    def add(self, item: Taken, /) -> None:
        """Hand on one that is wanted."""
        if self._wanted(item):
            self._add(item)


class OfOperations:
    """A checker of operations, where cases are fed; ``where`` says which of them it is to see."""

    def __init__(self, checker: Checker, where: Callable[[Case], bool] | None = None) -> None:
        self.name, self.required, self.close = checker.name, checker.required, checker.close
        self._add = checker.add
        self._where = where

    def add(self, case: Case) -> None:
        """Hand on the operation of one case."""
        if self._where is None or self._where(case):
            self._add(case.operation)


def check(history: Iterable[Item], checkers: Sequence[Decides[Item]], folds: Sequence[Fold[Item]] = ()) -> list[Entry]:
    """Feed every operation (or case) to every checker and fold, once, and return the checkers' decisions in order.

    A checker that raises is UNKNOWN and names its error; the others go on. A fold that raises, raises.
    """
    guarded = [_Guarded(checker) for checker in checkers]
    adders = [fold.add for fold in folds] + [checker.add for checker in guarded]
    for item in history:
        for add in adders:
            add(item)
    return [checker.close() for checker in guarded]


class _Guarded(Generic[Item]):
    """A checker that turns UNKNOWN when it raises."""

    def __init__(self, checker: Decides[Item]) -> None:
        self._checker = checker
        self._crash: str | None = None

    def add(self, item: Item) -> None:
        if self._crash is not None:
            return
        try:
            self._checker.add(item)
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
