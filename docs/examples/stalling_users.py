"""The same load on the stalling target in two ways: ten users who wait for their answers, and arrivals that do not."""

from locust import constant, task

from harness.swarm import ArrivalRateUser, Constant, RouteUser


class ClosedLoop(RouteUser):
    """Ten users, 50 ms of thought after each answer: 180 operations a second while the target answers in 5 ms."""

    fixed_count = 10
    wait_time = constant(0.05)

    @task
    def anything(self) -> None:
        """Send the next scenario."""
        self.route()


class OpenLoop(ArrivalRateUser):
    """180 operations a second, whatever the target does; up to 300 in flight."""

    fixed_count = 300
    schedule = Constant(180)

    @task
    def anything(self) -> None:
        """Send the next scenario."""
        self.route()
