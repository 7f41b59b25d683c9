"""The injector: puts the faults of a plan around the calls of any target, without changing it.

The wrapper that records spans asks it, so there is nothing to undo on the stages. An operation that the plan may hit
carries a ``Hit``; which faults are open is switched from outside, on the clock of the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import NamedTuple, TypeVar

from stageflow import StageContext, StageKind, StageOutput

from harness.load.corpus.corpus import Scenario
from harness.load.faults.kinds import Fault
from harness.load.faults.kinds.what import Found
from harness.load.faults.plan import FaultPlan
from harness.pipeline.inject.plan_imports import PlanImports
from harness.pipeline.target import Identity
from harness.pipeline.tracing import Runner
from harness.words.clock import now_ns
from harness.words.operation import OPERATION_BITS, Injection, operation_index
from harness.words.place import Place, PlaceKind

_T = TypeVar("_T")


class Injector:
    """The plan in force in one process. Which of its faults are open is ``open``, in the plan's order.

    Raises:
        FaultPlanError: the plan names in Python what is not there, such as an exception that cannot be raised.

    """

    def __init__(self, plan: FaultPlan, source: str, sharers: Sequence[int] = (0,)) -> None:
        self.plan = plan
        self.open: tuple[Fault, ...] = ()
        self.placed: tuple[tuple[Fault, Place], ...] = ()
        """The same with their places, which are asked for at every call."""
        self.windows: dict[str, int] = {}
        """Which of its windows each fault is in, or was last, from 0."""
        self._sharers = tuple(sharers)  # the workers that share the indices of operations
        finder = PlanImports()
        self.found = {
            fault.name: fault.what.find(finder, f"{source}: fault {fault.name!r}")
            for fault in plan.fault
            if not fault.whole_window
        }
        """What each fault found of what it needs."""

    def switch(self, fault: Fault, *, is_open: bool, window: int = 0) -> None:
        """Open or close a window of a fault of the plan; its ordinal goes into the injections of this window."""
        self.windows[fault.name] = window
        opened = {*self.open, fault} if is_open else {*self.open} - {fault}
        self.open = tuple(other for other in self.plan.fault if other in opened and not other.whole_window)
        self.placed = tuple((other, other.where.place) for other in self.open)

    def hit(self, scenario: Scenario, identity: Identity) -> Hit:
        """Return what the plan may do to an operation; to be called in its task."""
        operation = identity.request_id.int & OPERATION_BITS
        return Hit(self, operation, operation_index(operation, self._sharers), scenario)


class Hit:
    """What the plan does to one operation.

    Args:
        injector: the plan in force.
        operation: id of the operation.
        index: its index in the run, the same for equal seeds.
        scenario: what it sends.

    """

    __slots__ = ("_index", "_injector", "_operation", "_scenario", "_task", "injections")

    def __init__(self, injector: Injector, operation: int, index: int, scenario: Scenario) -> None:
        self._injector = injector
        self._operation = operation
        self._index = index
        self._scenario = scenario
        self._task = asyncio.current_task()
        self.injections: list[Injection] = []

    async def stage(self, name: str, kind: str, call: Runner, ctx: StageContext) -> object:
        """Run a stage, with the faults that are open for it."""
        found = [
            fault
            for fault, place in self._injector.placed
            if (place.kind is PlaceKind.STAGE and place.name == name)
            or (place.kind is PlaceKind.ROUTE_STAGES and kind == StageKind.ROUTE.value)
            if self._is_hit(fault)
        ]
        if not found:
            return await call(ctx)
        return await self._with_context(found, call, ctx, Place(PlaceKind.STAGE, name))

    async def attempt(self, route: str, tier: int, call: Runner, ctx: StageContext) -> object:
        """Run an attempt of a fallback chain, with the faults that are open for its route and tier."""
        found = [fault for fault, place in self._injector.placed if place.takes(route, tier) and self._is_hit(fault)]
        if not found:
            return await call(ctx)
        return await self._with_context(found, call, ctx, Place(PlaceKind.ROUTE, route, tier))

    async def backend(self, name: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Run the call of a backend, with the faults that are open for it."""
        found = [fault for fault in self._injector.open if fault.where.backend == name and self._is_hit(fault)]
        strikes = self._strikes(found) if found else []
        if not strikes:
            return await call()
        with self._noted(strikes, Place(PlaceKind.BACKEND, name)):
            return await self._call(strikes, call)

    def _is_hit(self, fault: Fault) -> bool:
        predicate = fault.where.scenario
        return (
            fault.when.holds(self._index)
            and (predicate is None or predicate.matches(self._scenario))
            and fault.chosen(self._injector.plan.seed, self._index)
        )

    async def _with_context(self, faults: list[Fault], call: Runner, ctx: StageContext, place: Place) -> object:
        given = ctx.snapshot.metadata
        strikes = [strike for strike in self._strikes(faults) if strike.fault.what.concerns(given)]
        with self._noted(strikes, place):
            metadata: Mapping[str, object] = given
            for strike in strikes:
                metadata = strike.fault.what.read(metadata)
            if metadata is not given:
                ctx = replace(ctx, snapshot=replace(ctx.snapshot, metadata=dict(metadata)))
            output = await self._call(strikes, lambda: call(ctx))
            for strike in strikes:
                output = strike.fault.what.answer(output, _ANSWERS)
            return output

    def _strikes(self, faults: list[Fault]) -> list[_Strike]:
        """Return what of the faults that are open for a call does something to it, in the plan's order.

        The first one that decides how the call ends does; where it ends without being made, its context and the time it
        takes are not there to be changed. A spike that delays others delays nothing here.
        """
        decider = next((fault for fault in faults if fault.what.decides), None)
        made = decider is None or not decider.what.instead
        strikes = []
        for fault in faults:
            if fault.what.decides and fault is not decider:
                continue
            if not made and fault.what.needs_call:
                continue
            drawn = fault.what.draw(partial(fault.draws, self._injector.plan.seed, self._index))
            if drawn is not None:
                strikes.append(_Strike(fault, drawn, self._injector.found[fault.name], self._task))
        return strikes

    @contextmanager
    def _noted(self, strikes: list[_Strike], place: Place) -> Iterator[None]:
        """Write down every injection: when it begins, since not every call ends before its operation."""
        first, start_ns, windows = len(self.injections), now_ns(), self._injector.windows
        self.injections += [
            Injection(self._operation, fault.name, fault.kind, str(place), start_ns, None, windows[fault.name])
            for fault, *_ in strikes
        ]
        try:
            yield
        finally:
            end_ns = now_ns()
            for at in range(first, first + len(strikes)):
                self.injections[at] = self.injections[at]._replace(end_ns=end_ns)

    async def _call(self, strikes: list[_Strike], call: Callable[[], Awaitable[_T]]) -> _T:
        """Delay the call, or settle it in its place."""
        for strike in strikes:
            await strike.fault.what.before(strike, strike.drawn)
        for strike in strikes:
            await strike.fault.what.decide(strike)
        clock = asyncio.get_running_loop().time
        began_s = clock()
        answer = await call()
        took_s = clock() - began_s
        for strike in strikes:
            await strike.fault.what.after(took_s)
        return answer


