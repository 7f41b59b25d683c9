"""Locustfile of the tests: users that send so many operations together as ``OPERATIONS`` says, and end the run."""

import os
from itertools import count
from typing import ClassVar

import gevent
from locust import constant, task
from locust.exception import StopUser

from harness.swarm import RouteUser


class CountedUser(RouteUser):
    """Sends one operation after the other, until all are sent."""

    wait_time = constant(0)
    wanted = int(os.environ["OPERATIONS"])
    begun: ClassVar = count(1)
    ended: ClassVar = count(1)

    @task
    def send(self) -> None:
        """Send the next scenario, if one is left to be sent."""
        if next(self.begun) > self.wanted:
            raise StopUser
        self.route()
        if next(self.ended) == self.wanted:
            gevent.spawn(self.environment.runner.quit)  # not from here: it kills the users, and itself with this one
