"""Asks a model by ``AsyncOpenAI`` and reads the answer as it comes."""

import os

from openai import AsyncOpenAI
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = AsyncOpenAI(base_url=os.environ["MODELS_URL"] + "/v1", api_key="none", timeout=10)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        stream = await client.chat.completions.create(
            model="streaming",
            stream=True,
            messages=[
                {"role": "system", "content": PROMPT},
                {"role": "user", "content": ctx.snapshot.input_text or ""},
            ],
        )
        said = ""
        async for chunk in stream:
            if chunk.choices:
                said += chunk.choices[0].delta.content or ""
        return StageOutput.ok(route=said, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
