"""A run in one process without Locust's main: users whose target is driven at once, and a keeper on a clock by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

from locust.env import Environment
from locust.runners import LocalRunner
from stageflow import Pipeline, StageContext, StageKind, StageOutput

from harness.swarm.inputs import Inputs, load_inputs
from harness.swarm.options import Options
from harness.words.errors import DeadlineExceeded

S = 1_000_000_000
NOW_S = 1_740_000_000
PLACES = ("north", "south")


class Router:
    """Routes by the text's length; fails where the text says so."""

    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx: StageContext) -> StageOutput:
        text = ctx.snapshot.input_text
        if "fail" in text:
            raise ConnectionError("no route")
        return StageOutput.ok(route=PLACES[len(text) % 2], confidence=0.5)


pipeline = Pipeline().with_stage("router", Router, StageKind.ROUTE)

CORPUS = "".join(
    f'{{"id": "s{n}", "text": "{"x" * n}", "priority": {n % 10}, "expected_route": "{PLACES[n % 2]}"}}\n'
    for n in range(1, 11)
)


class AtOnce:
    """A loop that runs a coroutine to its end while its caller waits; it may raise something of its own instead."""

    broken = None

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.raises: BaseException | None = None

    def start(self) -> None:
        """Be there already."""

    def drive(self, coro, deadline_s=None):
        if self.raises is not None:
            coro.close()
            raise self.raises
        try:
            return self.loop.run_until_complete(asyncio.wait_for(coro, deadline_s))
        except TimeoutError:
            raise DeadlineExceeded from None


def inputs_in(folder: Path, **options: object) -> Inputs:
    """Return the inputs of a run on the pipeline above, whose results go into ``folder``."""
    corpus, criteria = folder / "corpus.jsonl", folder / "criteria.txt"
    corpus.write_text(CORPUS, encoding="utf-8")
    criteria.write_text("availability_pct >= 50 %\n", encoding="utf-8")
    asked = {
        "target": "in_memory:pipeline",
        "graph_scope": "shared",
        "corpus": corpus,
        "criteria": criteria,
        "fault_plan": None,
        "deadline_ms": 1000,
        "seed": 1,
        "results_dir": folder / "results",
        "baseline_size": None,
        "draws_report": False,
    }
    return load_inputs(Options(**{**asked, **options}))


def environment_of(*user_classes) -> Environment:
    environment = Environment(user_classes=list(user_classes))
    environment.runner = LocalRunner(environment)
    return environment
