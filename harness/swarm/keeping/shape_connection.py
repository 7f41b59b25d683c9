"""A load shape connected to what is measured, while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from locust.env import Environment

from harness.judge.criteria.noise_floor import NoiseFloor
from harness.swarm.keeping.collector import Collector, Subscription
from harness.swarm.shapes.ramp_to_failure import RampToFailureShape
from harness.swarm.shapes.timed import RouteShape

REPORT_PATIENCE_S = 5.0
"""Seconds after which a worker that has not reported is not waited for: it is lost, or about to be."""


def connect(
    shape: RouteShape,
    environment: Environment,
    collector: Collector,
    noise_floor: Callable[[], NoiseFloor | None],
    now_s: Callable[[], float] = time.time,
) -> None:
    """Let a shape see when users have come, when they are about to go, and, for a search, what is measured.

    ``now_s`` is the Unix time of this host, by which the collector notes when reports arrive.
    """
    environment.events.spawning_complete.add_listener(shape.look)
    environment.events.test_stopping.add_listener(shape.leave)
    if isinstance(shape, RampToFailureShape):
        collector.subscribe(Subscription("search", lambda delta: shape.watch(delta["series"])))

        def reported_until(end: float) -> bool:
            if now_s() >= end + REPORT_PATIENCE_S:
                return True
            workers = [worker for worker in collector.workers.values() if not worker.final]
            return bool(workers) and all(worker.last_report >= end for worker in workers)

        shape.reported_until = reported_until
        shape.noise_floor = noise_floor


def disconnect(shape: RouteShape, environment: Environment) -> None:
    """Undo ``connect`` at the end of the run."""
    environment.events.spawning_complete.remove_listener(shape.look)
    environment.events.test_stopping.remove_listener(shape.leave)
