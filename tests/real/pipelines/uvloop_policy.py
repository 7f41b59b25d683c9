"""A service that sets uvloop's policy when it is imported, and asks a model over a connection of its own."""

import asyncio
import json
import os
from urllib.parse import urlsplit

import uvloop
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import PROMPT

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

models = urlsplit(os.environ["MODELS_URL"])
at_once = asyncio.Semaphore(20)


async def ask(text: str) -> str:
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}]
    body = json.dumps({"model": "router", "messages": messages}).encode()
    reader, writer = await asyncio.open_connection(models.hostname, models.port)
    try:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {models.netloc}\r\nconnection: close\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        status, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    if b" 200 " not in status.split(b"\r\n")[0]:
        raise ConnectionError(status.decode())
    return json.loads(answer)["choices"][0]["message"]["content"]


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        async with at_once:
            return StageOutput.ok(route=await ask(ctx.snapshot.input_text or ""), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
