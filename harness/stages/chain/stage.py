"""``FallbackChainStage``: routes tried in order, each within its time, until one answers; else a default does.

It needs Stageflow and nothing of a load test: put it into a pipeline of your own. docs/fallback.md has an example and
everything it keeps.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from stageflow import StageContext, StageKind, StageOutput

from harness.pipeline.tracing import current_trace
from harness.stages.chain.attempts import Record, Rules, Served, Walk
from harness.stages.retry import RetryBudget
from harness.stages.routes import Default, Route, check_order
from harness.words.components import CHAIN, announce
from harness.words.errors import ChainError, ChainFailedError
from harness.words.operation import AttemptOutcome

Choose = Callable[[StageContext], str | Sequence[str]]
"""Which chain an operation takes: the name of one of ``chains``, or route names in order."""

EVENT = "route.history"
"""Type of the event that tells the attempts of an operation."""

WARNINGS_PER_S = 10
"""Fallbacks logged one by one within a second; further ones are counted in the next line."""

_log = logging.getLogger("harness.stages.chain")  # documented: who runs it elsewhere listens to this name


class FallbackChainStage:
    """A ROUTE stage that tries routes in order and answers with the first answer it gets.

    Its output has ``route`` (who answered), ``asked_route`` (who was asked first), ``tier`` (0 is the first route),
    ``degraded``, ``attempts`` (the route history), ``result`` (the answer), ``confidence`` where the answer has one,
    and ``writes`` where protected keys were written. The history is also emitted as the event ``route.history``, even
    when the operation is cancelled or the chain fails. Answers of tier 1 and beyond are logged at WARNING.

    An instance serves any number of operations at a time, on any event loop of one thread.

    Args:
        routes: every route there is; without ``choose`` this is the order in which they are tried.
        default: answers when no route does.
        name: what the stage is called in logs and errors.
        deadline_ms: time of a whole operation: what one route leaves of it is what the next ones have. May be a
            function of the context. Stageflow keeps its own ``_timeout_ms`` out of a stage's sight; give less here.
        chains: orders of routes by name, for ``choose``.
        choose: picks the order of an operation.
        protected: keys of the context that routes get copies of, and only change where they declare it: entries of
            the metadata, or ``conversation``, ``enrichments``, ``extensions``.
        retry_budget: bounds the retries of all operations together.
        all_open: ``default`` skips routes whose breaker is open, also where that is all of them; ``use`` then tries
            them all in order without permits, as Portkey's gateway does; None: as the breakers' settings say, ``use``
            where all of them have ``use_all_when_all_open``.
        clock_ns: monotonic nanoseconds of the times in the history.

    Raises:
        ChainError: a route comes back or is unknown, there is no route or no default, or a number is out of its range.

    """

    kind = StageKind.ROUTE

    def __init__(
        self,
        routes: Sequence[Route],
        default: Default,
        *,
        name: str = "fallback_chain",
        deadline_ms: float | Callable[[StageContext], float | None] | None = None,
        chains: Mapping[str, Sequence[str]] | None = None,
        choose: Choose | None = None,
        protected: Collection[str] = (),
        retry_budget: RetryBudget | None = None,
        all_open: str | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = name
        self.routes = tuple(routes)
        self.default = default
        self._by_name = {route.name: route for route in self.routes}
        self._check(all_open, protected, chains, choose)
        if not callable(deadline_ms) and deadline_ms is not None and not 0 < deadline_ms < math.inf:
            raise ChainError(f"chain {name!r}: {deadline_ms=}: expected more than 0")
        self._deadline_ms = deadline_ms
        self._choose = choose
        self.chains = {key: self._order(order) for key, order in (chains or {}).items()}
        self._budget = RetryBudget() if retry_budget is None else retry_budget
        self._rules = Rules(tuple(protected), all_open, self._budget, clock_ns)
        self._warnings = _Warnings(clock_ns)
        announce(CHAIN, self)

    def _check(
        self,
        all_open: str | None,
        protected: Collection[str],
        chains: Mapping[str, Sequence[str]] | None,
        choose: Choose | None,
    ) -> None:
        name = self.name
        if not isinstance(self.default, Default):
            raise ChainError(f"chain {name!r}: no default: expected a Default, found {self.default!r}")
        names = [route.name for route in self.routes]
        check_order(name, names, names)
        if self.default.name in names:
            raise ChainError(f"chain {name!r}: its default has the name of a route, {self.default.name!r}")
        if all_open not in (None, "default", "use"):
            raise ChainError(f"chain {name!r}: all_open={all_open!r}: expected 'default', 'use' or None")
        if chains and choose is None:
            raise ChainError(f"chain {name!r}: chains without choose: expected both or neither")
        if isinstance(protected, str):
            raise ChainError(f"chain {name!r}: protected={protected!r}: expected a collection of keys")
        for route in self.routes:
            for key in route.writes:
                if key not in protected:
                    raise ChainError(f"chain {name!r}: route {route.name!r} writes {key!r}, which is not protected")

    def _order(self, names: Sequence[str]) -> tuple[Route, ...]:
        check_order(self.name, names, self._by_name)
        return tuple(self._by_name[name] for name in names)

    @property
    def route_names(self) -> tuple[str, ...]:
        """Names of its routes."""
        return tuple(self._by_name)

    @property
    def tiers(self) -> dict[str, list[int]]:
        """The places each route has in the declared orders: any, where ``choose`` gives orders of its own."""
        if self._choose is not None and not self.chains:
            return {name: list(range(len(self.routes))) for name in self._by_name}
        orders = list(self.chains.values()) or [self.routes]
        return {route.name: [order.index(route) for order in orders if route in order] for route in self.routes}

    @property
    def declared_deadline_ms(self) -> float | None:
        """Time of a whole operation in milliseconds; None where there is none, or a function gives it."""
        return None if callable(self._deadline_ms) else self._deadline_ms

    def routes_for(self, ctx: StageContext) -> tuple[Route, ...]:
        """Return the routes an operation tries, in order.

        Raises:
            ChainError: ``choose`` named no chain, or no order of routes.

        """
        if self._choose is None:
            return self.routes
        chosen = self._choose(ctx)
        if not isinstance(chosen, str):
            return self._order(chosen)
        if chosen not in self.chains:
            known = ", ".join(self.chains) or "none"
            raise ChainError(f"chain {self.name!r}: choose named {chosen!r}, expected one of {known}")
        return self.chains[chosen]

    async def execute(self, ctx: StageContext) -> StageOutput:
        """Return the first answer of the routes, or the default's.

        Raises:
            ChainFailedError: not even the default answered; its ``attempts`` are the history.
            ChainError: ``choose`` named something that is not there.

        """
        routes = self.routes_for(ctx)
        self._budget.call()
        walk = Walk(self._rules, routes, ctx, self._deadline_s(ctx))
        served = None
        try:
            served = await walk.go() or walk.give_default(self.default)
        finally:
            self._tell(ctx, routes[0].name, served, walk.attempts)
        if served is None:
            reasons = _reasons(walk.attempts)
            _log.error("%s: no route answered, nor did the default: %s", self.name, reasons)
            raise ChainFailedError(f"no route answered, nor did the default: {reasons}", walk.attempts)
        if served.tier:
            self._warnings.fallback(self.name, routes[0].name, served, walk.attempts)
        data: dict[str, object] = {
            "route": served.route,
            "asked_route": routes[0].name,
            "tier": served.tier,
            "degraded": served.degraded,
            "attempts": walk.attempts,
            "result": served.answer,
        }
        if isinstance(served.answer, Mapping) and "confidence" in served.answer:
            data["confidence"] = served.answer["confidence"]
        if walk.writes:
            data["writes"] = walk.writes
        if served.cancel is not None:
            return StageOutput.cancel(reason=str(served.cancel.data.get("cancel_reason", "")), data=data)
        return StageOutput.ok(data)

    def _deadline_s(self, ctx: StageContext) -> float | None:
        given = self._deadline_ms
        deadline_ms = given(ctx) if callable(given) else given
        return None if deadline_ms is None else asyncio.get_running_loop().time() + deadline_ms / 1000

    def _tell(self, ctx: StageContext, asked: str, served: Served | None, attempts: list[Record]) -> None:
        """Emit the history of an operation, whatever became of it; a load test sees it where no output will."""
        trace = current_trace.get()
        if trace is not None:
            trace.reported_attempts = attempts
        ctx.try_emit_event(
            EVENT,
            {
                "stage": ctx.stage_name,
                "route": None if served is None else served.route,
                "asked_route": asked,
                "tier": None if served is None else served.tier,
                "degraded": None if served is None else served.degraded,
                "attempts": attempts,
            },
        )


class _Warnings:
    """Logs fallbacks, at most ``WARNINGS_PER_S`` lines a second: formatting 1,000 would slow what has just failed."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._second = -1
        self._logged = 0
        self._unlogged = 0

    def fallback(self, stage: str, asked: str, served: Served, attempts: list[Record]) -> None:
        """Log that an operation was not served by the route it asked first."""
        second = self._clock_ns() // 1_000_000_000
        if second != self._second:
            self._second, self._logged = second, 0
        if self._logged >= WARNINGS_PER_S:
            self._unlogged += 1
            return
        self._logged += 1
        more, self._unlogged = self._unlogged, 0
        _log.warning(
            "%s: %r fell back to %r, tier %d%s: %s%s",
            *(stage, asked, served.route, served.tier, ", degraded" if served.degraded else ""),
            *(_reasons(attempts), f" (and {more} more since the last line)" if more else ""),
        )


def _reasons(attempts: list[Record]) -> str:
    return "; ".join(
        f"{attempt['route']}: {attempt['outcome']}, {attempt['reason']}"
        for attempt in attempts
        if attempt["outcome"] != AttemptOutcome.OK
    )