class _Strike(NamedTuple):
    """A fault that does something to one call."""

    fault: Fault
    drawn: float  # what its kind drew for the call
    found: Found
    task: asyncio.Task[object] | None  # of the operation

    def hold_loop(self, ms: float) -> None:
        """Hold the event loop for so many milliseconds."""
        _hold_the_loop(ms)

    def cancel_operation(self) -> None:
        """Cancel the task of the operation."""
        if self.task is not None:
            self.task.cancel("injected")


def _hold_the_loop(ms: float) -> None:
    until_s = monotonic() + ms / 1000
    while monotonic() < until_s:  # not time.sleep, which lets other greenlets run in a Locust process
        pass


_ROUTE_KEYS = ("route", "selected_route", "chosen_route", "destination")


class _StageAnswers:
    """Answers as Stageflow's stages give them."""

    def empty(self) -> object:
        """Return an output without data."""
        return StageOutput.ok()

    def routed(self, answer: object, route: object) -> object:
        """Return an output with another route under the key it has one; anything else as it is."""
        if not isinstance(answer, StageOutput):
            return answer
        key = next((key for key in _ROUTE_KEYS if key in answer.data), _ROUTE_KEYS[0])
        return replace(answer, data={**answer.data, key: route})


_ANSWERS = _StageAnswers()
