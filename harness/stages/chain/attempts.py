"""One operation's way down a fallback chain: its attempts one after the other, in its own task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from copy import deepcopy
from typing import NamedTuple

from stageflow import StageCancellationRequested, StageContext, StageOutput, StageStatus
from tenacity import RetryCallState

from harness.pipeline.tracing import current_trace
from harness.stages.chain.protected import checksum, protected_values, protected_view, written
from harness.stages.retry import RetryBudget
from harness.stages.routes import Breaker, Default, Permit, Route, not_empty, uses_all_open
from harness.stages.runners import answer_in
from harness.words.errors import NoAnswerError, ProtectedWriteError, RouteError, one_line
from harness.words.operation import AttemptOutcome

Record = dict[str, object]
"""An attempt as it stands in the output: route, tier, attempt, start_ns, end_ns, outcome, breaker, reason."""

ALL_OPEN = "all breakers open"


class Place(NamedTuple):
    """Where in a chain a runner is being run."""

    asked_route: str
    route: str
    tier: int
    attempt: int  # 1 is the first try of the route in this operation


current_place: ContextVar[Place | None] = ContextVar("fallback_chain_place", default=None)
"""Set while a runner runs, for backends and logs that want to know; the tasks it makes inherit it."""


class Rules(NamedTuple):
    """What all operations of a chain share."""

    protected: Collection[str]
    all_open: str | None
    budget: RetryBudget
    clock_ns: Callable[[], int]


class Served(NamedTuple):
    """An answer and who gave it. ``cancel`` is what a stage returned that asked to cancel the pipeline."""

    route: str
    tier: int
    answer: object
    degraded: bool
    cancel: StageOutput | None = None


class Walk:
    """The attempts of one operation, in order.

    Each runs in the task of the operation: a timeout cancels it there and waits until it has ended, so that nothing
    it began is left running.

    Args:
        rules: of the chain.
        routes: in the order in which they are tried.
        ctx: of the operation.
        deadline_s: loop time at which the operation must be over, None where it need not.

    """

    __slots__ = (
        "_ctx",
        "_deadline_s",
        "_forced",
        "_given",
        "_loop",
        "_routes",
        "_rules",
        "_task",
        "_unasked",
        "_undeclared",
        "_values",
        "attempts",
        "writes",
    )

    def __init__(self, rules: Rules, routes: Sequence[Route], ctx: StageContext, deadline_s: float | None) -> None:
        self._rules = rules
        self._routes = routes
        self._ctx = ctx
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._unasked = 0 if self._task is None else self._task.cancelling()
        self._forced = False
        self._undeclared: str | None = None
        self._given: int | None = None
        self._values = protected_values(ctx, rules.protected) if rules.protected else {}
        self.attempts: list[Record] = []
        self.writes: dict[str, object] = {}

    async def go(self) -> Served | None:
        """Return the first answer, None where no route gave one.

        Raises:
            StageCancellationRequested: the pipeline was cancelled meanwhile.
            asyncio.CancelledError: the task was.

        """
        for tier, route in enumerate(self._routes):
            served = await self._try_route(tier, route)
            if served is not None:
                return served
        self._ctx.raise_if_cancelled()
        return None

    async def _try_route(self, tier: int, route: Route) -> Served | None:
        retries: RetryCallState | None = None
        number = 1
        while True:
            if self.attempts:
                self._ctx.raise_if_cancelled()
            start_ns = self._rules.clock_ns()  # before its limit is set: none lasts shorter than its timeout
            until_s = self._until_s(route)
            if until_s is not None and until_s <= self._loop.time():
                self._not_run(route, tier, number, AttemptOutcome.SKIPPED, "no time left")
                return None
            permit = None if route.breaker is None else self._acquire(route.breaker)
            if permit is None and route.breaker is not None and not self._forced:
                self._not_run(route, tier, number, AttemptOutcome.REJECTED, "its breaker gave no permit")
                return None
            result = await self._attempt(route, tier, number, permit, start_ns, until_s)
            if isinstance(result, Served):
                return result
            if route.retry is None:
                return None
            retries = retries or route.retry.begin()
            if not await self._retry(route, retries, result):
                return None
            number += 1

    def give_default(self, default: Default) -> Served | None:
        """Return the default's answer, None where it has none."""
        start_ns = self._rules.clock_ns()
        outcome, reason = AttemptOutcome.FAILED, None
        try:
            answer = default.give(self._ctx)
            outcome = AttemptOutcome.OK
            return Served(default.name, len(self._routes), answer, default.degraded)
        except Exception as error:  # noqa: BLE001  # whatever its function raises, the chain has failed
            reason = one_line(error)
            return None
        finally:
            end_ns = self._rules.clock_ns()
            self._note(default.name, len(self._routes), 1, start_ns, end_ns, outcome, None, reason)

    def _until_s(self, route: Route) -> float | None:
        """Return the loop time at which an attempt that begins now must be over."""
        if route.timeout_ms is None:
            return self._deadline_s
        own_s = self._loop.time() + route.timeout_ms / 1000
        return own_s if self._deadline_s is None or own_s < self._deadline_s else self._deadline_s

    def _acquire(self, breaker: Breaker) -> Permit | None:
        """Ask for a permit; where there is none, see whether the chain goes on without."""
        permit = breaker.try_acquire()
        if permit is None and not self.attempts:
            self._forced = uses_all_open(self._rules.all_open, [other.breaker for other in self._routes])
        return permit

    async def _retry(self, route: Route, retries: RetryCallState, error: Exception) -> bool:
        """Wait for the next try; False where there is to be none."""
        assert route.retry is not None
        wait_s = route.retry.next_wait_s(retries, error)
        if wait_s is None:
            return False
        if self._deadline_s is not None and self._loop.time() + wait_s >= self._deadline_s:
            return False  # the time is better spent on the next route
        if not self._rules.budget.take():
            return False
        await asyncio.sleep(wait_s)
        return True

    async def _attempt(
        self, route: Route, tier: int, number: int, permit: Permit | None, start_ns: int, until_s: float | None
    ) -> Served | Exception:
        """Run one attempt, record it, and tell its permit exactly once what became of it.

        Raised is only what ends the operation: its cancellation, and what is no ``Exception``.
        """
        breaker = None if route.breaker is None else str(route.breaker.state)
        reasons = [ALL_OPEN] if permit is None and breaker is not None else []
        place = current_place.set(Place(self._routes[0].name, route.name, tier, number))
        outcome, result = AttemptOutcome.CANCELLED, None
        try:
            outcome, result = await self._outcome(route, tier, until_s)
            if isinstance(result, Exception):
                reasons.append(one_line(result))
                if self._undeclared is not None and not isinstance(result, ProtectedWriteError):
                    reasons.append(self._undeclared)
            return result
        except BaseException:
            reasons.append("the operation was cancelled")
            raise
        finally:
            end_ns = self._rules.clock_ns()
            current_place.reset(place)
            self._note(route.name, tier, number, start_ns, end_ns, outcome, breaker, "; ".join(reasons) or None)
            if self._given is not None:
                self.attempts[-1].update(given=self._given, left=checksum(self._values))
            if permit is None:
                pass
            elif isinstance(result, Exception):
                permit.fail(result)
            elif result is None:
                permit.release()
            else:
                permit.succeed()

    async def _call(self, route: Route, tier: int, view: StageContext) -> object:
        """Ask the route, in a load test perhaps with a fault in between."""
        trace = current_trace.get()
        if trace is None or trace.hit is None:
            return await route.call(view)
        return await trace.hit.attempt(route.name, tier, route.call, view)

    async def _outcome(
        self, route: Route, tier: int, until_s: float | None
    ) -> tuple[AttemptOutcome, Served | Exception]:
        """Return the answer of one attempt, or why there is none."""
        limit = asyncio.timeout_at(until_s)
        try:
            protected = self._rules.protected
            self._undeclared = self._given = None
            view = protected_view(self._ctx, protected, self._values) if protected else self._ctx
            if protected and current_trace.get() is not None:
                self._given = checksum(protected_values(view, protected))
            try:
                async with limit:
                    answer = await self._call(route, tier, view)
            finally:
                if protected:
                    self._undeclared = self._take_writes(route, view)
            if self._undeclared is not None:
                raise ProtectedWriteError(self._undeclared)
            if limit.expired():
                raise TimeoutError  # it caught its cancellation and answered all the same
            return AttemptOutcome.OK, self._served(route, tier, answer)
        except (Exception, asyncio.CancelledError) as raised:  # noqa: BLE001  # of the route, unless shown otherwise
            # Not held in this frame, which its traceback holds: else each would wait for the garbage collector.
            return self._why_not(raised, route, until_s, limit.expired())

    def _why_not(
        self, raised: BaseException, route: Route, until_s: float | None, expired: bool
    ) -> tuple[AttemptOutcome, Exception]:
        """Return what an attempt that raised came to; raise what ends the operation."""
        if self._task is not None and self._task.cancelling() > self._unasked:
            # The operation was cancelled. A runner that turned that into an error of its own does not change it.
            raise raised if isinstance(raised, asyncio.CancelledError) else asyncio.CancelledError from raised
        if isinstance(raised, StageCancellationRequested):
            raise raised
        if expired:
            cause = "the deadline of the chain" if until_s == self._deadline_s else f"{route.timeout_ms:g} ms"
            return AttemptOutcome.TIMEOUT, TimeoutError(f"no answer within {cause}")
        if isinstance(raised, Exception):
            # From Python 3.12 on the frames of a traceback hold those that called them, and with them this very error.
            return AttemptOutcome.FAILED, raised.with_traceback(None)
        return AttemptOutcome.FAILED, RouteError("something it waited for was cancelled")

    @staticmethod
    def _served(route: Route, tier: int, answer: object) -> Served:
        """Return what was answered; raise why it is no answer."""
        if isinstance(answer, StageOutput):
            if answer.status is StageStatus.CANCEL:
                return Served(route.name, tier, answer.data, route.degraded, answer)
            answer = answer_in(answer)
        if not route.accept(answer):
            raise NoAnswerError(f"it gave {describe(answer)}")
        return Served(route.name, tier, answer, route.degraded)

    def _take_writes(self, route: Route, view: StageContext) -> str | None:
        """Keep declared writes for the attempts that follow, and say which were not declared."""
        changed = written(view, self._rules.protected, self._values)
        declared = {key: value for key, value in changed.items() if key in route.writes}
        if declared:
            self._values.update(deepcopy(declared))
            self.writes.update(deepcopy(declared))
        undeclared = ", ".join(repr(key) for key in changed if key not in route.writes)
        return f"it wrote {undeclared} and had not declared that" if undeclared else None

    def _not_run(self, route: Route, tier: int, number: int, outcome: AttemptOutcome, reason: str) -> None:
        """Record an attempt that was not made."""
        now_ns = self._rules.clock_ns()
        breaker = None if route.breaker is None else str(route.breaker.state)
        self._note(route.name, tier, number, now_ns, now_ns, outcome, breaker, reason)
        if self._rules.protected and current_trace.get() is not None:
            self.attempts[-1]["left"] = checksum(self._values)

    def _note(
        self,
        route: str,
        tier: int,
        number: int,
        start_ns: int,
        end_ns: int,
        outcome: AttemptOutcome,
        breaker: str | None,
        reason: str | None,
    ) -> None:
        self.attempts.append(
            {
                "route": route,
                "tier": tier,
                "attempt": number,
                "start_ns": start_ns,
                "end_ns": end_ns,
                "outcome": outcome.value,
                "breaker": breaker,
                "reason": reason,
            }
        )


def describe(answer: object) -> str:
    """Return what an answer that was not taken is called in a reason."""
    kind = type(answer).__name__
    return "None" if answer is None else f"{kind} that is not accepted" if not_empty(answer) else f"an empty {kind}"
