"""Locustfile of the tests: users without think time."""

from locust import constant, task

from harness.swarm import RouteUser


class BusyUser(RouteUser):
    """Sends one operation after the other."""

    wait_time = constant(0)

    @task
    def send(self) -> None:
        """Send the next scenario of any kind."""
        self.route()
