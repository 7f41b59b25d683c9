"""Targets that do not look after what is not theirs: each thing that they do, they do once under load.

Not a test module: ``test_careless_targets.py`` copies it into a user's folder.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import signal
from collections.abc import Callable
from pathlib import Path

from stageflow import Pipeline, StageContext, StageKind, StageOutput

FIRST_OF_LOAD = 12
"""The call that does it, after those of a baseline of ten."""


def fork_and_go_on() -> None:
    """Fork, and let the child come back from here as this process does."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    if os.fork() == 0:
        signal.alarm(10)  # whatever happens, it ends


def fork_and_exit() -> None:
    """Fork as one should: the child does its work and ends, the parent waits for it."""
    child = os.fork()
    if child == 0:
        Path("child").write_text("was here")
        os._exit(3)
    _, status = os.waitpid(child, 0)
    Path("status").write_text(str(os.waitstatus_to_exitcode(status)))


def fork_and_raise() -> None:
    """Fork a child that ends by an exception, as one that was forgotten does."""
    if os.fork() == 0:
        signal.alarm(10)
        raise SystemExit(4)


def close_what_is_open() -> None:
    """Close all descriptors but the standard ones, as daemons do, and open files in their places."""
    os.closerange(3, 256)
    for number in range(40):
        os.open(f"other-{number % 4}", os.O_CREAT | os.O_RDWR)


class Router:
    name = "router"
    kind = StageKind.ROUTE

    def __init__(self, actions: list[Callable[[], object]]) -> None:
        self._calls = itertools.count(1)
        self._actions = actions

    async def execute(self, ctx: StageContext) -> StageOutput:
        number = next(self._calls) - FIRST_OF_LOAD
        if number in range(len(self._actions)):
            self._actions[number]()
        return StageOutput.ok(route="long" if len(ctx.snapshot.input_text or "") > 12 else "short", confidence=0.9)


def careless(*actions: Callable[[], object]) -> Pipeline:
    return Pipeline(name="careless").with_stage("router", Router([*actions]), StageKind.ROUTE)


forks = careless(gc.callbacks.clear, fork_and_go_on, fork_and_exit, fork_and_raise)
closes_descriptors = careless(close_what_is_open)
