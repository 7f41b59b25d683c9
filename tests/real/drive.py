"""Drive a pipeline by plain asyncio: users that each send one scenario after the other.

``python drive.py TARGET --operations N`` prints, as JSON, what came of N operations;
``python drive.py TARGET --turns FOLDER`` sends while it is plain asyncio's turn (see ``turns``).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import os
import sys
import threading
import time
from collections import Counter
from itertools import count, cycle
from pathlib import Path
from uuid import uuid4

from stageflow.pipeline.dag import UnifiedStageGraph
from turns import PLAIN, Turns

from harness.load.corpus.corpus import Scenario, read_corpus
from harness.pipeline.target import Identity, default_context

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus.jsonl"
EXIT_S = 2.0
"""How long an ordinary exit may take: pools join their threads and processes in it."""


class Driver:
    """Users on one graph, and what came of their operations."""

    def __init__(self, graph: UnifiedStageGraph) -> None:
        self._graph = graph
        self._session = uuid4()
        self.times: list[tuple[int, int]] = []
        self.failed: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    async def send(self, scenario: Scenario) -> None:
        """Send one scenario."""
        start_ns = time.monotonic_ns()
        unique = uuid4()  # as the client: one id for a request and its run
        identity = Identity(unique, unique, self._session, self._session)
        try:
            results = await self._graph.run(default_context(scenario, identity))
            route = results["router"].data.get("route")
        except Exception as error:  # noqa: BLE001  # whatever the target raises is what is counted
            self.failed[repr(error)[:200]] += 1
        else:
            if route != scenario.expected_route:
                self.wrong[f"{scenario.id}: {route}"] += 1
        self.times.append((start_ns, time.monotonic_ns()))


async def send_counted(driver: Driver, users: int, operations: int) -> None:
    """Send a number of operations."""
    scenarios = cycle(read_corpus(CORPUS).scenarios)
    numbers = count()

    async def user() -> None:
        while next(numbers) < operations:
            await driver.send(next(scenarios))

    await asyncio.gather(*(user() for _ in range(users)))


async def send_by_turns(driver: Driver, users: int, folder: Path) -> None:
    """Send while it is plain asyncio's turn, until the last turn is over."""
    scenarios = cycle(read_corpus(CORPUS).scenarios)
    Turns.say_ready(folder, PLAIN)
    while (turns := Turns.of(folder)) is None:
        await asyncio.sleep(0.05)

    async def user() -> None:
        while (wait_s := turns.wait_s(PLAIN)) is not None:
            if wait_s:
                await asyncio.sleep(wait_s)
            else:
                await driver.send(next(scenarios))

    await asyncio.gather(*(user() for _ in range(users)))


def main() -> None:
    """Drive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", help="module:attribute")
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--operations", type=int, default=0)
    parser.add_argument("--turns", type=Path)
    asked = parser.parse_args()
    sys.path.insert(0, str(HERE))
    module, _, attribute = asked.target.partition(":")
    driver = Driver(getattr(importlib.import_module(module), attribute).build())
    gc.collect()
    gc.freeze()  # as the harness does
    driving = (
        send_by_turns(driver, asked.users, asked.turns)
        if asked.turns
        else send_counted(driver, asked.users, asked.operations)
    )
    asyncio.run(driving)
    print(json.dumps({"times": driver.times, "failed": driver.failed, "wrong": driver.wrong}), flush=True)
    # Threads of a target that are no daemons do not keep the process, as in the harness: aiosqlite 0.22 has one.
    last = threading.Timer(EXIT_S, os._exit, (0,))
    last.daemon = True
    last.start()


if __name__ == "__main__":
    main()
