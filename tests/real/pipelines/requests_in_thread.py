"""A synchronous client, shared by all, in ``asyncio.to_thread``: requests."""

import asyncio
import os

import requests
from requests.adapters import HTTPAdapter
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

session = requests.Session()
session.mount("http://", HTTPAdapter(pool_maxsize=40))
URL = os.environ["MODELS_URL"] + "/v1/chat/completions"


def ask(text: str) -> str:
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]
    response = session.post(URL, json={"model": "router", "messages": messages}, timeout=10)
    response.raise_for_status()
    return response.json()["choices"][0]["message"]["content"]


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route=await asyncio.to_thread(ask, ctx.snapshot.input_text or ""), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
