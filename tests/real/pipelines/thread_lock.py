"""A classifier that is not thread-safe, behind a lock, in ``asyncio.to_thread``."""

import asyncio
import threading
import time

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

lock = threading.Lock()


def classify(text: str) -> str:
    with lock:
        time.sleep(0.002)
        return route_of(text)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route=await asyncio.to_thread(classify, ctx.snapshot.input_text or ""), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
