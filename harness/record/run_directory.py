"""The run directory ``results/<UTC time>-<locustfile>-<4 hex>/`` and what is written into it when.

The manifest is written before the run, the history while it goes, the verdict after it: a run killed at any moment
leaves a directory that loads.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from harness.words.errors import UsageError

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

SPACE_NEEDED = 64 * 1024 * 1024
"""Free bytes a run needs to start: an hour at a thousand operations a second takes about 400 MB, a minute 7 MB."""


class RunDirectory:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history = path / "history"
        self.manifest = path / "manifest.json"
        self.series = path / "series.csv"
        self.arrivals = path / "arrivals.csv"  # only where a schedule had something due
        self.vitals = path / "vitals.csv"
        self.faults = path / "faults.csv"  # only where there was a fault plan
        self.facts = path / "facts.json"  # what judging needs besides history, series and vitals
        self.verdict = path / "verdict.json"
        self.report = path / "report.html"
        self.stacks = path / "logs" / "stacks.txt"  # only where a step of the target held the thread
        self.baseline = self.history / "baseline-w000-000000.parquet"
        self.locust_prefix = str(path / "locust")  # Locust appends _stats.csv and its like

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    def write_json(self, path: Path, content: object) -> None:
        """Write a JSON file whole or not at all."""
        partial = path.with_suffix(".partial")
        partial.write_text(json_text(content), encoding="utf-8")
        partial.rename(path)

    def write_stacks(self, text: str) -> None:
        """Write the stacks of steps that held the thread; nothing where there are none."""
        if text:
            self.stacks.parent.mkdir(exist_ok=True)
            self.stacks.write_text(text, encoding="utf-8")


def json_text(content: object) -> str:
    """Return the text of a JSON file of a run directory."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def create_run_directory(results: Path, locustfile: str, now: datetime | None = None) -> RunDirectory:
    """Create the folder of a new run and point ``latest`` at it.

    Raises:
        UsageError: the folder cannot be made or written, or the disk is full.

    """
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-{Path(locustfile).stem}-{secrets.token_hex(2)}"
    run = RunDirectory(results.absolute() / name)  # a target may change the current folder
    try:
        results.mkdir(parents=True, exist_ok=True)
        _require_space(results)
        _require_link(results)
        run.path.mkdir()
        run.history.mkdir()
        _point_latest(results, name)
    except OSError as error:
        raise UsageError(f"--results-dir {results}: cannot write results: {error.strerror or error}") from error
    return run


def require_writable(results: Path) -> None:
    """Raise ``UsageError`` if a run could not be kept in ``results``; leaves nothing behind."""
    probe = results / f".probe-{os.getpid()}-{secrets.token_hex(2)}"
    try:
        results.mkdir(parents=True, exist_ok=True)
        _require_space(results)
        _require_link(results)
        probe.write_bytes(bytes(4096))
    except OSError as error:
        raise UsageError(f"--results-dir {results}: cannot write results: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _require_space(folder: Path) -> None:
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < SPACE_NEEDED:
        raise UsageError(
            f"--results-dir {folder}: disk full: {free // 1_048_576} MiB free, expected {SPACE_NEEDED // 1_048_576} MiB"
        )


def _require_link(results: Path) -> None:
    latest = results / "latest"
    if latest.exists() and not latest.is_symlink():
        kind = "folder" if latest.is_dir() else "file"
        raise UsageError(
            f"--results-dir {results}: found a {kind} {latest}, expected a link to the newest run, or none"
        )


def _point_latest(results: Path, name: str) -> None:
    """Point ``results/latest`` at a run; atomic, so that two runs at once both leave a valid link."""
    link = results / f".latest-{secrets.token_hex(4)}"
    link.symlink_to(name, target_is_directory=True)
    try:
        link.replace(results / "latest")
    except OSError:
        link.unlink()
        raise
