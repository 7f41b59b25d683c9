"""What standard output cannot take ends nothing: a closed pipe, a full disk, a closed descriptor, an encoding."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from harness.words.output import Tolerant, put, tolerant

NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def broken_pipe() -> io.TextIOWrapper:
    reading, writing = os.pipe()
    io.FileIO(reading).close()  # at once: os.close of a process that gevent has patched waits for the hub
    return open(writing, "w", encoding="utf-8")  # noqa: PTH123


def test_text_is_written_at_once() -> None:
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream:  # noqa: PTH123
        assert put("a line …\n", stream) is None
        assert os.read(reading, 100) == "a line …\n".encode()
    os.close(reading)


def test_a_pipe_without_a_reader_is_told_of_and_takes_everything_from_then_on() -> None:
    with broken_pipe() as stream:
        assert put("lost\n", stream) == "Broken pipe"
        stream.write("and no error at the end either")


@NEEDS_FULL
def test_a_full_disk_is_told_of() -> None:
    with open("/dev/full", "w", encoding="utf-8") as stream:  # noqa: PTH123
        assert put("lost\n", stream) == "No space left on device"


def test_a_stream_that_is_not_there_is_told_of() -> None:
    closed = io.StringIO()
    closed.close()
    assert put("lost", None) == put("lost", closed) == "it is closed"


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", b"p95 \\u2026 \\xb7 \\ud800"), ("latin-1", b"p95 \\u2026 \xb7 \\ud800")],
)
def test_what_an_encoding_lacks_is_escaped(encoding: str, written: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    assert put("p95 … · \ud800", stream) is None
    assert raw.getvalue() == written


def test_a_tolerant_stream_is_the_one_behind_it_but_for_its_errors() -> None:
    with broken_pipe() as stream:
        shown = Tolerant(stream)
        assert (shown.encoding, shown.fileno(), shown.isatty()) == ("utf-8", stream.fileno(), False)
        assert shown.write("lost") == 4
        shown.flush()
    assert put("kept", Tolerant(text := io.StringIO())) is None
    assert text.getvalue() == "kept"


def test_put_tells_of_what_is_behind_a_tolerant_stream() -> None:
    with broken_pipe() as stream:
        assert put("lost", Tolerant(stream)) == "Broken pipe"


def test_standard_output_is_itself_again_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    with tolerant():
        print("…")
        with tolerant():
            print("again")
    assert sys.stdout is stream
    assert stream.getvalue() == "…\nagain\n"


@pytest.mark.slow
@pytest.mark.parametrize("where", ["| true", pytest.param("> /dev/full", marks=NEEDS_FULL), ">&-"])
def test_a_process_keeps_its_exit_code(where: str) -> None:
    """Python's own, without this: 120 for a line, 1 for more than its buffer holds."""
    code = textwrap.dedent("""
        import sys, time
        from harness.words.output import tolerant
        with tolerant():
            time.sleep(0.2)
            for _ in range(int(sys.argv[1])):
                print("x" * 100)
        sys.exit(7)
    """)
    for lines in ("1", "1000"):
        shell = f'"$@" {where}; exit "${{PIPESTATUS[0]}}"'
        command = ["bash", "-c", shell, "bash", sys.executable, "-c", code, lines]
        ended = subprocess.run(command, capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (7, b"")
