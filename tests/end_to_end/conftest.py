"""What the tests start, and that none of it stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("kept_run", "locust_process")

from locust_process import LocustProcess  # noqa: E402
from user_folder import Folder, ports  # noqa: E402


@pytest.fixture
def processes() -> Iterator[list[LocustProcess]]:
    """Locust processes of the test; killed at its end."""
    started: list[LocustProcess] = []
    try:
        yield started
    finally:
        for process in started:
            process.kill()


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, processes: list[LocustProcess]) -> Iterator[Folder]:
    """A user's folder; at the end every run in it that was judged is judged again, and has the same verdict."""
    made = Folder(tmp_path, processes, draws_reports=getattr(request.module, "DRAWS_REPORTS", True))
    yield made
    for run in made.runs:
        if run.was_judged:
            run.assert_judged_alike()


@pytest.fixture(params=["local", "processes"])
def spread(request: pytest.FixtureRequest) -> list[str]:
    """Arguments for both ways to run: one process, and a master with two workers."""
    return ["--processes", "2", *ports()] if request.param == "processes" else []
