"""A process pool with ``run_in_executor``, its processes started in each of the ways there are."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of


def classify(text: str) -> str:
    sum(range(20_000))  # in place of an inference
    return route_of(text)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    def __init__(self, method: str) -> None:
        self._context = multiprocessing.get_context(method)
        self._pool: ProcessPoolExecutor | None = None

    async def execute(self, ctx: StageContext) -> StageOutput:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(max_workers=2, mp_context=self._context)
        loop = asyncio.get_running_loop()
        return StageOutput.ok(
            route=await loop.run_in_executor(self._pool, classify, ctx.snapshot.input_text or ""), confidence=0.9
        )


fork = Pipeline(name="support").with_stage("router", Router("fork"), StageKind.ROUTE)
spawn = Pipeline(name="support").with_stage("router", Router("spawn"), StageKind.ROUTE)
forkserver = Pipeline(name="support").with_stage("router", Router("forkserver"), StageKind.ROUTE)
