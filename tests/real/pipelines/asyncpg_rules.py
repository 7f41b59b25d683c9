"""Rules in PostgreSQL, read over a pool of connections."""

import asyncio
import os

import asyncpg
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import OTHERWISE

pool: asyncpg.Pool | None = None
opening = asyncio.Lock()
RULE = "select route from rules where position(keyword in lower($1)) > 0 order by place limit 1"


async def get_pool() -> asyncpg.Pool:
    global pool
    async with opening:
        if pool is None:
            pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10)
    return pool


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        rules = await get_pool()
        async with rules.acquire() as connection, connection.transaction(readonly=True):
            route = await connection.fetchval(RULE, ctx.snapshot.input_text)
        return StageOutput.ok(route=route or OTHERWISE, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
