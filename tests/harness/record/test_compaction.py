"""The parts of a history are put together when a run is over: the same rows in fewer files, whatever interrupts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from recorded import RecordedHistory

from harness.record import compaction
from harness.record.compaction import compact
from harness.record.history import PartWriter, parts_of, read_operations
from harness.words.clock import Epoch
from harness.words.errors import RecordError

SPANS = [("guard", "guard", 1, 2, "ok"), ("router", "route", 2, 3, "ok")]


@pytest.fixture
def history(operation, tmp_path):
    """Return a folder with twelve parts of each of three workers, and the ids of its operations in order."""
    writer, buffer = PartWriter(tmp_path), RecordedHistory(Epoch(0))
    ids = []
    for second in range(12):
        for worker in (0, 1, 11):
            for made in (operation(5 * second + n, worker=worker, error=f"E{second}") for n in range(5)):
                buffer.add(made, SPANS)
                ids.append(made.id)
            for table, part in buffer.take().items():
                writer.write(table, worker, part)
    return tmp_path, sorted(ids)


def ids(folder):
    return [op.id for op in read_operations(parts_of(folder, "operations").paths)]


def spans(folder):
    return [row for path in parts_of(folder, "spans").paths for row in pq.read_table(path).to_pylist()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_row_is_there_as_it_was_in_a_file_per_table_and_worker(history):
    folder, expected = history
    before = list(read_operations(parts_of(folder, "operations").paths)), spans(folder)
    compact(folder)
    assert (list(read_operations(parts_of(folder, "operations").paths)), spans(folder)) == before
    assert ids(folder) == expected
    assert names(folder) == [
        f"{table}-w{worker:03d}-000000-000011.parquet" for table in ("operations", "spans") for worker in (0, 1, 11)
    ]


def test_ids_and_times_stay_encoded_as_differences_and_texts_as_dictionaries(history):
    folder, _ = history
    compact(folder)
    with pq.ParquetFile(parts_of(folder, "operations").paths[0]) as file:
        group = file.metadata.row_group(0)
        used = {group.column(n).path_in_schema: group.column(n).encodings for n in range(group.num_columns)}
    assert {name for name, encodings in used.items() if "DELTA_BINARY_PACKED" in encodings} == {
        "id",
        "intended_ns",
        "start_ns",
        "entered_ns",
        "end_ns",
        "resumed_ns",
    }
    assert "RLE_DICTIONARY" in used["error"]


def test_a_history_that_was_put_together_stays_as_it_is(history):
    folder, expected = history
    compact(folder)
    before = names(folder)
    compact(folder)
    assert (names(folder), ids(folder)) == (before, expected)


def test_parts_that_come_after_it_are_read_and_put_together_as_well(history, operation):
    folder, expected = history
    compact(folder)
    writer, buffer = PartWriter(folder), RecordedHistory(Epoch(0))
    writer._sequence["operations", 1] = 12
    buffer.add(operation(999, worker=1), ())
    writer.write("operations", 1, buffer.take()["operations"])
    wanted = sorted([*expected, operation(999, worker=1).id])
    assert ids(folder) == wanted
    compact(folder)
    assert ids(folder) == wanted
    assert "operations-w001-000000-000012.parquet" in names(folder)


def test_files_end_where_they_are_long_enough(history, monkeypatch):
    folder, expected = history
    monkeypatch.setattr(compaction, "ROWS_PER_FILE", 20)
    monkeypatch.setattr(compaction, "ROWS_PER_GROUP", 7)
    compact(folder)
    assert ids(folder) == expected
    rows = [pq.read_metadata(path).num_rows for path in parts_of(folder, "operations").paths]
    assert rows == [20, 20, 20] * 3
    assert [part.first for part in parts_of(folder, "operations").files] == [0, 4, 8] * 3


def test_the_sequential_pass_and_a_single_part_are_left_alone(operation, tmp_path):
    writer, buffer = PartWriter(tmp_path), RecordedHistory(Epoch(0))
    buffer.add(operation(), ())
    writer.write("operations", 0, buffer.take()["operations"])
    (part,) = parts_of(tmp_path, "operations").paths
    (tmp_path / "baseline-w000-000000.parquet").write_bytes(part.read_bytes())
    compact(tmp_path)
    assert names(tmp_path) == ["baseline-w000-000000.parquet", "operations-w000-000000.parquet"]


def test_a_part_that_cannot_be_read_is_named_and_nothing_is_removed(history):
    folder, _ = history
    (folder / "operations-w001-000003.parquet").write_bytes(b"PAR1")
    before = {*names(folder)}
    with pytest.raises(RecordError, match=r"operations-w001-000000"):
        compact(folder)
    left = {*names(folder)}
    assert {name for name in before if "w000" not in name} <= left, "parts of the other workers"
    assert [name for name in left if name.endswith(".partial")] == []


KILLED = """
import os, sys
from pathlib import Path
from harness.record.compaction import compact

steps = int(sys.argv[2])
def step(original):
    def counted(*arguments, **named):
        global steps
        if steps == 0:
            os.kill(os.getpid(), 9)
        steps -= 1
        return original(*arguments, **named)
    return counted

Path.rename, Path.unlink = step(Path.rename), step(Path.unlink)
compact(Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 1, 5, 13, 14])
def test_a_process_that_is_killed_in_the_middle_leaves_every_row_once(history, steps):
    folder, expected = history
    before = len(spans(folder))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), str(steps)], check=False, cwd=Path(__file__).parents[3]
    )
    assert done.returncode == -9
    assert ids(folder) == expected
    assert len(spans(folder)) == before
    compact(folder)  # of what was left behind
    assert ids(folder) == expected
