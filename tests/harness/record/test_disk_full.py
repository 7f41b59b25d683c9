"""A disk that is full, in a process whose files must not grow: the operating system refuses the write itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PRELUDE = f"""
import resource, sys
sys.path.append({str(Path(__file__).parent)!r})
from pathlib import Path
from recorded import RecordedHistory
from harness.record.history import PartWriter
from harness.record.tables import warm_up
from harness.record.run_directory import RunDirectory, create_run_directory, require_writable
from harness.words.clock import Epoch
from harness.words.errors import RecordError, RouteSwarmError, UsageError
from harness.words.operation import Operation, Outcome

folder = Path(sys.argv[1])
buffer = RecordedHistory(Epoch(0))
for n in range(2000):
    error = f"Error: {{n * 7919 % 2000:x}}"
    times = (n, n, n, n, n)
    buffer.add(Operation(n, 0, n, "N", f"s{{n}}", 4, None, *times, Outcome.OK, "r", "r", None, 0, 1, None, error), ())
part = buffer.take()["operations"]

def full():
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
"""


@pytest.fixture
def on_full_disk(tmp_path):
    """Return a function that runs code in a process of its own and returns what it printed."""

    def run(code):
        script = PRELUDE + textwrap.dedent(code)
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_a_full_disk_is_a_record_error_and_leaves_nothing_that_reads_as_a_part(on_full_disk, tmp_path):
    printed = on_full_disk(
        """
        writer = PartWriter(folder)
        assert writer.write("operations", 0, part) == 2000
        full()
        try:
            writer.write("operations", 0, part)
        except RecordError as error:
            print(error)
        """
    )
    assert printed.startswith(f"{tmp_path}/operations-w000-000001.parquet: cannot write history: ")
    assert len(printed.splitlines()) == 1
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["operations-w000-000000.parquet"]


@pytest.mark.slow
def test_a_full_disk_is_found_before_any_load_and_leaves_nothing(on_full_disk, tmp_path):
    printed = on_full_disk(
        """
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        try:
            require_writable(folder / "results")
        except UsageError as error:
            print(error)
        """
    )
    assert printed.startswith(f"--results-dir {tmp_path}/results: cannot write results: ")
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.slow
def test_json_that_does_not_fit_is_an_error_of_ours_and_keeps_what_was_there(on_full_disk, tmp_path):
    printed = on_full_disk(
        """
        run = RunDirectory(folder)
        run.write_json(run.verdict, {"verdict": "PASS"})
        full()
        try:
            run.write_json(run.verdict, {"verdict": "x" * 100_000})
        except (RouteSwarmError, OSError) as error:
            print(type(error).__name__, error)
        """
    )
    assert printed
    assert (tmp_path / "verdict.json").read_text(encoding="utf-8") == '{\n  "verdict": "PASS"\n}\n'
