"""What the tests start, and that none of it stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("kept_run", "locust_process")

from kept_run import BusyMachineError  # noqa: E402
from locust_process import LocustProcess  # noqa: E402
from user_folder import Folder, ports  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have a test done again whose run other processes of the machine made one that cannot be trusted."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.flaky(reruns=2, condition=is_of_the_machine))


def is_of_the_machine(error: BaseException | None) -> bool:
    return isinstance(error, BusyMachineError)


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
    made = Folder(tmp_path, processes, starts_again=getattr(request.module, "STARTS_AGAIN", False))
    yield made
    for run in made.runs:
        if run.was_judged:
            run.assert_judged_alike()


@pytest.fixture(params=["local", "processes"])
def spread(request: pytest.FixtureRequest) -> list[str]:
    """Arguments for both ways to run: one process, and a master with two workers."""
    return ["--processes", "2", *ports()] if request.param == "processes" else []
