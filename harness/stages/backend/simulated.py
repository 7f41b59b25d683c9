"""A simulated model backend: a few slots, a line of waiting calls, service times of a declared distribution.

Latency under load comes out of queueing for a slot, as it does in front of a real model server; what else load does
is declared in ``LoadEffects``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from harness.stages.backend.load_effects import ColdStart, LoadEffects
from harness.stages.backend.service_times import LogNormal, ServiceTimes
from harness.stages.backend.waiting import WaitingLine
from harness.words.components import BACKEND, announce
from harness.words.errors import one_line
from harness.words.operation import CallOutcome

_NO_EFFECTS: Final = LoadEffects()

CallTag = UUID | str | int | None
"""What names a call to who reads the log: a stage passes the request's id."""


class BackendFull(Exception):  # noqa: N818 -- an answer of the simulated backend, not an error of this project
    """The queue of a backend was at its limit when a call arrived."""


class BackendReply(NamedTuple):
    """What a call got: who served it, and how long it waited and was served, in milliseconds."""

    backend: str
    queued_ms: float
    service_ms: float


class BackendCall(NamedTuple):
    """One row of a backend's log. Times are nanoseconds on the clock of the event loop, which is the monotonic one."""

    backend: str
    tag: CallTag
    priority: int
    arrived_ns: int
    started_ns: int | None
    """When it got its slot; None if it never did."""
    ended_ns: int
    outcome: CallOutcome
    error: str | None


class CallInfo(NamedTuple):
    """What a fault is told about the call it is asked about."""

    backend: str
    tag: CallTag
    priority: int


BackendFault = Callable[[CallInfo, Callable[[], Awaitable[None]]], Awaitable[None]]
"""Stands around the service of a call, in its slot: awaits the second argument to have the call served, before or
after which it may wait; or raises; or never returns."""


