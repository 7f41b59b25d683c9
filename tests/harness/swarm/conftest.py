"""Locust is imported after ``harness.swarm``, or it would patch the tests' own process; Arrow is warm, as in a run."""

import harness.swarm  # noqa: F401

import pytest  # isort: skip

from harness.record.tables import warm_up


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    warm_up()
