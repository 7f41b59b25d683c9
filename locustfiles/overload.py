"""Nothing is injected: more and more users ask for code, until premium is overloaded and its stand-ins take over."""

from locust import task

from harness.swarm import RouteUser, StaircaseShape, declare_defaults, sending

declare_defaults(target="harness.stages.resilient:build", deadline_ms=1_000)


class Programmer(RouteUser):
    """Asks for code and nothing else, which premium answers."""

    priorities = range(8)

    @task
    @sending("code")
    def code(self) -> None:
        """Send the next scenario with code in it."""
        self.route("code")


class Climb(StaircaseShape):
    """To four times the users that premium has slots for."""

    levels = (10, 20, 40, 80, 100)
    dwell_s = 8
