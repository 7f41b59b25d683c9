"""What a foreign run folder holds reaches no terminal raw, and no spreadsheet as a formula."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from analysis import export, load_run, plots
from analysis.cli import main
from analysis.plots import style

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


MARK = f"<img src=x>{HOSTILE}"


def marked(found: object) -> object:
    """Return a document with a mark at the end of each text."""
    if isinstance(found, dict):
        return {key: marked(value) for key, value in found.items()}
    if isinstance(found, list):
        return [marked(value) for value in found]
    return f"{found}{MARK}" if isinstance(found, str) else found


def test_no_text_of_a_run_is_markup_or_unseen_on_its_pages(tmp_path: Path, no_plots) -> None:
    folder = tmp_path / "example-overload"
    shutil.copytree(Path(__file__).parents[3] / "results" / folder.name, folder)
    for name in ("manifest.json", "verdict.json"):
        (folder / name).write_text(json.dumps(marked(json.loads((folder / name).read_text()))))
    assert main(["report", str(folder)]) == 0
    run = load_run(folder)
    assert run.verdict is not None

    html, markdown = ((folder / name).read_text(encoding="utf-8") for name in ("report.html", "report.md"))
    outside_code = re.sub(r"(`+).+?\1", "", markdown)
    for page in (html, outside_code, run._repr_html_(), run.verdict._repr_html_()):
        assert "img src=x" in page, "the mark is shown"
        assert re.search(r"(?<!\\)<img src=x>", page) is None
    for page in (html, markdown, run._repr_html_(), run.verdict._repr_html_()):
        assert not {char for char in page if not char.isprintable()} - {"\n", "\t"}


@pytest.mark.slow
def test_plots_of_such_a_run_are_whole_files_and_say_nothing_beside_the_report(run: Path, capsys) -> None:
    assert main(["report", str(run)]) == 0

    shown = capsys.readouterr()
    assert is_plain(shown.err)
    assert "Warning" not in shown.err
    drawings = sorted((run / "plots").glob("*.svg"))
    assert drawings
    for path in (run / "report.html", *drawings):
        text = path.read_text(encoding="utf-8")
        assert not {char for char in text if not char.isprintable()} - {"\n", "\t"}, path
    for path in drawings:
        ElementTree.parse(path)


@pytest.mark.parametrize("name", ["\u4e2d\u6587", "\U0001f600"])
def test_a_name_in_characters_that_the_font_lacks_is_drawn_without_a_warning(name: str) -> None:
    ax = plots.tail_attribution(
        pd.DataFrame(
            {"component": [name], "kind": "", "median_ms": 1.0, "tail_ms": 2.0, "extra_ms": 1.0, "same_routes_ms": 1.0}
        ).assign(extra_pct=100.0)
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == [name]
    assert style.save(ax, "png", "salt")  # warnings are errors here


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_is_exported_to_a_terminal_is_shown_as_text(run: Path, form: str, monkeypatch) -> None:
    terminal = Terminal(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", terminal)
    assert main(["export", str(run), "series", "--format", form]) == 0

    written = terminal.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert r"\x1b[31mred" in written.replace(r"\u001b", r"\x1b")
    assert is_plain(written)


def test_a_picture_is_nothing_for_a_terminal(run: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdout", Terminal(io.BytesIO(), encoding="utf-8"))
    assert main(["export", str(run), "priorities", "--format", "png"]) == 2
    assert "nothing for a terminal" in capsys.readouterr().err


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
