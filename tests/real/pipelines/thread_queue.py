"""Worker threads behind a queue, asked from ``asyncio.to_thread``."""

import asyncio
import queue
import threading
import time

from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

asked: "queue.Queue[tuple[str, queue.Queue[str]]]" = queue.Queue(maxsize=4)


def work() -> None:
    while True:
        text, answers = asked.get()
        time.sleep(0.002)
        answers.put(route_of(text))
        asked.task_done()


for number in range(2):
    threading.Thread(target=work, name=f"classifier-{number}", daemon=True).start()


def classify(text: str) -> str:
    answers: queue.Queue[str] = queue.Queue(maxsize=1)
    asked.put((text, answers), timeout=10)
    return answers.get(timeout=10)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        return StageOutput.ok(route=await asyncio.to_thread(classify, ctx.snapshot.input_text or ""), confidence=0.9)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
