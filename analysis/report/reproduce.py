"""The command that does a run again, made from what the manifest says was in force.

Not from the command line alone: options also come from the environment, a configuration file and the web UI's form.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.files.documents import Manifest, Totals

OPTIONS = (
    "target", "graph_scope", "corpus", "fault_plan", "criteria_file", "deadline_ms", "seed", "baseline_size",
    "num_users", "spawn_rate", "run_time", "stop_timeout", "tags", "exclude_tags",
)  # fmt: skip
"""Names in the manifest's ``options``, in the order of the command."""
FLAGS = {"criteria_file": "--criteria", "num_users": "--users"}
"""Options of another name than ``--name-with-dashes``."""
SHIPPED = "(shipped)"
"""Value of an option that stands for a file of the installed package: its default."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How to do a run again: a command for a shell, what it needs, and the command line that was given."""

    command: str | None
    needs: tuple[str, ...]
    argv: str | None


def reproduction(manifest: Manifest, totals: Totals) -> Reproduction:
    """Return how to do a run again; without a command where the manifest names no options."""
    argv = shlex.join(manifest.argv) if manifest.argv else None
    if manifest.options.get("target") is None:
        return Reproduction(None, (), argv)
    words = ["locust", *_locustfile(manifest), "--headless", *_options(manifest), *_run_time(manifest, totals)]
    return Reproduction(shlex.join([*words, *_workers(manifest)]), tuple(_needs(manifest)), argv)


def _locustfile(manifest: Manifest) -> list[str]:
    """Return the locustfile and, where some were chosen, the names of user classes."""
    path = manifest.options.get("locustfile") or manifest.locustfile
    return [*_words(manifest.options.get("user_classes")), *(["-f", str(path)] if path is not None else [])]


def _options(manifest: Manifest) -> Iterator[str]:
    for name in OPTIONS:
        words = _words(manifest.options.get(name))
        if words and words != [SHIPPED]:
            yield FLAGS.get(name, f"--{name.replace('_', '-')}")
            yield from words


def _words(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(each) for each in value]
    return [] if value is None else [str(value)]


def _run_time(manifest: Manifest, totals: Totals) -> list[str]:
    """Return how long a run went that was stopped by hand; a load shape ends by itself."""
    ends = any(manifest.options.get(name) is not None for name in ("run_time", "load_shape"))
    if ends or totals.duration_s is None:
        return []
    return ["--run-time", f"{math.ceil(totals.duration_s)}s"]


def _workers(manifest: Manifest) -> list[str]:
    """Return the number of worker processes; what was asked for, where the run was cut off before it said."""
    workers = [worker for worker in manifest.workers if worker.id != "local"]
    count = len(workers) if manifest.workers else manifest.options.get("processes")
    return ["--processes", str(count)] if count else []


def _needs(manifest: Manifest) -> Iterator[str]:
    """Yield where and with which files the run was made."""
    if manifest.folder is not None:
        yield f"in the folder {manifest.folder}"
    if manifest.git is not None and manifest.git.commit is not None:
        changes = ", with changes that are not in it" if manifest.git.dirty else ""
        yield f"at the commit {manifest.git.commit}{changes}"
    corpus, digest = manifest.options.get("corpus"), manifest.digests.get("corpus")
    if corpus is not None and digest is not None:
        yield f"with {corpus if corpus != SHIPPED else 'the shipped corpus'} (sha256 {digest})"
    if criteria := _words(manifest.options.get("criteria")):
        yield f"with the criteria: {'; '.join(criteria)}"
    if len(manifest.hosts) > 1:
        yield f"with workers on {', '.join(str(host) for host in manifest.hosts)}"
