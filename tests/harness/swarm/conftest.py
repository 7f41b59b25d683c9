"""Nothing but an order: before Locust, which would patch the tests' own process."""

import harness.swarm  # noqa: F401
