"""Faults that are on for a window as a whole: fewer slots, a breaker forced open, another wall clock, a reload."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Protocol, cast

from harness.load.fault_plan import FaultPlan, FaultPlanError
from harness.load.faults import BreakerOpen, ClockJump, Fault, Reload, Slots
from harness.target.tracing import current_trace
from harness.words.parts import BACKEND, BREAKER, Owner, parts


class Resizable(Protocol):
    """A backend."""

    slots: int


class Forcible(Protocol):
    """A breaker."""

    def force_open(self) -> None:
        """Reject every call."""

    def reset(self) -> None:
        """Close, and forget what was counted."""


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
            fault.name: _function(fault.what.call, f"{source}: fault {fault.name!r}")
            for fault in plan.fault
            if isinstance(fault.what, Reload)
        }
        self._undo: dict[str, list[Callable[[], object]]] = {}

    def open(self, fault: Fault) -> None:
        """Put a fault in force."""
        undo = self._undo.setdefault(fault.name, [])
        match fault.what:
            case Slots(remove=remove):
                for part in parts(BACKEND, fault.where.backend, owner=self._owner):
                    undo.append(_shrink(cast(Resizable, part), remove))
            case BreakerOpen():
                for part in parts(BREAKER, fault.where.breaker, owner=self._owner):
                    breaker = cast(Forcible, part)
                    breaker.force_open()
                    undo.append(breaker.reset)
            case ClockJump(by_s=by_s):
                undo.append(_jump(by_s))
            case Reload():
                self._reloads[fault.name]()

    def close(self, fault: Fault) -> None:
        """Undo a fault; nothing where it is not in force."""
        for undo in reversed(self._undo.pop(fault.name, [])):
            undo()

    def close_all(self) -> None:
        """Undo whatever is in force, the last first."""
        for name in reversed(list(self._undo)):
            for undo in reversed(self._undo.pop(name)):
                undo()


def _shrink(backend: Resizable, remove: int) -> Callable[[], object]:
    """Take slots away from a backend, all but one at most; return what gives them back."""
    removed = min(remove, backend.slots - 1)
    backend.slots -= removed

    def give_back() -> None:
        backend.slots += removed

    return give_back


def _jump(by_s: float) -> Callable[[], object]:
    """Move the wall clock as the tasks of operations read it from ``time``; return what moves it back.

    The rest of the process, Locust's statistics among it, keeps the true one.
    """
    true_time, true_time_ns = time.time, time.time_ns

    def moved_time() -> float:
        return true_time() + (by_s if current_trace.get() is not None else 0.0)

    def moved_time_ns() -> int:
        return true_time_ns() + (int(by_s * 1e9) if current_trace.get() is not None else 0)

    def back() -> None:
        time.time, time.time_ns = true_time, true_time_ns

    time.time, time.time_ns = moved_time, moved_time_ns
    return back


def _function(name: str, source: str) -> Callable[[], object]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute, None) if module and attribute else None
    except ImportError as error:
        raise FaultPlanError(f"{source}: what.call: {error}") from error
    if not callable(found):
        raise FaultPlanError(f"{source}: what.call: found {name!r}, expected module:function")
    return cast("Callable[[], object]", found)
