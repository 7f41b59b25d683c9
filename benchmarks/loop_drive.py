"""The loop alone: one-stage ROUTE graph on plain asyncio, and by greenlets that drive it on HubLoop.

``python benchmarks/loop_drive.py [SECONDS]`` prints operations per second of CPU time, so that other work on the
machine does not count, and the median ratio of five pairs, for 100 users and for 1. Each measurement is a process
of its own: plain asyncio is not monkey-patched.
"""

import asyncio
import gc
import statistics
import subprocess
import sys
import time
import uuid
from typing import Any

PAIRS = 5


def operations(pipeline):
    """Return a function that makes one operation of a graph that all share."""
    from stageflow import PipelineContext

    graph = pipeline.build()

    def operation():
        ids: Any = {name: uuid.uuid4() for name in ("pipeline_run_id", "request_id", "session_id", "user_id")}
        return graph.run(PipelineContext.create(input_text="x", topology="t", execution_mode="m", metadata={}, **ids))

    return operation


def plain(users, seconds):
    from one_stage import pipeline

    operation = operations(pipeline)
    count = 0

    async def user(end):
        nonlocal count
        while time.monotonic() < end:
            await operation()
            count += 1

    async def run():
        end = time.monotonic() + seconds
        await asyncio.gather(*(user(end) for _ in range(users)))

    gc.freeze()
    began_s = time.process_time()
    asyncio.run(run())
    return count / (time.process_time() - began_s)


def hub(users, seconds):
    from gevent import monkey

    monkey.patch_all()
    import gevent
    from one_stage import pipeline

    from harness.loop import HubLoop

    operation = operations(pipeline)
    loop = HubLoop()
    loop.start()
    count = 0

    def user(end):
        nonlocal count
        while time.monotonic() < end:
            loop.drive(operation(), 30.0)
            count += 1

    gc.freeze()
    began_s = time.process_time()
    end = time.monotonic() + seconds
    gevent.joinall([gevent.spawn(user, end) for _ in range(users)])
    return count / (time.process_time() - began_s)


def measured(kind, users, seconds):
    command = [sys.executable, __file__, kind, str(users), str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def compare(seconds):
    for users in (100, 1):
        ratios = []
        for _ in range(PAIRS):
            alone, driven = measured("plain", users, seconds), measured("hub", users, seconds)
            ratios.append(driven / alone)
            print(f"{users:4} users: asyncio {alone:8.0f}/s, HubLoop.drive {driven:8.0f}/s, {ratios[-1]:.3f}")
        print(f"{users:4} users: median ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        import logging

        logging.disable(logging.CRITICAL)
        print({"plain": plain, "hub": hub}[sys.argv[1]](int(sys.argv[2]), float(sys.argv[3])))
    else:
        compare(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0)
