"""Locustfile of ``memory.py``: notes resident memory beside the operations done, and ends at a number of them."""

import os
from pathlib import Path

import gevent
import psutil
from closed_loop import BusyUser
from locust import events
from locust.env import Environment

from harness.swarm.loading.session import session_of

__all__ = ["BusyUser"]


@events.test_start.add_listener
def watch(environment: Environment, **_: object) -> None:
    """Note memory twice a second."""
    process = psutil.Process()
    wanted = int(os.environ["PROBE_OPERATIONS"])

    def note() -> None:
        with Path(os.environ["PROBE_FILE"]).open("w", encoding="utf-8", buffering=1) as file:
            done = 0
            while done < wanted:
                gevent.sleep(0.5)
                done = session_of(environment).started
                file.write(f"{done},{process.memory_info().rss}\n")
        assert environment.runner is not None
        environment.runner.quit()

    gevent.spawn(note)
