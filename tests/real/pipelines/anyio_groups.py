"""Votes of several classifiers by anyio: task groups, a limiter, deadlines, and a thread for one of them."""

import asyncio
from collections import Counter

import anyio
import anyio.to_thread
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from pipelines.keywords import route_of

at_once = anyio.CapacityLimiter(40)


async def vote(text: str, votes: list[str], pause_s: float) -> None:
    async with at_once:
        await anyio.sleep(pause_s)
    votes.append(route_of(text))


async def vote_in_thread(text: str, votes: list[str]) -> None:
    votes.append(await anyio.to_thread.run_sync(route_of, text))


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        text = ctx.snapshot.input_text or ""
        votes: list[str] = []
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(vote, text, votes, 0.004 + number / 1e3)
                group.start_soon(vote_in_thread, text, votes)
        with anyio.move_on_after(0.002) as late:
            await anyio.sleep(60)  # one that never answers in time
        async with asyncio.TaskGroup() as group:
            last = group.create_task(asyncio.sleep(0.002, route_of(text)))
        votes.append(last.result())
        ((route, count),) = Counter(votes).most_common(1)
        return StageOutput.ok(route=route, confidence=count / 5, late=late.cancelled_caught)


pipeline = Pipeline(name="support").with_stage("router", Router, StageKind.ROUTE)
