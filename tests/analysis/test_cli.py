from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from analysis.cli import main


@pytest.mark.slow
def test_report_writes_the_page_and_prints_its_path(make_run, row, manifest, verdict, capsys) -> None:
    folder = make_run([row(0, [1_000] * 30)], manifest, verdict)

    assert main(["report", str(folder)]) == 0

    out, err = capsys.readouterr()
    assert out == f"{folder / 'report.html'}\n"
    assert err == ""
    assert (folder / "report.html").is_file()


@pytest.mark.slow
def test_a_failed_verdict_is_no_failure_of_the_report(make_run, verdict) -> None:
    assert verdict["exit_code"] == 11
    assert main(["report", str(make_run([], verdict=verdict))]) == 0


@pytest.mark.parametrize("kind", ["absent", "file", "empty", "foreign series", "broken histogram", "unwritable"])
def test_a_mistake_is_one_line_and_exit_2(make_run, row, tmp_path: Path, capsys, kind: str) -> None:
    path = tmp_path / "thing"
    if kind == "file":
        path.write_text("")
    elif kind == "empty":
        path.mkdir()
    elif kind == "foreign series":
        path = make_run([])
        (path / "series.csv").write_text("Timestamp,Name\n1,a\n")
    elif kind == "broken histogram":
        path = make_run([row(0, [1_000], hdr="AAAA")])
    elif kind == "unwritable":
        path = make_run([])
        (path / "plots").write_text("a file where the folder should be")

    assert main(["report", str(path)]) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not (path / "report.html").exists()


@pytest.mark.parametrize("arguments", [[], ["report"], ["unknown", "x"], ["report", "a", "--nonsense"]])
def test_bad_usage_exits_2(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    assert raised.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("python -m analysis")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--help"], ["report", "--help"]])
def test_help_shows_an_example_and_the_exit_codes(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    out = capsys.readouterr().out
    assert raised.value.code == 0
    assert "python -m analysis report results/latest" in out
    assert "exit codes: 0" in out


@pytest.mark.slow
def test_the_module_runs_as_a_command_without_a_word_on_stderr(make_run, ramp) -> None:
    folder = make_run(ramp(seconds=10))
    command = [sys.executable, "-W", "error", "-m", "analysis", "report", str(folder)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(folder / "report.html")
