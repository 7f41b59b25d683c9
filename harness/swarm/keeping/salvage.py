"""What a worker held when its master was gone, written on the worker's side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.record.run_directory import Json, RunDirectory
from harness.swarm.keeping.collector import Collector
from harness.swarm.wire.delta import Delta
from harness.words.errors import RecordError

WHAT = (
    "What one worker of a run had measured and its master had not confirmed when this was written: operations that the "
    "master may or may not have. An operation that is in both places has the same id in both."
)


def keep_here(deltas: Sequence[Delta], results: Path, about: dict[str, Json], why: str) -> RunDirectory:
    """Write deltas of one worker, at least one, into ``<results>/<run id>-worker-<index>/`` and return that folder.

    Args:
        deltas: in the order in which they were taken.
        results: the folder of the results; it is made if it is not there.
        about: what the worker says of itself, for the manifest.
        why: one clause, for the manifest.

    Raises:
        RecordError: something could not be written; what could be is there.

    """
    run_id, worker = deltas[0]["run_id"], deltas[0]["worker"]
    folder = RunDirectory(results / f"{run_id}-worker-{worker}")
    manifest = {"run_id": folder.run_id, "of_run": run_id, "what": WHAT, "why": why, "workers": [about]}
    try:
        folder.history.mkdir(parents=True)
        folder.write_json(folder.manifest, manifest)
        collector = Collector(folder, lambda _: None)
    except OSError as error:
        raise RecordError(f"{folder.path}: cannot write: {error.strerror or error}") from error
    for delta in deltas:
        collector.receive({**delta, "run_id": folder.run_id})
    collector.close()
    if collector.errors:
        raise RecordError(collector.errors[0])
    return folder
