"""Decisions cached in Redis, and requests counted per route."""

import os

from redis.asyncio import BlockingConnectionPool, Redis
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

redis = Redis(connection_pool=BlockingConnectionPool.from_url(os.environ["REDIS_URL"], max_connections=20, timeout=10))
KEPT_S = 1


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        text = ctx.snapshot.input_text or ""
        key = f"route:{text}"
        cached = await redis.get(key)
        route = cached.decode() if cached else route_of(text)
        async with redis.pipeline(transaction=True) as steps:
            if not cached:
                steps.set(key, route, ex=KEPT_S)
            await steps.incr(f"requests:{route}").execute()
        return StageOutput.ok(route=route, confidence=0.9, cached=bool(cached))


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
