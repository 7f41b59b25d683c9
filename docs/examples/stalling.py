"""A target whose world stops for one second every ten: what begins in a stall waits until its end.

Nothing blocks: the process stays responsive, as where a database or a model behind it pauses.
"""

import asyncio
import os
import time

from stageflow import Pipeline, StageKind, StageOutput

SERVICE_S = 0.005
EVERY_S = float(os.environ.get("STALL_EVERY_S", "10"))
STALL_S = float(os.environ.get("STALL_S", "1"))


class Router:
    """Takes 5 ms, outside stalls."""

    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx):  # noqa: ARG002
        """Wait for the end of the stall, if there is one, and choose the only route."""
        await asyncio.sleep(max(0.0, STALL_S - time.monotonic() % EVERY_S))
        await asyncio.sleep(SERVICE_S)
        return StageOutput.ok(route="only", confidence=1.0)


pipeline = Pipeline(name="stalling").with_stage("router", Router, StageKind.ROUTE)
