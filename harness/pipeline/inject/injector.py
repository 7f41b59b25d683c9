"""The injector: puts the faults of a plan around the calls of any target, without changing it.

The wrapper that records spans asks it, so there is nothing to undo on the stages. An operation that the plan may hit
carries a ``Hit``; which faults are open is switched from outside, on the clock of the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import NamedTuple, TypeVar

from stageflow import StageContext, StageKind, StageOutput

from harness.load.corpus.corpus import Scenario
from harness.load.faults.kinds import (
    Block,
    Cancel,
    CorruptKey,
    Empty,
    Error,
    Fault,
    Hang,
    Latency,
    Malformed,
    MissingKey,
    Nothing,
    Slow,
    Timeout,
    WrongRoute,
)
from harness.load.faults.plan import FaultPlan
from harness.pipeline.inject.plan_imports import exception_maker
from harness.pipeline.target import Identity
from harness.pipeline.tracing import Runner
from harness.words.clock import now_ns
from harness.words.operation import OPERATION_BITS, Injection, operation_index

_T = TypeVar("_T")


class Injector:
    """The plan in force in one process. Which of its faults are open is ``open``, in the plan's order.

    Raises:
        FaultPlanError: the plan names an exception that cannot be raised.

    """

    def __init__(self, plan: FaultPlan, source: str, sharers: Sequence[int] = (0,)) -> None:
        self.plan = plan
        self.open: tuple[Fault, ...] = ()
        self._sharers = tuple(sharers)  # the workers that share the indices of operations
        self._errors = {
            fault.what: exception_maker(fault.what, f"{source}: fault {fault.name!r}")
            for fault in plan.fault
            if isinstance(fault.what, Error)
        }

    def switch(self, fault: Fault, *, is_open: bool) -> None:
        """Open or close the window of a fault of the plan."""
        opened = {*self.open, fault} if is_open else {*self.open} - {fault}
        self.open = tuple(other for other in self.plan.fault if other in opened and not other.whole_window)

    def hit(self, scenario: Scenario, identity: Identity) -> Hit:
        """Return what the plan may do to an operation; to be called in its task."""
        operation = identity.request_id.int & OPERATION_BITS
        return Hit(self, operation, operation_index(operation, self._sharers), scenario)

    def error(self, what: Error) -> Exception:
        """Return a new exception of a fault."""
        return self._errors[what]()


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
            for fault in self._injector.open
            if (fault.where.stage == name or (fault.where.place == "scenario" and kind == StageKind.ROUTE.value))
            and self._is_hit(fault)
        ]
        return await self._with_context(found, call, ctx, f"stage {name}") if found else await call(ctx)

    async def attempt(self, route: str, tier: int, call: Runner, ctx: StageContext) -> object:
        """Run an attempt of a fallback chain, with the faults that are open for its route and tier."""
        found = [
            fault
            for fault in self._injector.open
            if fault.where.route == route and fault.where.tier in (None, tier) and self._is_hit(fault)
        ]
        if not found:
            return await call(ctx)
        return await self._with_context(found, call, ctx, f"route {route}, tier {tier}")

    async def backend(self, name: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """Run the call of a backend, with the faults that are open for it."""
        found = [fault for fault in self._injector.open if fault.where.backend == name and self._is_hit(fault)]
        strikes = self._strikes(found) if found else []
        if not strikes:
            return await call()
        with self._noted(strikes, f"backend {name}"):
            return await self._call(strikes, call)

    def _is_hit(self, fault: Fault) -> bool:
        predicate = fault.where.scenario
        return (
            fault.when.holds(self._index)
            and (predicate is None or predicate.matches(self._scenario))
            and fault.chosen(self._injector.plan.seed, self._index)
        )

    async def _with_context(self, faults: list[Fault], call: Runner, ctx: StageContext, place: str) -> object:
        metadata = ctx.snapshot.metadata
        strikes = [s for s in self._strikes(faults) if not _is_missing_already(s.fault, metadata)]
        with self._noted(strikes, place):
            for strike in strikes:
                ctx = _with_keys(strike.fault, ctx)
            output = await self._call(strikes, lambda: call(ctx))
            for strike in strikes:
                output = _changed(strike.fault, output)
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
            if not made and isinstance(fault.what, (Slow, MissingKey, CorruptKey)):
                continue
            delay_ms = 0.0
            if isinstance(fault.what, Latency):
                delay_ms = fault.what.draw_ms(fault.draws(self._injector.plan.seed, self._index))
                if not delay_ms:
                    continue
            strikes.append(_Strike(fault, delay_ms))
        return strikes

    @contextmanager
    def _noted(self, strikes: list[_Strike], place: str) -> Iterator[None]:
        """Write down every injection: when it begins, since not every call ends before its operation."""
        first, start_ns = len(self.injections), now_ns()
        self.injections += [
            Injection(self._operation, fault.name, fault.kind, place, start_ns, None) for fault, _ in strikes
        ]
        try:
            yield
        finally:
            end_ns = now_ns()
            for at in range(first, first + len(strikes)):
                self.injections[at] = self.injections[at]._replace(end_ns=end_ns)

    async def _call(self, strikes: list[_Strike], call: Callable[[], Awaitable[_T]]) -> _T:
        """Delay the call, or settle it in its place."""
        for fault, delay_ms in strikes:
            if delay_ms:
                await asyncio.sleep(delay_ms / 1000)
            elif isinstance(fault.what, Block):
                _hold_the_loop(fault.what.ms)
        for fault, _ in strikes:
            await self._decide(fault)
        clock = asyncio.get_running_loop().time
        began_s = clock()
        answer = await call()
        took_s = clock() - began_s
        for fault, _ in strikes:
            if isinstance(fault.what, Slow):
                await asyncio.sleep(took_s * (fault.what.factor - 1))
        return answer

    async def _decide(self, fault: Fault) -> None:
        match fault.what:
            case Error() as error:
                raise self._injector.error(error)
            case Hang():
                await asyncio.get_running_loop().create_future()
            case Timeout(after_ms=after_ms):
                await asyncio.sleep(after_ms / 1000)
                raise TimeoutError(f"injected: no answer within {after_ms:g} ms")
            case Cancel():
                if self._task is not None:
                    # As a caller that goes away does. The stage itself goes on: Stageflow passes no cancellation down
                    # to it (stageflow-core 1.2.0), and what becomes of it is the target's.
                    self._task.cancel("injected")


class _Strike(NamedTuple):
    """A fault that does something to one call."""

    fault: Fault
    delay_ms: float  # what was drawn for it, 0 where it is no latency


def _hold_the_loop(ms: float) -> None:
    until_s = monotonic() + ms / 1000
    while monotonic() < until_s:  # not time.sleep, which lets other greenlets run in a Locust process
        pass


def _is_missing_already(fault: Fault, metadata: Mapping[str, object]) -> bool:
    return isinstance(fault.what, MissingKey) and fault.what.key not in metadata


def _with_keys(fault: Fault, ctx: StageContext) -> StageContext:
    """Return the context as the call is to see it."""
    match fault.what:
        case MissingKey(key=key):
            metadata = {name: value for name, value in ctx.snapshot.metadata.items() if name != key}
        case CorruptKey(key=key, value=value):
            metadata = {**ctx.snapshot.metadata, key: value}
        case _:
            return ctx
    return replace(ctx, snapshot=replace(ctx.snapshot, metadata=metadata))


def _changed(fault: Fault, output: object) -> object:
    """Return the answer of the call as the fault leaves it."""
    match fault.what:
        case Empty():
            return StageOutput.ok()
        case Nothing():
            return None
        case WrongRoute(route=route):
            return _routed(output, route)
        case Malformed():
            return _routed(output, {"malformed": True})
        case _:
            return output


_ROUTE_KEYS = ("route", "selected_route", "chosen_route", "destination")


def _routed(output: object, route: object) -> object:
    if not isinstance(output, StageOutput):
        return output
    key = next((key for key in _ROUTE_KEYS if key in output.data), _ROUTE_KEYS[0])
    return replace(output, data={**output.data, key: route})
