"""A thread pool of one's own, with ``run_in_executor``."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="classifier")


def classify(text: str) -> str:
    time.sleep(0.005)
    return route_of(text)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        loop = asyncio.get_running_loop()
        return StageOutput.ok(
            route=await loop.run_in_executor(threads, classify, ctx.snapshot.input_text or ""), confidence=0.9
        )


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
