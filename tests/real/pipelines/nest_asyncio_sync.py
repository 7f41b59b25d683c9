"""A synchronous function that runs coroutines on the loop that runs, as nest_asyncio permits."""

import asyncio

import nest_asyncio
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

nest_asyncio.apply()


async def classify(text: str) -> str:
    await asyncio.sleep(0.002)
    return route_of(text)


def classify_synchronously(text: str) -> str:
    return asyncio.get_event_loop().run_until_complete(classify(text))


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route=classify_synchronously(ctx.snapshot.input_text or ""), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
