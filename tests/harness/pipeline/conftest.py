"""Pipelines of a few stages, scenarios, and modules to point ``--target`` at."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Callable
from uuid import UUID

import pytest
from stageflow import Pipeline, StageKind

from harness.load.corpus.corpus import Scenario
from harness.pipeline.runner import TargetRunner
from harness.pipeline.target import Identity, Target
from harness.pipeline.tracing import Trace

NOBODY = Identity(*(UUID(int=n) for n in range(1, 5)))


class Stage:
    """A stage instance that answers with what ``answer(ctx)`` returns, awaits or raises."""

    def __init__(self, answer: Callable[..., object]) -> None:
        self._answer = answer

    async def execute(self, ctx):
        made = self._answer(ctx)
        return await made if asyncio.iscoroutine(made) else made


class Drive:
    """Runs scenarios through a pipeline under plain asyncio."""

    def __init__(self, target: Target, graph_scope: str) -> None:
        self.runner = TargetRunner(target, graph_scope, "mine:pipeline")
        self.trace = Trace()

    async def one(self, text="hello", identity=NOBODY, **fields):
        """Run one scenario in the running loop; ``trace`` is that of the last one begun."""
        self.trace = Trace()
        scenario = Scenario(id="s1", text=text, **{"priority": 4, **fields})
        return await self.runner.run(scenario, identity, self.trace)

    def __call__(self, text="hello", **fields):
        """Run one scenario in a loop of its own."""
        return asyncio.run(self.one(text, **fields))


@pytest.fixture(name="stage", scope="session")
def stage_fixture():
    return Stage


@pytest.fixture(name="router", scope="session")
def router_fixture():
    """Return a function that makes a pipeline of one ROUTE stage out of what that stage does."""
    return lambda answer: Pipeline(name="mine").with_stage("router", Stage(answer), StageKind.ROUTE)


@pytest.fixture(name="drive", scope="session")
def drive_fixture():
    """Return a function that makes a ``Drive`` of a pipeline, function or ``Target``."""
    return lambda target, graph_scope="shared": Drive(
        target if isinstance(target, Target) else Target(target), graph_scope
    )


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module into the current folder and returns its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
    before = set(sys.modules)

    def write(source: str, name: str = "routeswarm_test_target") -> str:
        path = tmp_path.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("routeswarm_test"):
            del sys.modules[name]