class SimulatedBackend:
    """A model server of ``slots`` concurrent calls and a line.

    The k-th call to arrive takes the k-th service time of a sequence that the distribution, ``seed`` and ``name``
    determine: equal arrivals, equal service. Calls wait by priority, 9 most urgent, and within one by arrival;
    ``ageing_s`` lets the effective priority rise by one for every so many seconds of waiting. A cancelled call leaves
    the line, or frees its slot, at once.

    It holds no loop between calls, so that one backend may serve several event loops one after the other. All
    calls must come from one thread.
    """

    def __init__(
        self,
        name: str,
        *,
        slots: int,
        seed: int,
        median_ms: float | None = None,
        sigma: float = 0.0,
        service_times: ServiceTimes | None = None,
        queue_limit: int | None = None,
        ageing_s: float | None = None,
        effects: LoadEffects = _NO_EFFECTS,
    ) -> None:
        """Make an idle backend; ``queue_limit`` None means that calls queue without bound.

        Service times are ``service_times``, or log-normal with ``median_ms`` and ``sigma``.

        Raises:
            ValueError: a number is out of its range, or there are no service times, or two.
        """
        if (median_ms is None) == (service_times is None):
            raise ValueError(f"backend {name!r}: expected either median_ms or service_times")
        sound = slots >= 1 and (queue_limit is None or queue_limit >= 0) and (ageing_s is None or ageing_s > 0)
        if not sound or (median_ms is not None and (not median_ms > 0 or not sigma >= 0)):
            raise ValueError(
                f"backend {name!r}: {slots=}, {median_ms=}, {sigma=}, {queue_limit=}, {ageing_s=}: expected at least "
                "1 slot, a positive median, and a sigma and a queue limit of 0 or more"
            )
        self.name = name
        self._times: ServiceTimes = service_times if median_ms is None else LogNormal(median_ms, sigma)  # type: ignore[assignment]
        self.queue_limit = queue_limit
        self.ageing_s = ageing_s
        self.effects = effects
        self.fault: BackendFault | None = None
        """What a fault injector puts around the service of every call; None: nothing."""
        self.in_service = 0
        """Calls being served."""
        self.arrived = 0
        """Calls since the start: served, refused, failed, cancelled, in service and queued ones."""
        self.served = 0
        """Calls served to their end since the start."""
        self.refused = 0
        """Calls that found the queue full."""
        self.failed = 0
        """Calls that failed by overload or a fault."""
        self.cancelled = 0
        """Calls cancelled while they waited or were served."""
        self._slots = slots
        self._draws = Random(f"{seed}/{name}")
        self._failure_draws = Random(f"{seed}/{name}/failures")
        self._line = WaitingLine(ageing_s)
        self._cold = ColdStart(effects)
        self._log: deque[BackendCall] | None = None
        self._log_lost = 0
        announce(BACKEND, self)

    @property
    def slots(self) -> int:
        """Calls that are served at once. May be set at run time.

        With fewer, calls in service go on and their slots are not used again; with 0, calls only wait. With more,
        the first calls of the line start at once.

        Raises (when set):
            ValueError: it is negative.
        """
        return self._slots

    @slots.setter
    def slots(self, slots: int) -> None:
        if slots < 0:
            raise ValueError(f"backend {self.name!r}: {slots=}, expected 0 or more")
        self._slots = slots
        self._fill()

    @property
    def queued(self) -> int:
        """Calls waiting for a slot."""
        return len(self._line)

    @property
    def mean_ms(self) -> float:
        """The mean service time without effects of load."""
        return self._times.mean_ms

    def keep_log(self, limit: int = 100_000) -> None:
        """Log every call that ends from now on, the last ``limit`` of them; until then nothing is logged."""
        self._log = deque(self._log or (), maxlen=limit)

    def take_log(self) -> tuple[list[BackendCall], int]:
        """Return the calls that ended since it was last taken, in that order, and how many more were lost."""
        calls, lost = list(self._log or ()), self._log_lost
        if self._log:
            self._log.clear()
        self._log_lost = 0
        return calls, lost

    async def call(self, prompt: str, *, priority: int = 0, tag: CallTag = None) -> BackendReply:  # noqa: ARG002 -- as a model would be called
        """Wait for a slot, hold it for one service time, and reply.

        Raises:
            BackendFull: ``queue_limit`` calls were waiting already.
            Exception: what ``effects`` or the fault declare.
        """
        clock = asyncio.get_running_loop().time
        service_s = self._times.draw_s(self._draws)
        self.arrived += 1
        visit = _Visit(tag, priority, clock())
        try:
            reply = await self._attend(visit, service_s, clock)
        except Exception as error:
            if isinstance(error, BackendFull) and visit.started_s is None:
                self.refused += 1
                self._note(visit, clock(), CallOutcome.REFUSED, error)
            else:
                self.failed += 1
                self._note(visit, clock(), CallOutcome.FAILED, error)
            raise
        except BaseException:
            self.cancelled += 1
            self._note(visit, clock(), CallOutcome.CANCELLED)
            raise
        self.served += 1
        if self._log is not None:
            self._note(visit, clock(), CallOutcome.SERVED)
        return reply

    async def _attend(self, visit: _Visit, service_s: float, clock: Callable[[], float]) -> BackendReply:
        """Serve one call when it has its slot."""
        affected = self.effects is not _NO_EFFECTS
        if affected and (failure := self.effects.failure(self.name, self.queued, self._failure_draws)) is not None:
            raise failure
        await self._enter(visit)
        try:
            started = visit.started_s = clock()
            if affected:
                service_s = self._under_load(service_s, started)
            if self.fault is None:
                await asyncio.sleep(service_s)
            else:
                await self.fault(CallInfo(self.name, visit.tag, visit.priority), partial(asyncio.sleep, service_s))
            ended = clock()
        finally:
            self._leave(clock)
        return BackendReply(self.name, (started - visit.arrived_s) * 1000, (ended - started) * 1000)

    def _under_load(self, service_s: float, now_s: float) -> float:
        """Return the service time of a call that starts now, with the effects of load."""
        effects = self.effects
        if self._cold.starts(now_s, others=self.in_service - 1):
            service_s += effects.cold_extra_ms / 1000
        return service_s * (1 + effects.slow_down * self.in_service / max(1, self._slots))

    async def _enter(self, visit: _Visit) -> None:
        """Take a slot, waiting in the line for one if need be."""
        if self.in_service < self._slots:
            self.in_service += 1
            return
        if self.queue_limit is not None and self.queued >= self.queue_limit:
            raise BackendFull(f"backend {self.name!r} has {self.queued} calls waiting already")
        turn = self._line.join(visit.priority, visit.arrived_s)
        try:
            await turn.future
        except BaseException:
            self._line.leave(turn)
            # The slot may have been handed over in the very step in which the call was cancelled.
            if turn.future.done() and not turn.future.cancelled():
                self.in_service -= 1
                self._fill()
            raise

    def _leave(self, clock: Callable[[], float]) -> None:
        """Hand the slot to the call whose turn it is, or free it."""
        self.in_service -= 1
        self._fill()
        if self.in_service == 0 and self.effects is not _NO_EFFECTS:
            self._cold.idle(clock())

    def _fill(self) -> None:
        """Start the first calls of the line on the slots that are free."""
        while self._line and self.in_service < self._slots and self._line.call_next():
            self.in_service += 1

    def _note(self, visit: _Visit, ended_s: float, outcome: CallOutcome, error: Exception | None = None) -> None:
        """Log a call that has ended, if a log is kept."""
        log = self._log
        if log is None:
            return
        if len(log) == log.maxlen:
            self._log_lost += 1
        started = visit.started_s
        log.append(
            BackendCall(
                self.name,
                visit.tag,
                visit.priority,
                arrived_ns=_ns(visit.arrived_s),
                started_ns=None if started is None else _ns(started),
                ended_ns=_ns(ended_s),
                outcome=outcome,
                error=None if error is None else one_line(error),
            )
        )


class _Visit:
    """A call while it goes on."""

    __slots__ = ("arrived_s", "priority", "started_s", "tag")

    def __init__(self, tag: CallTag, priority: int, arrived_s: float) -> None:
        self.tag = tag
        self.priority = priority
        self.arrived_s = arrived_s
        self.started_s: float | None = None


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
