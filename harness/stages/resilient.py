"""A reference target that goes on when models fail: each route has a chain of three tiers, and a default at its end.

guard (GUARD) -> intent (ENRICH) -> router (ROUTE). The intent is what the rules of ``harness.stages.router`` choose;
the router is a fallback chain that tries the model of that route, then two others, then gives a default answer. Each
model is a simulated backend behind a circuit breaker. Use it as ``--target harness.stages.resilient:build``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from stageflow import Pipeline, StageContext, StageKind

from harness.stages import router as rules
from harness.stages.backend import SimulatedBackend
from harness.stages.breaker import BreakerSettings, CircuitBreaker
from harness.stages.chain import FallbackChainStage
from harness.stages.reference import PROMPT_LIMIT, Guard, Router, priority_in
from harness.stages.retry import FullJitter, RetryPolicy
from harness.stages.routes import Default, Route

DEADLINE_MS: Final = 900.0
"""Time of the chain for one operation, all tiers together."""

WAITING_PER_SLOT: Final = 3
"""Calls that may wait in a backend's line for each of its slots; further ones are refused."""


class ModelPlan(NamedTuple):
    """How the backend of one route is dimensioned, and which routes stand in for it, in order."""

    route: str
    slots: int
    median_ms: float
    timeout_ms: float
    stand_ins: tuple[str, str]


# For 100 users with 0.3 s of think time over the default corpus, about 290 calls a second, as in the reference target.
# Fast has room for what standard and premium hand over when both are down: 80 % of all calls. Timeouts are at least
# five times the median, which of service times alone 2 in a million exceed.
MODELS: Final = (
    ModelPlan(rules.FAST, slots=8, median_ms=18.0, timeout_ms=150, stand_ins=(rules.STANDARD, rules.PREMIUM)),
    ModelPlan(rules.STANDARD, slots=10, median_ms=30.0, timeout_ms=200, stand_ins=(rules.FAST, rules.PREMIUM)),
    ModelPlan(rules.PREMIUM, slots=5, median_ms=50.0, timeout_ms=300, stand_ins=(rules.STANDARD, rules.FAST)),
    ModelPlan(rules.ESCALATION, slots=3, median_ms=55.0, timeout_ms=300, stand_ins=(rules.PREMIUM, rules.STANDARD)),
    ModelPlan(rules.FALLBACK, slots=2, median_ms=45.0, timeout_ms=300, stand_ins=(rules.FAST, rules.STANDARD)),
)
SIGMA: Final = 0.35
"""Of the log-normal service times."""

BREAKER: Final = BreakerSettings(
    failure_threshold=None,
    failure_rate=0.5,
    window_calls=20,
    minimum_calls=10,
    successes_open=False,
    open_s=2.0,
    probes=3,
    success_threshold=3,
)
"""Opens when half of the last 20 calls failed; 3 probes after 2 s. resilience4j's logic on a shorter scale of time."""


class Intent(Router):
    """Says which route a request is for, as the reference target's router does; the way there is the chain's."""

    name = "intent"
    kind = StageKind.ENRICH


class Model:
    """Answers with a simulated backend."""

    def __init__(self, backend: SimulatedBackend) -> None:
        self.backend = backend

    async def answer(self, ctx: StageContext) -> Mapping[str, object]:
        """Return ``answer``, ``backend``, ``queued_ms``, ``service_ms``, and the ``confidence`` of the intent."""
        snapshot = ctx.snapshot
        reply = await self.backend.call(
            (snapshot.input_text or "")[:PROMPT_LIMIT],
            priority=priority_in(snapshot.metadata),
            tag=snapshot.request_id,
        )
        return {
            "answer": f"{reply.backend} model: done",
            "backend": reply.backend,
            "queued_ms": reply.queued_ms,
            "service_ms": reply.service_ms,
            "confidence": ctx.inputs.get_from("intent", "confidence"),
        }


def build(seed: int = 0) -> Pipeline:
    """Return the pipeline with backends and breakers of its own: two builds share nothing.

    ``seed`` determines the service times of the backends and the waits before retries, and nothing else.
    """
    chain = FallbackChainStage(
        [_route(plan, seed) for plan in MODELS],
        Default({"answer": "Please try again in a minute."}),
        name="router",
        deadline_ms=DEADLINE_MS,
        chains={plan.route: (plan.route, *plan.stand_ins) for plan in MODELS},
        choose=lambda ctx: str(ctx.inputs.get_from("intent", "route")),
        protected=("priority",),
    )
    return (
        Pipeline(name="resilient")
        .with_stage("guard", Guard())
        .with_stage("intent", Intent(), after="guard")
        .with_stage("router", chain, after="intent")
    )


def _route(plan: ModelPlan, seed: int) -> Route:
    backend = SimulatedBackend(
        plan.route,
        slots=plan.slots,
        median_ms=plan.median_ms,
        sigma=SIGMA,
        seed=seed,
        queue_limit=WAITING_PER_SLOT * plan.slots,
    )
    return Route(
        plan.route,
        Model(backend).answer,
        timeout_ms=plan.timeout_ms,
        retry=RetryPolicy(ConnectionError, retries=1, wait=FullJitter(5.0, 20.0, seed=seed)),
        breaker=CircuitBreaker(plan.route, settings=BREAKER),
    )
