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

from locust.env import Environment

import harness
from harness.judge.criteria.noise_floor import NoiseFloor
from harness.judge.documents import Git, Manifest, Worker, as_json
from harness.load.faults.plan import shipped_name
from harness.record.run_directory import Json
from harness.swarm.inputs import Inputs
from harness.swarm.process import world
from harness.words.column import FORMAT

_LOCUST_OPTIONS = (
    "locustfile", "user_classes", "num_users", "spawn_rate", "run_time", "processes", "stop_timeout", "expect_workers",
    "tags", "exclude_tags",
)  # fmt: skip
PACKAGES = ("locust", "gevent", "stageflow-core", "greenlet", "pyarrow", "msgspec")


def versions() -> dict[str, str | None]:
    """Return the versions of what takes part in a measurement."""
    found: dict[str, str | None] = {"routeswarm": harness.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found


def git_state(folder: Path) -> Git | None:
    """Return commit and dirtiness of the checkout around ``folder``, None where there is none."""
    if shutil.which("git") is None:
        return None

    def ask(*words: str) -> str | None:
        asked = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
        return asked.stdout.strip() if asked.returncode == 0 else None

    commit = ask("rev-parse", "HEAD")
    return None if commit is None else Git(commit, bool(ask("status", "--porcelain")))


def about_this_process(worker: int, worker_id: str, noise_floor: NoiseFloor | None) -> dict[str, Json]:
    """Return how a loading process introduces itself."""
    floor = None if noise_floor is None else noise_floor.as_json()
    about = Worker(
        worker, worker_id, socket.gethostname(), os.getpid(), versions(), "running", stamp(), noise_floor=floor
    )
    return as_json(about)


def agreed_on(inputs: Inputs) -> dict[str, Json]:
    """Return what must be the same in every process of a run, besides the versions; workers know no criteria."""
    options = inputs.options
    of_load = {name: digest for name, digest in inputs.digests.items() if name != "criteria"}
    return {
        **{f"{name} digest": digest[:12] for name, digest in of_load.items()},
        "ROUTE stages": list(inputs.runner.route_stages),
        "threads and sockets": world.name(),
        "--target": options.target,
        "--graph-scope": options.graph_scope,
        "--deadline-ms": options.deadline_ms,
        "--seed": options.seed,
    }


def stamp(time_s: float | None = None) -> str:
    """Return a Unix time, or now, as UTC in ISO 8601."""
    moment = datetime.now(UTC) if time_s is None else datetime.fromtimestamp(time_s, UTC)
    return moment.isoformat(timespec="milliseconds")


def first_manifest(run_id: str, inputs: Inputs, locustfile: str, locust_options: Mapping[str, Json]) -> dict[str, Json]:
    """Return the manifest as it is before the run."""
    options = inputs.options
    manifest = Manifest(
        run_id=run_id,
        format=FORMAT,
        argv=list(sys.argv),
        locustfile=locustfile,
        folder=str(Path.cwd()),
        options={
            "target": options.target,
            "graph_scope": options.graph_scope,
            "corpus": str(options.corpus) if options.corpus is not None else "(shipped)",
            "criteria": [criterion.text for criterion in inputs.criteria],
            "fault_plan": shipped_name(options.fault_plan) if options.fault_plan is not None else None,
            "criteria_file": shipped_name(options.criteria) if options.criteria is not None else None,
            "deadline_ms": options.deadline_ms,
            "seed": options.seed,
            "baseline_size": options.baseline_size if options.baseline_size is not None else "auto",
            **locust_options,
        },
        git=git_state(Path.cwd()),
        world=world.name(),
        versions=versions(),
        hosts=[socket.gethostname()],
        cpus=os.cpu_count(),
        workers=[],
        t0=stamp(),
        t1=None,
        digests=dict(inputs.digests),
        scenarios=len(inputs.scenarios),
        golden=inputs.golden,
        route_stages=list(inputs.runner.route_stages),
    )
    return as_json(manifest)


def load_options(environment: Environment) -> dict[str, Json]:
    """Return what of Locust's options makes the load."""
    parsed = vars(environment.parsed_options) if environment.parsed_options is not None else {}
    found: dict[str, Json] = {name: parsed[name] for name in _LOCUST_OPTIONS if parsed.get(name) not in (None, [])}
    if environment.shape_class is not None:
        found["load_shape"] = type(environment.shape_class).__name__
    return found
