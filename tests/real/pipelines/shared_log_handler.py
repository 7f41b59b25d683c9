"""A stage and the thread it calls log through one handler of the standard library."""

import asyncio
import logging
import os

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

log = logging.getLogger("support.router")
log.setLevel(logging.INFO)
log.propagate = False
log.addHandler(logging.FileHandler(os.environ.get("LOG_FILE", os.devnull)))


def classify(text: str) -> str:
    for step in range(20):
        log.info("step %d of %s: %s", step, text, "x" * 500)
    return route_of(text)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        text = ctx.snapshot.input_text or ""
        log.info("asked: %s", text)
        route = await asyncio.to_thread(classify, text)
        log.info("decided: %s", route)
        return StageOutput.ok(route=route, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
