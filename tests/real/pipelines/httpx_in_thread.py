"""A synchronous client, shared by all, in ``asyncio.to_thread``: httpx."""

import asyncio
import os

import httpx
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = httpx.Client(base_url=os.environ["MODELS_URL"], timeout=10)


def ask(text: str) -> str:
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]
    response = client.post("/v1/chat/completions", json={"model": "router", "messages": messages})
    response.raise_for_status()
    return response.json()["choices"][0]["message"]["content"]


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route=await asyncio.to_thread(ask, ctx.snapshot.input_text or ""), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
