"""A synchronous client, shared by all, in ``asyncio.to_thread``: openai."""

import asyncio
import os

from openai import OpenAI
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = OpenAI(base_url=os.environ["MODELS_URL"] + "/v1", api_key="none", timeout=10)


def ask(text: str) -> str:
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]
    completion = client.chat.completions.create(model="router", messages=messages)
    return completion.choices[0].message.content


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route=await asyncio.to_thread(ask, ctx.snapshot.input_text or ""), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
