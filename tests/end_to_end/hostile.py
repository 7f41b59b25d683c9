"""Targets that misbehave, one attribute each; ``mixed`` does for each scenario what its text names.

Not a test module: ``test_hostile_targets.py`` copies it into a user's folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable

import gevent
from greenlet import GreenletExit
from stageflow import Pipeline, StageContext, StageKind, StageOutput

Action = Callable[[], object]
calls = itertools.count()


class Unforeseen(BaseException):
    pass


class Mute(Exception):  # noqa: N818  # what it lacks is its point
    def __str__(self) -> str:
        raise RuntimeError("no text")


class MuteBase(BaseException):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def raising(make: type[BaseException], *arguments: object) -> Action:
    def action() -> None:
        raise make(*arguments)

    return action


def answering(**data: object) -> Action:
    return lambda: StageOutput.ok(**data)


async def sleep_for_ever() -> None:
    await asyncio.sleep(3600)


async def refuse_to_end() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


async def cancel_all() -> StageOutput:
    await asyncio.sleep(0)
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0.01)
    return StageOutput.ok(route="a")


async def leave_litter() -> StageOutput:
    async def fail() -> None:
        raise ValueError("litter")

    loop = asyncio.get_running_loop()
    for _ in range(3):
        loop.create_task(fail())  # noqa: RUF006
    loop.call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
    return StageOutput.ok(route="a")


def block() -> StageOutput:
    time.sleep(0.03)
    return StageOutput.ok(route="a")


actions: dict[str, Action] = {
    "raises": raising(ValueError, "boom \ud800 \x00\n, twice"),
    "raises_mute": raising(Mute),
    "raises_long": raising(ValueError, "x" * 1_000_000),
    "raises_stop_iteration": raising(StopIteration),
    "raises_mute_base": raising(MuteBase),
    "raises_cancelled": raising(asyncio.CancelledError),
    "raises_system_exit": raising(SystemExit, 0),
    "raises_interrupt": raising(KeyboardInterrupt),
    "raises_base": raising(Unforeseen, "boom"),
    "raises_greenlet_exit": raising(GreenletExit),
    "raises_generator_exit": raising(GeneratorExit),
    "raises_gevent_timeout": raising(gevent.Timeout, 0.1),
    "closes_loop": lambda: asyncio.get_running_loop().close(),
    "stops_loop": lambda: asyncio.get_running_loop().stop(),
    "returns_none": lambda: None,
    "returns_nothing": dict,
    "returns_text": lambda: "fast",
    "returns_fail": lambda: StageOutput.fail(error="declined"),
    "returns_skip": lambda: StageOutput.skip(reason="not today"),
    "returns_cancel": lambda: StageOutput.cancel(reason="enough"),
    "million": answering(route="m" * 1_000_000),
    "unknown_route": answering(route="nobody expects this"),
    "empty_route": answering(route=""),
    "number_route": answering(route=7),
    "list_route": answering(route=["a", "b"]),
    "unprintable_route": answering(route=Unprintable()),
    "odd_text": answering(route="\ud800\x00\r\n,\"' <b>"),
    "odd_numbers": answering(route="a", confidence=float("nan"), tier=10**6, attempts=2**70),
    "negative_numbers": answering(route="a", confidence=-(10.0**300), tier=-1, attempts=-5),
    "odd_types": answering(route="a", confidence="high", tier="one", attempts={"a": 1}, asked_route=Unprintable()),
    "invents": lambda: StageOutput.ok(route=f"route {next(calls)} " + "y" * 60),
    "litters": leave_litter,
    "blocks": block,
    "never_ends": sleep_for_ever,
    "clings": refuse_to_end,
    "cancels_all": cancel_all,
}


class Router:
    name = "router"
    kind = StageKind.ROUTE

    def __init__(self, choose: Callable[[StageContext], Action]) -> None:
        self._choose = choose

    async def execute(self, ctx: StageContext) -> object:
        result = self._choose(ctx)()
        return await result if asyncio.iscoroutine(result) else result


def hostile(choose: Callable[[StageContext], Action]) -> Pipeline:
    return Pipeline(name="hostile").with_stage("router", Router(choose), StageKind.ROUTE)


for name, each in actions.items():
    globals()[name] = hostile(lambda _, action=each: action)
mixed = hostile(lambda ctx: actions[ctx.snapshot.input_text or ""])
