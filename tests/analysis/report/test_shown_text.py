"""What a foreign run folder holds reaches no terminal raw, and no spreadsheet as a formula."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from analysis import export
from analysis.cli import main

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x9b2J\u202erev\u2028line[/]"


def is_plain(text: str) -> bool:
    """Whether every line of a text can be shown as it is."""
    return all(line.isprintable() for line in text.split("\n"))


@pytest.fixture(name="run")
def run_fixture(make_run, row, manifest, verdict) -> Path:
    """Return a run whose routes, rows, name and folder hold what a terminal would obey."""
    rows = [
        row(
            second, [1_000] * 40, users=10 * (1 + second // 10), route=f"fast{HOSTILE}", expected_route=f"fast{HOSTILE}"
        )
        for second in range(40)
    ]
    manifest["run_id"] = f"run{HOSTILE}"
    manifest["target"] = f"target{HOSTILE}"
    for entry in (*verdict["criteria"], *verdict["checks"]):
        entry["detail"] = f"detail{HOSTILE}"
    verdict["verdict"] = f"PASS{HOSTILE}"
    return make_run(rows, manifest, verdict, name=f"run{HOSTILE}".replace("/", ""))


@pytest.mark.parametrize("command", ["curve", "fallback", "compare"])
def test_a_command_shows_what_it_reads_as_text(run: Path, command: str, capsys) -> None:
    main([command, str(run), *([str(run)] if command == "compare" else [])])

    shown = capsys.readouterr()
    assert shown.out
    assert is_plain(shown.out)
    assert is_plain(shown.err)


def test_a_report_says_where_it_is_in_one_printable_line(run: Path, no_plots, capsys) -> None:
    assert main(["report", str(run)]) == 0

    line = capsys.readouterr().out.removesuffix("\n")
    assert line.isprintable()
    assert line.endswith("report.html")
    page = (run / "report.md").read_text(encoding="utf-8")
    assert "\x1b" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("folder", ["no\x1b[31m\nerror: forged", "none\u202e", "x" * 4_000])
def test_a_folder_that_is_no_run_is_one_printable_line(folder: str, capsys) -> None:
    assert main(["report", folder]) == 2

    line = capsys.readouterr().err.removesuffix("\n")
    assert line.isprintable()
    assert len(line) < 700


def test_csv_has_no_formulas_and_numbers_as_they_are() -> None:
    frame = pd.DataFrame(
        {
            "route": ["=cmd|'/C calc'!A0", "fast", "-5", "@x"],
            "change": [-1.5, 2.0, float("nan"), 0.0],
            "kind": pd.Categorical(["+a", "b", "b", "+a"]),
            "=head": ["a", None, "", "b"],
        }
    )
    header, *rows = csv.reader(io.StringIO(export.encode(frame, "csv").decode()))

    assert header == ["route", "change", "kind", "'=head"]
    assert [row[0] for row in rows] == ["'=cmd|'/C calc'!A0", "fast", "-5", "'@x"]
    assert [row[1] for row in rows] == ["-1.5", "2.0", "", "0.0"]
    assert [row[2] for row in rows] == ["'+a", "b", "b", "'+a"]
    assert [row[3] for row in rows] == ["a", "", "", "b"]


def test_json_has_texts_as_they_are() -> None:
    assert b'"=cmd"' in export.encode(pd.DataFrame({"route": ["=cmd"]}), "json")
