"""One pass of a history, as operations or as cases, through all checkers and folds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from harness.judge.case import Case
from harness.judge.checker import Checker
from harness.judge.entry import Entry, Status
from harness.judge.events import Event
from harness.words.errors import one_line
from harness.words.operation import Operation

logger = logging.getLogger("harness")

Item = TypeVar("Item")
Taken = TypeVar("Taken", contravariant=True)


class Fold(Protocol[Taken]):
    """Anything that takes operations, or cases, one by one."""

    def add(self, item: Taken, /) -> None:
        """Take one."""


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


def feed(history: Iterable[Item], folds: Sequence[Fold[Item]]) -> None:
    """Feed every operation (or case) to every fold, once; what a fold raises is raised."""
    adders = [fold.add for fold in folds]
    for item in history:
        for add in adders:
            add(item)


def show(events: Callable[[], Iterable[Event]], checkers: Sequence[Guarded]) -> None:
    """Show every event to the checkers that want them; where none does, nothing is read."""
    seers = [guarded.see for guarded in checkers if guarded.checker.sees()]
    if not seers:
        return
    for event in events():
        for see in seers:
            see(event)


def check(
    history: Iterable[Item], checkers: Sequence[Checker[Any]], folds: Sequence[Fold[Item]] = ()
) -> list[Entry | None]:
    """Feed every operation (or case) to every checker and fold, and return the checkers' decisions in order.

    A checker that raises is UNKNOWN and names its error; the others go on. A fold that raises, raises.
    """
    guarded = [Guarded(checker) for checker in checkers]
    feed(history, [*folds, *guarded])
    return [checker.close() for checker in guarded]


class Guarded:
    """A checker that turns UNKNOWN when it raises, and then leaves its traceback in the log."""

    def __init__(self, checker: Checker[Any]) -> None:
        self.checker = checker
        self._crash: str | None = None

    @classmethod
    def made(cls, kind: type[Checker[Any]], make: Callable[[], Checker[Any]]) -> Guarded:
        """Return a checker as ``make`` makes it; one that cannot be made is UNKNOWN as well."""
        try:
            return cls(make())
        except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
            stand_in = cls(object.__new__(kind))  # for its name; it is never fed
            stand_in._crashed(error)
            return stand_in

    def add(self, item: Any, /) -> None:
        """Hand on one operation, or case, until the checker has raised."""
        if self._crash is not None:
            return
        try:
            self.checker.add(item)
        except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
            self._crashed(error)

    def see(self, event: Event) -> None:
        """Hand on one event, until the checker has raised."""
        if self._crash is not None:
            return
        try:
            self.checker.see(event)
        except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
            self._crashed(error)

    def close(self) -> Entry | None:
        """Return what the checker decides; UNKNOWN where it raised."""
        if self._crash is None:
            try:
                return self.checker.close()
            except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
                self._crashed(error)
        detail = f"the checker crashed: {self._crash}"
        return Entry(self.checker.name, Status.UNKNOWN, None, None, detail, required=self.checker.required)

    @property
    def percent(self) -> float | None:
        """What criteria on the checker's metric are asked of; None where it raised, or measured nothing."""
        if self._crash is None:
            try:
                return self.checker.percent
            except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
                self._crashed(error)
        return None

    def totals(self) -> dict[str, object]:
        """Return what the checker adds to the totals; nothing where it raised, since that would be half of it."""
        if self._crash is None:
            try:
                return self.checker.totals()
            except Exception as error:  # noqa: BLE001  # a crashed checker is UNKNOWN, whatever it raised
                self._crashed(error)
        return {}

    def _crashed(self, error: Exception) -> None:
        self._crash = one_line(error)
        logger.error("the checker %r crashed: %s", self.checker.name, self._crash, exc_info=error)
