"""Putting faults in force that are on for a window as a whole, and undoing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from typing import NamedTuple, Protocol, cast

from harness.load.faults.kinds import Fault
from harness.load.faults.kinds.what import Found, Resizable
from harness.load.faults.plan import FaultPlan
from harness.pipeline.inject.plan_imports import PlanImports
from harness.words.components import BACKEND, BREAKER, Component, Owner, components


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
        finder = PlanImports()
        forced: Counter[Component] = Counter()  # by how many open windows a breaker is held open
        self._reach = {
            fault.name: _Reach(fault.what.find(finder, f"{source}: fault {fault.name!r}"), owner, forced)
            for fault in plan.fault
            if fault.whole_window
        }
        self._undo: dict[str, list[Callable[[], object]]] = {}

    def open(self, fault: Fault) -> None:
        """Put a fault in force."""
        if not fault.whole_window:
            return
        undo = self._undo.setdefault(fault.name, [])
        for step in fault.what.open(fault.where, self._reach[fault.name]):
            undo.append(step)  # one by one: what was done before a step raised is undone

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


class _Reach(NamedTuple):
    """What a whole-window fault reaches of its process (``kinds.what.Process``)."""

    found: Found
    owner: Owner | None
    forced: Counter[Component]

    def backends(self, name: str | None) -> Collection[Resizable]:
        """Return the backends of a name."""
        return [cast(Resizable, part) for part in components(BACKEND, name, owner=self.owner)]

    def hold_open(self, breaker: str | None) -> Iterator[Callable[[], object]]:
        """Hold the breakers of a name open; yield what lets go of each."""
        for part in components(BREAKER, breaker, owner=self.owner):
            yield self._force(part)

    def _force(self, part: Component) -> Callable[[], object]:
        """Hold a breaker open; return what lets go of it, and closes it where no other window holds it."""
        breaker = cast(Forcible, part)
        breaker.force_open()
        self.forced[part] += 1

        def let_go() -> None:
            self.forced[part] -= 1
            if not self.forced[part]:
                breaker.reset()

        return let_go
