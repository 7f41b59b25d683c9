"""The manifest: what was run, with what, where, by which versions."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import harness
from harness.record.run_directory import Json
from harness.swarm.inputs import Inputs

PACKAGES = ("locust", "gevent", "stageflow-core", "greenlet", "pyarrow", "msgspec")


def versions() -> dict[str, Json]:
    """Return the versions of what takes part in a measurement."""
    found: dict[str, Json] = {"routeswarm": harness.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def git_state(folder: Path) -> Json:
    """Return commit and dirtiness of the checkout around ``folder``, None where there is none."""
    if shutil.which("git") is None:
        return None

    def ask(*words: str) -> str | None:
        asked = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
        return asked.stdout.strip() if asked.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    return None if commit is None else {"commit": commit, "dirty": bool(ask("status", "--porcelain"))}


def about_this_process(worker: int, worker_id: str) -> dict[str, Json]:
    """Return how a worker introduces itself."""
    return {
        "index": worker,
        "id": worker_id,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "versions": versions(),
        "fate": "running",
        "joined": stamp(),
        "left": None,
    }


def stamp() -> str:
    """Return the UTC time as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def first_manifest(run_id: str, inputs: Inputs, locustfile: str, locust_options: Mapping[str, Json]) -> dict[str, Json]:
    """Return the manifest as it is before the run."""
    options = inputs.options
    return {
        "run_id": run_id,
        "argv": list(sys.argv),
        "locustfile": locustfile,
        "folder": str(Path.cwd()),
        "options": {
            "target": options.target,
            "graph_scope": options.graph_scope,
            "corpus": str(options.corpus) if options.corpus is not None else "(shipped)",
            "criteria": [criterion.text for criterion in inputs.criteria],
            "criteria_file": str(options.criteria) if options.criteria is not None else None,
            "deadline_ms": options.deadline_ms,
            "seed": options.seed,
            "baseline_size": options.baseline_size if options.baseline_size is not None else "auto",
            **locust_options,
        },
        "git": git_state(Path.cwd()),
        "versions": versions(),
        "hosts": [socket.gethostname()],
        "cpus": os.cpu_count(),
        "workers": [],
        "t0": stamp(),
        "t1": None,
        "digests": dict(inputs.digests),
        "scenarios": len(inputs.scenarios),
        "golden": inputs.golden,
        "route_stages": list(inputs.runner.route_stages),
    }
