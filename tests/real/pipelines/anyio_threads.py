"""A classifier in C that releases the GIL for 20 ms, in anyio's threads."""

import ctypes

import anyio.to_thread
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

usleep = ctypes.CDLL(None).usleep  # in place of an inference


def infer(text: str) -> str:
    usleep(20_000)
    return route_of(text)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        route = await anyio.to_thread.run_sync(infer, ctx.snapshot.input_text or "")
        return StageOutput.ok(route=route, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
