"""Services, and runs of the harness beside them. Not part of ``make test``: needs ``make venv-real``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "end_to_end"):
    sys.path.insert(0, str(folder))
pytest.register_assert_rewrite("kept_run", "locust_process", "driven")

from driven import Driven  # noqa: E402
from locust_process import LocustProcess  # noqa: E402
from rows import Row  # noqa: E402
from services import MissingServerError, Running  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Services, started when a test first asks for them."""
    with Running(tmp_path_factory.mktemp("services")) as services:
        yield services


@pytest.fixture
def capabilities(running: Running) -> Callable[[Row], dict[str, str]]:
    """Returns where the services of a row are; skips where something is missing, and fails in CI."""

    def find(row: Row) -> dict[str, str]:
        try:
            if row.missing:
                raise MissingServerError(f"not installed: {', '.join(row.missing)} (make venv-real)")
            return running.environment(row.services)
        except MissingServerError as missing:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(missing))

    return find


@pytest.fixture
def driven(tmp_path: Path, capabilities: Callable[[Row], dict[str, str]]) -> Iterator[Driven]:
    """Drives pipelines in a folder of the test's own; nothing stays behind."""
    processes: list[LocustProcess] = []
    try:
        yield Driven(tmp_path, capabilities, processes)
    finally:
        for process in processes:
            process.kill()
