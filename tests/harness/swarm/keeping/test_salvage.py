"""What a worker keeps of a run whose master is gone: all that can be kept, in a folder that loads."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from recorded import RecordedHistory, delta_of

from harness.record.history import parts_of, read_operations
from harness.swarm.keeping.salvage import keep_here
from harness.words.clock import Epoch
from harness.words.errors import RecordError

ABOUT: dict[str, Any] = {"index": 3, "host": "h"}


def part(operation: Any, *ordinals: int) -> dict[str, bytes]:
    history = RecordedHistory(Epoch(0))
    for ordinal in ordinals:
        history.add(operation(ordinal, worker=3), [("router", "route", 1, 2, "ok")])
    return history.take()


def deltas(operation: Any) -> list[Any]:
    return [
        delta_of("run", seq, 100.0 + seq, worker=3, ended=[100 + seq], history=part(operation, seq)) for seq in (4, 6)
    ]


def test_what_the_master_did_not_confirm_is_a_run_directory(operation: Any, tmp_path: Path) -> None:
    folder = keep_here(deltas(operation), tmp_path / "results", ABOUT, "the master is gone")
    assert folder.path == tmp_path / "results" / "run-worker-3"
    manifest = json.loads(folder.manifest.read_text())
    assert (manifest["of_run"], manifest["workers"], manifest["why"]) == ("run", [ABOUT], "the master is gone")
    found = list(read_operations(parts_of(folder.history, "operations").paths))
    assert found == [operation(4, worker=3), operation(6, worker=3)]
    with folder.series.open(newline="") as file:
        assert [row["second"] for row in csv.DictReader(file)] == ["104", "106"]


def test_a_part_that_was_cut_off_is_said_and_the_rest_is_kept(operation: Any, tmp_path: Path) -> None:
    first, second = deltas(operation)
    first["history"]["operations"] = first["history"]["operations"][:100]
    with pytest.raises(RecordError):
        keep_here([first, second], tmp_path, ABOUT, "gone")
    history = tmp_path / "run-worker-3" / "history"
    assert [op.id for op in read_operations(parts_of(history, "operations").paths)] == [operation(6, worker=3).id]
    assert len(parts_of(history, "spans").paths) == 2
    assert not list(history.glob("*.partial"))


def test_a_folder_that_is_there_already_is_not_written_over(operation: Any, tmp_path: Path) -> None:
    keep_here(deltas(operation), tmp_path, ABOUT, "gone")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(RecordError, match="run-worker-3"):
        keep_here(deltas(operation), tmp_path, ABOUT, "gone again")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
