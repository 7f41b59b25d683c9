"""Asks a model by ``AsyncAnthropic``."""

import os

from anthropic import AsyncAnthropic
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = AsyncAnthropic(base_url=os.environ["MODELS_URL"], api_key="none", timeout=10)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        message = await client.messages.create(
            model="router",
            max_tokens=16,
            system=PROMPT,
            messages=[{"role": "user", "content": ctx.snapshot.input_text or ""}],
        )
        return StageOutput.ok(route=message.content[0].text, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
