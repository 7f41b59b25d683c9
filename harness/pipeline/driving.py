"""Driving one operation, and taking whatever becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Protocol

from harness.load.corpus.corpus import Scenario
from harness.pipeline.runner import NO_DECISION, Reply, TargetRunner
from harness.pipeline.target import Identity
from harness.pipeline.tracing import Trace
from harness.words.errors import DeadlineExceeded, one_line
from harness.words.operation import Outcome


class Driver(Protocol):
    """Runs a coroutine on a loop and waits for it (``harness.loop.HubLoop``)."""

    def drive(self, coro: Coroutine[object, object, Reply], deadline_s: float | None = None) -> Reply:
        """Return the result of ``coro``; raise what it raises, or ``DeadlineExceeded``."""


def drive_operation(
    driver: Driver, runner: TargetRunner, scenario: Scenario, identity: Identity, trace: Trace, deadline_s: float
) -> Reply:
    """Run one operation and return what it came to, whatever ended it.

    Raised is only what was thrown into the caller while it waited.
    """
    try:
        return driver.drive(runner.run(scenario, identity, trace), deadline_s)
    except DeadlineExceeded:
        trace.end_ns = None  # it ends now; its task may go on
        return Reply(Outcome.TIMEOUT, NO_DECISION, f"no outcome within {deadline_s * 1000:g} ms")
    except asyncio.CancelledError as error:
        return Reply(Outcome.CANCELLED, NO_DECISION, one_line(error))
    except (Exception, GeneratorExit) as error:  # noqa: BLE001  # of the task: no sample is lost, whatever ended it
        return Reply(Outcome.FAILED, NO_DECISION, one_line(error))
