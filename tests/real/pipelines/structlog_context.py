"""structlog with context variables that must stay those of the request, over awaits, tasks and threads."""

import asyncio
import os
from pathlib import Path

import structlog
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

log_file = Path(os.environ.get("LOG_FILE", os.devnull)).open("a")  # noqa: SIM115  # for the whole process
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ],
    logger_factory=structlog.WriteLoggerFactory(log_file),
)
log = structlog.get_logger()


def classify(text: str) -> str:
    if structlog.contextvars.get_contextvars()["text"] != text:
        raise RuntimeError("the thread has the context of another request")
    log.info("classifying")
    return route_of(text)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        text = ctx.snapshot.input_text or ""
        with structlog.contextvars.bound_contextvars(text=text):
            log.info("asked")
            await asyncio.create_task(asyncio.sleep(0.003))
            route = await asyncio.to_thread(classify, text)
            if structlog.contextvars.get_contextvars()["text"] != text:
                raise RuntimeError("the stage has the context of another request")
            log.info("decided", route=route)
        return StageOutput.ok(route=route, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
