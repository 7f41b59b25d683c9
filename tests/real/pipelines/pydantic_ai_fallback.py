"""A pydantic-ai agent on a ``FallbackModel``: a primary that fails at times, then a backup."""

import os

from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = AsyncOpenAI(base_url=os.environ["MODELS_URL"] + "/v1", api_key="none", timeout=10, max_retries=0)
provider = OpenAIProvider(openai_client=client)
models = FallbackModel(OpenAIChatModel("flaky", provider=provider), OpenAIChatModel("backup", provider=provider))
agent = Agent(models, system_prompt=PROMPT)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        result = await agent.run(ctx.snapshot.input_text or "")
        return StageOutput.ok(route=result.output, confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
