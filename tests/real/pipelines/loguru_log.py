"""loguru to a file, with context of the request."""

import asyncio
import os

from loguru import logger
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

logger.remove()
logger.add(os.environ.get("LOG_FILE", os.devnull), level="INFO", serialize=True)


def classify(text: str) -> str:
    logger.info("classifying {}", text)
    return route_of(text)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        text = ctx.snapshot.input_text or ""
        with logger.contextualize(text=text):
            logger.info("asked")
            await asyncio.sleep(0.003)
            route = await asyncio.to_thread(classify, text)
            logger.info("decided {}", route)
        return StageOutput.ok(route=route, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
