"""A pipeline driven by plain asyncio and by the harness, each a process of its own, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kept_run import KeptRun
from locust_process import LocustProcess
from rows import Row

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
USERS = 30
CRITERIA = "p95_ms < 20000 at users >= 1\nconsistency_pct == 100\navailability_pct == 100\n"
PATIENCE_S = 120.0
"""How long a process may take: an embedding model alone takes twenty seconds to import on a cold disk."""


class Driven:
    """What drives a row in a folder."""

    def __init__(
        self, folder: Path, capabilities: Callable[[Row], dict[str, str]], processes: list[LocustProcess]
    ) -> None:
        self._folder = folder
        self._surroundings = capabilities
        self._processes = processes

    @property
    def log(self) -> Path:
        """What pipelines that log write to."""
        return self._folder / "pipeline.log"

    def where(self, row: Row) -> dict[str, str]:
        """Return the variables that a pipeline of a row finds."""
        return {**self._surroundings(row), "LOG_FILE": str(self.log)}

    def by_plain_asyncio(self, row: Row, operations: int) -> dict[str, Any]:
        """Return what plain asyncio made of a number of operations."""
        done = subprocess.run(
            [sys.executable, "drive.py", row.target, "--users", str(USERS), "--operations", str(operations)],
            cwd=HERE,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **self.where(row)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def by_the_harness(
        self, row: Row, operations: int, *, command: Sequence[str] = (sys.executable, "-m", "locust")
    ) -> tuple[KeptRun, int]:
        """Return the run of so many operations by 30 users that the real command left, and its exit code."""
        criteria = self._folder / "criteria.txt"
        criteria.write_text(CRITERIA)
        results = self._folder / "results"
        given = [*command, "-f", "counted_users.py", "--headless", "--only-summary", "-u", str(USERS), "-r", "1000"]
        given += ["-t", "90s", "--target", row.target, "--corpus", "corpus.jsonl", "--criteria", str(criteria)]
        given += ["--baseline-size", "8", "--results-dir", str(results)]
        environment = {**self.where(row), "OPERATIONS": str(operations), "ROUTESWARM_NO_REPORT": "1"}
        process = LocustProcess(given, HERE, environment, None, command=True)
        self._processes.append(process)
        code = process.wait(PATIENCE_S)
        process.assert_nothing_left()
        return KeptRun((results / "latest").resolve(), has_report=False), code
