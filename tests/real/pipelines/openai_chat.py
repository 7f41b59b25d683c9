"""Asks a model by ``AsyncOpenAI``."""

import os

from openai import AsyncOpenAI
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = AsyncOpenAI(base_url=os.environ["MODELS_URL"] + "/v1", api_key="none", timeout=10, max_retries=2)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        completion = await client.chat.completions.create(
            model="router",
            messages=[
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": ctx.snapshot.input_text or ""},
            ],
        )
        return StageOutput.ok(route=completion.choices[0].message.content, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
