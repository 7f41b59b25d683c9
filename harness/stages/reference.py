"""The reference target: a routing pipeline as services build them, so that the main job needs nothing else.

guard (GUARD) -> router (ROUTE) -> five answer stages (TRANSFORM), one for each route. The answer stage of the
chosen route calls its model backend; the others skip. Use it as ``--target harness.stages.reference:build``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from harness.stages import router as rules
from harness.stages.backend import SimulatedBackend

PROMPT_LIMIT: Final = 8_000
"""Characters of a text that are sent to a model; the rest is cut off."""


class BackendPlan(NamedTuple):
    """How the backend of one route is dimensioned."""

    route: str
    slots: int
    median_ms: float
    sigma: float


# Dimensioned for 100 users with 0.3 s of think time over the default corpus, about 290 calls a second: it puts
# 45-70 % of the slots to use, and 30 % of the fallback's, which has room for what the other routes hand over.
BACKENDS: Final = (
    BackendPlan(rules.FAST, slots=2, median_ms=18.0, sigma=0.35),
    BackendPlan(rules.STANDARD, slots=8, median_ms=30.0, sigma=0.35),
    BackendPlan(rules.PREMIUM, slots=4, median_ms=50.0, sigma=0.35),
    BackendPlan(rules.ESCALATION, slots=3, median_ms=55.0, sigma=0.35),
    BackendPlan(rules.FALLBACK, slots=1, median_ms=45.0, sigma=0.35),
)


class Guard:
    """Screens the text and says what it objects to; it never stops a request."""

    name = "guard"
    kind = StageKind.GUARD

    async def execute(self, ctx: StageContext) -> StageOutput:
        """Return ``finding`` (text or None) for the input text."""
        finding = rules.screen(ctx.snapshot.input_text or "")
        return StageOutput.ok(finding=finding)


class Router:
    """Chooses the route by the rules of ``harness.stages.router``."""

    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        """Return ``route``, ``confidence`` (0-1) and ``reason`` for the text, its priority and the finding."""
        snapshot = ctx.snapshot
        choice = rules.choose(
            snapshot.input_text or "",
            priority_in(snapshot.metadata),
            ctx.inputs.get_from("guard", "finding"),
        )
        return StageOutput.ok(route=choice.route, confidence=choice.confidence, reason=choice.reason)


class Answer:
    """Answers the requests of one route with its model backend and skips all others."""

    kind = StageKind.TRANSFORM

    def __init__(self, route: str, backend: SimulatedBackend) -> None:
        self.name = f"{route}_answer"
        self.route = route
        self.backend = backend

    async def execute(self, ctx: StageContext) -> StageOutput:
        """Return ``answer``, ``backend``, ``queued_ms`` and ``service_ms``, or skip."""
        chosen = ctx.inputs.get_from("router", "route")
        if chosen != self.route:
            return StageOutput.skip(reason=f"the route is {chosen}")
        snapshot = ctx.snapshot
        reply = await self.backend.call((snapshot.input_text or "")[:PROMPT_LIMIT], tag=snapshot.request_id)
        return StageOutput.ok(
            answer=f"{reply.backend} model: done",
            backend=reply.backend,
            queued_ms=reply.queued_ms,
            service_ms=reply.service_ms,
        )


def build(seed: int = 0) -> Pipeline:
    """Return the pipeline with backends of its own: two builds share nothing.

    ``seed`` determines the service times of the backends and nothing else.
    """
    pipeline = Pipeline(name="reference").with_stage("guard", Guard()).with_stage("router", Router(), after="guard")
    for plan in BACKENDS:
        backend = SimulatedBackend(plan.route, slots=plan.slots, median_ms=plan.median_ms, sigma=plan.sigma, seed=seed)
        answer = Answer(plan.route, backend)
        pipeline = pipeline.with_stage(answer.name, answer, after="router")
    return pipeline


def priority_in(metadata: Mapping[str, object]) -> int:
    """Return the priority a request's metadata gives, or the default where it gives no whole number."""
    given = metadata.get("priority")
    return given if isinstance(given, int) else rules.DEFAULT_PRIORITY
