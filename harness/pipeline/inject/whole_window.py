"""Faults that are on for a window as a whole: fewer slots, a breaker forced open, another wall clock, a reload."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol, cast

from harness.load.faults.kinds import BreakerOpen, ClockJump, Fault, Reload, Slots
from harness.load.faults.plan import FaultPlan
from harness.pipeline.inject.plan_imports import function
from harness.words.components import BACKEND, BREAKER, Component, Owner, components


class Resizable(Protocol):
    """A backend."""

    slots: int


class Forcible(Protocol):
    """A breaker."""

    def force_open(self) -> None:
        """Reject every call."""

    def reset(self) -> None:
        """Close, and forget what was counted."""


class Clock(Protocol):
    """A wall clock."""

    def jump(self, by_s: float) -> Callable[[], object]:
        """Move it; return what moves it back."""


class Windows:
    """Opens and closes whole-window faults; what is open can be undone at any moment.

    Args:
        plan: its whole-window faults are known.
        source: how errors call the plan.
        owner: the build of the target whose parts are reached.

    Raises:
        FaultPlanError: the plan names a function that is not there.

    """

    def __init__(self, plan: FaultPlan, source: str, owner: Owner | None = None) -> None:
        self._owner = owner
        self._reloads = {
            fault.name: _reload(fault.what, f"{source}: fault {fault.name!r}")
            for fault in plan.fault
            if isinstance(fault.what, Reload)
        }
        self._undo: dict[str, list[Callable[[], object]]] = {}
        self._forced: Counter[Component] = Counter()  # by how many open windows a breaker is held open
        self._clock: Clock | None = None
        if any(isinstance(fault.what, ClockJump) for fault in plan.fault):
            # Not at the top: time-machine imports pytest where that is installed, and few plans need it.
            from harness.pipeline.inject.wall_clock import WallClock

            self._clock = WallClock()

    def open(self, fault: Fault) -> None:
        """Put a fault in force."""
        undo = self._undo.setdefault(fault.name, [])
        match fault.what:
            case Slots(remove=remove):
                for part in components(BACKEND, fault.where.backend, owner=self._owner):
                    undo.append(_shrink(cast(Resizable, part), remove))
            case BreakerOpen():
                for part in components(BREAKER, fault.where.breaker, owner=self._owner):
                    undo.append(self._force(part))
            case ClockJump(by_s=by_s) if self._clock is not None:
                undo.append(self._clock.jump(by_s))
            case Reload():
                call, back = self._reloads[fault.name]
                _require_done(call())
                undo += [] if back is None else [back]

    def close(self, fault: Fault) -> None:
        """Undo a fault; nothing where it is not in force."""
        with ExitStack() as undone:  # the last first, and all of them, whatever one raises
            for undo in self._undo.pop(fault.name, []):
                undone.callback(undo)

    def close_all(self) -> None:
        """Undo whatever is in force, the last first."""
        with ExitStack() as undone:
            for name in list(self._undo):
                for undo in self._undo.pop(name):
                    undone.callback(undo)

    def _force(self, part: Component) -> Callable[[], object]:
        """Hold a breaker open; return what lets go of it, and closes it where no other window holds it."""
        breaker = cast(Forcible, part)
        breaker.force_open()
        self._forced[part] += 1

        def let_go() -> None:
            self._forced[part] -= 1
            if not self._forced[part]:
                breaker.reset()

        return let_go


def _require_done(result: object) -> None:
    """Raise ``TypeError`` where a function only returned what would do it."""
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("it returned something to be awaited, expected a plain function")


def _reload(what: Reload, place: str) -> tuple[Callable[[], object], Callable[[], object] | None]:
    back = None if what.undo is None else function(what.undo, f"{place}: what.undo")
    return function(what.call, f"{place}: what.call"), back


def _shrink(backend: Resizable, remove: int) -> Callable[[], object]:
    """Take slots away from a backend, all but one at most; return what gives them back."""
    removed = min(remove, backend.slots - 1)
    backend.slots -= removed

    def give_back() -> None:
        backend.slots += removed

    return give_back
