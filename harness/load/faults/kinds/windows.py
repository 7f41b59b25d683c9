"""Faults that are on for a window as a whole: fewer slots, a breaker forced open, another wall clock, a reload."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, cast

from msgspec import Meta

from harness.load.faults.kinds.what import YEAR_S, Count, Effect, Finder, Found, Process, Resizable, Rules, What
from harness.load.faults.kinds.where import Capabilities, Text, Where
from harness.words.place import PlaceKind


class Slots(What, frozen=True, tag="slots"):
    """A backend has ``remove`` slots fewer while the window is open; one is always left."""

    effect: ClassVar = Effect.WHOLE_WINDOW
    does: ClassVar = "so many slots fewer while the window is open; one is left"
    settings: ClassVar = "`remove`"
    units: ClassVar = {"remove": "-{:g}"}
    places: ClassVar = frozenset({PlaceKind.BACKEND})
    remove: Count

    def objections(self, where: Where, known: Capabilities) -> Iterator[str]:
        """Yield that a backend has no more slots than are to go."""
        slots = None if where.backend is None else known.slots.get(where.backend)
        if slots is not None and self.remove >= slots:
            found = f"{self.remove} of {slots} slots"
            yield f"what.remove: found {found}, expected at most {slots - 1}: one is always left"

    def open(self, where: Where, process: Process) -> Iterator[Callable[[], object]]:
        """Take the slots away."""
        for backend in process.backends(where.backend):
            yield _shrink(backend, self.remove)


def _shrink(backend: Resizable, remove: int) -> Callable[[], object]:
    """Take slots away from a backend, all but one at most; return what gives them back."""
    removed = min(remove, backend.slots - 1)
    backend.slots -= removed

    def give_back() -> None:
        backend.slots += removed

    return give_back


class BreakerOpen(What, frozen=True, tag="breaker_open"):
    """A breaker is forced open while the window is open."""

    effect: ClassVar = Effect.WHOLE_WINDOW
    does: ClassVar = "forced open while the window is open, then reset"
    places: ClassVar = frozenset({PlaceKind.BREAKER})

    def open(self, where: Where, process: Process) -> Iterator[Callable[[], object]]:
        """Force it."""
        yield from process.hold_open(where.breaker)


class ClockJump(What, frozen=True, tag="clock_jump"):
    """The wall clock that the target reads is ``by_s`` off while the window is open."""

    effect: ClassVar = Effect.WHOLE_WINDOW
    does: ClassVar = "the wall clock is off by so much for the tasks of operations"
    settings: ClassVar = "`by_s`"
    units: ClassVar = {"by_s": "{:+g} s"}
    places: ClassVar = frozenset({PlaceKind.PROCESS})
    rules: ClassVar = Rules.WHILE_OPEN
    by_s: Annotated[float, Meta(ge=-10 * YEAR_S, le=10 * YEAR_S)]

    def find(self, finder: Finder, place: str) -> Found:
        """Get the clock."""
        return {"jump": finder.clock()}

    def open(self, where: Where, process: Process) -> Iterator[Callable[[], object]]:
        """Move it."""
        yield cast("Callable[[], object]", process.found["jump"](self.by_s))


class Reload(What, frozen=True, tag="reload"):
    """``call`` (``module:function``) is called when the window opens, as a change of rules at run time is.

    ``undo`` is called when it closes.
    """

    effect: ClassVar = Effect.WHOLE_WINDOW
    does: ClassVar = "`call` is called when the window opens, `undo` when it closes; without it the change stays"
    settings: ClassVar = "`call`, `undo` (`module:function`, without arguments)"
    places: ClassVar = frozenset({PlaceKind.PROCESS})
    rules: ClassVar = Rules.FROM_THEN_ON  # also with ``undo``: what operations left behind under other rules stays
    call: Text
    undo: Text | None = None

    def find(self, finder: Finder, place: str) -> Found:
        """Find both functions."""
        back = {} if self.undo is None else {"undo": finder.function(self.undo, f"{place}: what.undo")}
        return {"call": finder.function(self.call, f"{place}: what.call"), **back}

    def open(self, where: Where, process: Process) -> Iterator[Callable[[], object]]:
        """Call it."""
        _require_done(process.found["call"]())
        if (undo := process.found.get("undo")) is not None:
            yield undo


def _require_done(result: object) -> None:
    """Raise ``TypeError`` where a function only returned what would do it."""
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("it returned something to be awaited, expected a plain function")
