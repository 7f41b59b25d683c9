from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from analysis import export, load_run
from analysis.cli import main
from analysis.progress import progress


@pytest.fixture(name="folder")
def folder_fixture(make_run, ramp, manifest, verdict, write_part) -> Path:
    folder = make_run(ramp(20), manifest, verdict)
    rows = [
        {
            "id": (1 << 60) + n, "worker": 0, "user": 0, "user_class": "U", "scenario": "s", "priority": 4,
            "intended_ns": 1_740_000_000_000_000_001 + n, "start_ns": 1, "end_ns": 2, "resumed_ns": 3,
            "outcome": "ok", "route": 'a,"b"', "tier": 0, "attempts": 1,
        }
        for n in range(3)
    ]  # fmt: skip
    write_part(folder / "history", "operations", rows)
    return folder


@pytest.mark.parametrize("name", export.names())
def test_everything_that_is_listed_can_be_written(folder: Path, name: str) -> None:
    run = load_run(folder)
    frame = export.frame_of(run, name)
    assert not frame.columns.duplicated().any()

    assert len(json.loads(export.encode(frame, "json"))) == len(frame)
    if len(frame.columns):
        assert len(pd.read_parquet(io.BytesIO(export.encode(frame, "parquet")))) == len(frame)
        assert export.encode(frame, "csv").decode().splitlines()[0] == ",".join(frame.columns)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_whole_numbers_of_19_digits_stay_exact(folder: Path, form: str) -> None:
    text = export.encode(load_run(folder).operations, form).decode()

    assert "1740000000000000003" in text
    assert str((1 << 60) + 2) in text


@pytest.mark.slow
def test_every_plot_can_be_written_and_is_a_statistic_as_well(folder: Path) -> None:
    run = load_run(folder)

    assert set(export.plotted()) <= set(export.names())
    for name in export.plotted():
        assert export.picture(run, name, "png").startswith(b"\x89PNG")
        assert b"<svg" in export.picture(run, name, "svg")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "json", "parquet", "png", "svg"])
def test_the_same_run_gives_the_same_bytes_twice(folder: Path, tmp_path: Path, form: str) -> None:
    """In processes of their own, with other seeds of their hashes."""
    found = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.{form}"
        command = [sys.executable, "-m", "analysis", "export", str(folder), "latency-over-time", "-o", str(path)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": seed})
        found.append(path.read_bytes())

    assert found[0] == found[1]
    assert len(found[0]) > 100


class TestCommand:
    def test_tables_go_to_stdout_as_csv(self, folder: Path, capsysbinary) -> None:
        assert main(["export", str(folder), "operations"]) == 0

        frame = pd.read_csv(io.BytesIO(capsysbinary.readouterr().out))
        assert frame["route"].tolist() == ['a,"b"'] * 3

    def test_the_list_needs_no_run(self, capsys) -> None:
        assert main(["export", "--list"]) == 0

        out = capsys.readouterr().out.split()
        assert {"operations", "stats_history", "latency-over-time", "models", "littles-law", "fairness"} <= set(out)

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            (["nonsense"], "no table or statistic 'nonsense'"),
            (["operations", "--format", "svg"], "'operations' has no plot"),
            (["operations", "-o", "file.txt"], "its name says no format"),
            ([], "expected RUN_DIR and TABLE"),
        ],
    )
    def test_a_mistake_is_one_line_and_2(self, folder: Path, capsys, arguments: list[str], reason: str) -> None:
        assert main(["export", str(folder), *arguments]) == 2

        err = capsys.readouterr().err
        assert reason in err
        assert err.count("\n") == 1

    def test_the_curve_is_a_table_and_a_sentence(self, folder: Path, capsys) -> None:
        assert main(["curve", str(folder)]) == 0

        out, err = capsys.readouterr()
        assert out.split()[:4] == ["users", "measured", "operations", "p50"]
        assert "p95 is " in out
        assert "p95 does not cross 500 ms up to" in out
        assert "Levels of load" in out
        assert "Universal Scalability Law" in out
        assert err == ""

    @pytest.mark.parametrize("ending", ["csv", "json", "parquet", "png", "svg"])
    def test_the_curve_goes_into_a_file(self, folder: Path, tmp_path: Path, ending: str) -> None:
        path = tmp_path / f"curve.{ending}"

        assert main(["curve", str(folder), "-o", str(path)]) == 0
        assert path.stat().st_size > 100

    def test_a_curve_of_plain_locust_files_says_what_they_are(self, tmp_path: Path, write_locust, capsys) -> None:
        assert main(["curve", str(write_locust(tmp_path / "prefix"))]) == 0
        assert "they cannot be merged" in capsys.readouterr().out

    @pytest.mark.parametrize("command", ["report", "curve", "fallback", "compare", "export"])
    def test_help_teaches_by_examples_and_names_exit_codes(self, capsys, command: str) -> None:
        with pytest.raises(SystemExit) as raised:
            main([command, "--help"])

        assert raised.value.code == 0
        out = capsys.readouterr().out
        assert f"examples:\n  python -m analysis {command}" in out
        assert "exit codes:" in out


class TestProgress:
    def shown(self, after_s: float, *, terminal: bool) -> str:
        file = io.StringIO()
        with progress(2, after_s, Console(file=file, force_terminal=terminal, width=80)) as step:
            step("first thing")
            step("second thing")
        return file.getvalue()

    def test_what_takes_long_is_shown_and_wiped(self) -> None:
        file = io.StringIO()
        console = Console(file=file, force_terminal=True, width=80)
        with progress(2, 0, console) as step:
            step("first thing")
            while "first thing" not in file.getvalue():
                pass
        assert "first thing" in file.getvalue()

    def test_what_is_quick_is_not_shown(self) -> None:
        assert self.shown(60, terminal=True) == ""

    def test_nothing_is_shown_where_there_is_no_terminal(self) -> None:
        assert self.shown(0, terminal=False).strip() == ""
