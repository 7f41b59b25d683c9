"""Asks a model over HTTP, with one client for the whole process."""

import os

import httpx
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = httpx.AsyncClient(base_url=os.environ["MODELS_URL"], timeout=10)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": ctx.snapshot.input_text}]
        response = await client.post("/v1/chat/completions", json={"model": "router", "messages": messages})
        response.raise_for_status()
        return StageOutput.ok(route=response.json()["choices"][0]["message"]["content"], confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
