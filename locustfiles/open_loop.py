"""Open loop: 100 operations a second on average, as of many independent senders, whether or not earlier ones are done.

The users are slots: ``-u 200`` lets up to 200 operations be in flight.
"""

from locust import task

from harness.swarm import ArrivalRateUser, Poisson, sending


class Arrival(ArrivalRateUser):
    """Sends whatever comes next in the corpus, at the moment its schedule says."""

    schedule = Poisson(100)

    @task
    @sending()
    def anything(self) -> None:
        """Send the next scenario of any kind and priority."""
        self.route()
