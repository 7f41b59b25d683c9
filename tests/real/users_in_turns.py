"""Locustfile of the benchmark: users without think time that send while it is Locust's turn."""

import os
from pathlib import Path

import gevent
from locust import task
from locust.exception import StopUser
from turns import LOCUST, Turns

from harness.swarm import RouteUser

FOLDER = Path(os.environ["TURNS"])


class UserInTurns(RouteUser):
    """Sends one operation after the other while it is Locust's turn."""

    def on_start(self) -> None:
        """Wait until turns are told."""
        Turns.say_ready(FOLDER, LOCUST)
        while (turns := Turns.of(FOLDER)) is None:
            gevent.sleep(0.05)
        self.turns = turns
        gevent.sleep(self.wait_time())

    def wait_time(self) -> float:
        """Return how long it is until Locust's turn: 0 while it is; end the run once all are over."""
        wait_s = self.turns.wait_s(LOCUST)
        if wait_s is None:
            gevent.spawn(self.environment.runner.quit)  # not from here: it kills the users, and itself with this one
            raise StopUser
        return wait_s

    @task
    def send(self) -> None:
        """Send the next scenario of any kind."""
        self.route()
