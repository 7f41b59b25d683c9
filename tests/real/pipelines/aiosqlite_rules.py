"""Rules in SQLite, whose connection lives in a thread of its own."""

import asyncio

import aiosqlite
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import KEYWORDS, OTHERWISE

database: aiosqlite.Connection | None = None
opening = asyncio.Lock()
RULE = "select route from rules where instr(lower(?), keyword) > 0 order by rowid limit 1"


async def get_database() -> aiosqlite.Connection:
    global database
    async with opening:
        if database is None:
            opened = await aiosqlite.connect(":memory:")
            await opened.execute("create table rules (keyword text, route text)")
            await opened.executemany("insert into rules values (?, ?)", KEYWORDS)
            database = opened
    return database


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        rules = await get_database()
        async with rules.execute(RULE, (ctx.snapshot.input_text,)) as found:
            row = await found.fetchone()
        return StageOutput.ok(route=row[0] if row else OTHERWISE, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
