"""What a fallback chain costs per operation over a bare ROUTE stage: microseconds of CPU, on plain asyncio.

The same stage alone and as the first route of a chain of three, in pipelines of one stage, in turns of a thousand
operations. Printed are medians of the differences within a round, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import statistics
import sys
import time

from one_stage import Router
from stageflow import Pipeline, PipelineContext, StageContext, StageOutput
from stageflow.pipeline.pipeline import UnifiedStageGraph

from harness.stages.chain import FallbackChainStage
from harness.stages.routes import Default, Route

GOAL_US = 40
OPERATIONS = 1_000

BARE = "bare ROUTE stage"
CHAIN = "three tiers, timeouts, deadline"
PROTECTED = "the same, two protected keys"
FALLBACK = "the same, first tier failing"


class Failing(Router):
    """A route that is down."""

    async def execute(self, ctx: StageContext) -> StageOutput:  # noqa: ARG002  # as Stageflow calls it
        """Raise."""
        raise ConnectionError("503")


def chain(first: Router, protected: tuple[str, ...] = ()) -> FallbackChainStage:
    """Return a chain of three tiers."""
    routes = [Route("first", first, timeout_ms=1000), *(Route(name, Router(), timeout_ms=1000) for name in "bc")]
    return FallbackChainStage(routes, Default({"text": "later"}), deadline_ms=5000, protected=protected)


async def turn(graph: UnifiedStageGraph) -> float:
    """Return microseconds of CPU per operation."""
    began = time.process_time()
    for _ in range(OPERATIONS):
        await graph.run(PipelineContext.create(input_text="hello", metadata={"tenant": "t", "user": {"name": "n"}}))
    return (time.process_time() - began) / OPERATIONS * 1e6


async def measure(rounds: int) -> dict[str, list[float]]:
    """Return microseconds per operation of each kind and round."""
    stages = {
        BARE: Router(),
        CHAIN: chain(Router()),
        PROTECTED: chain(Router(), ("tenant", "user")),
        FALLBACK: chain(Failing()),
    }
    graphs = {name: Pipeline(name="p").with_stage("router", stage).build() for name, stage in stages.items()}
    costs: dict[str, list[float]] = {name: [] for name in graphs}
    for graph in graphs.values():
        await turn(graph)
    for _ in range(rounds):
        for name, graph in graphs.items():
            costs[name].append(await turn(graph))
    return costs


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the turns (9)")
    rounds = parser.parse_args().rounds
    logging.disable(logging.WARNING)
    gc.collect()
    gc.freeze()
    costs = asyncio.run(measure(rounds))
    print(f"chain: {BARE:<44} {statistics.median(costs[BARE]):6.1f} µs per operation")
    over = {
        name: statistics.median(cost - bare for cost, bare in zip(of_kind, costs[BARE], strict=True))
        for name, of_kind in costs.items()
    }
    kept = over[CHAIN] <= GOAL_US
    print(
        f"chain: {CHAIN:<44} {over[CHAIN]:+6.1f} µs over it  goal: at most {GOAL_US} µs {'kept' if kept else 'MISSED'}"
    )
    for name in (PROTECTED, FALLBACK):
        print(f"chain: {name:<44} {over[name]:+6.1f} µs over it")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
