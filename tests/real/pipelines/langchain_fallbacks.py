"""A LangChain runnable with a fallback: a primary that fails at times, then a backup."""

import os

from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda
from openai import APIError, AsyncOpenAI
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

client = AsyncOpenAI(base_url=os.environ["MODELS_URL"] + "/v1", api_key="none", timeout=10, max_retries=0)
ROLES = {"human": "user", "system": "system"}


def asking(model: str) -> Runnable[PromptValue, str]:
    async def ask(prompt: PromptValue) -> str:
        messages = [{"role": ROLES[message.type], "content": message.content} for message in prompt.to_messages()]
        completion = await client.chat.completions.create(model=model, messages=messages)
        return completion.choices[0].message.content

    return RunnableLambda(ask)


prompt = ChatPromptTemplate.from_messages([("system", PROMPT), ("human", "{text}")])
chain = prompt | asking("flaky").with_fallbacks([asking("backup")], exceptions_to_handle=(APIError,))


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route=await chain.ainvoke({"text": ctx.snapshot.input_text}), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
