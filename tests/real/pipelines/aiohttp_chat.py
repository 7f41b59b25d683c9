"""Asks a model by aiohttp, whose session must be made while a loop runs."""

import os

import aiohttp
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

session: aiohttp.ClientSession | None = None


def get_session() -> aiohttp.ClientSession:
    global session
    if session is None:
        session = aiohttp.ClientSession(os.environ["MODELS_URL"], timeout=aiohttp.ClientTimeout(total=10))
    return session


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": ctx.snapshot.input_text}]
        asked = {"model": "router", "messages": messages}
        async with get_session().post("/v1/chat/completions", json=asked, raise_for_status=True) as response:
            body = await response.json()
        return StageOutput.ok(route=body["choices"][0]["message"]["content"], confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
