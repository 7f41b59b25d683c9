"""Every number of the reports of the runs that are shipped is what their histories say, by other code."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from analysis import load_run
from analysis.report.write import write_report
from scripts.recompute.__main__ import main
from scripts.recompute.page import NUMBER, Page, lines

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ("example", "example-busy", "example-overload", "example-storm")


@pytest.fixture(name="reported", params=EXAMPLES)
def reported_fixture(request, tmp_path: Path, no_plots) -> Path:
    """Return a copy of a run with its report."""
    folder = tmp_path / request.param
    shutil.copytree(ROOT / "results" / request.param, folder)
    write_report(load_run(folder))
    return folder


def changed(line: str) -> list[str]:
    """Return the line once for each of its numbers with its first digit changed."""
    found = []
    for match in NUMBER.finditer(line):
        at = next((k for k in range(match.start(), match.end()) if line[k] in "123456789"), match.start())
        found.append(f"{line[:at]}{int(line[at]) % 9 + 1}{line[at + 1 :]}")
    return found


def test_each_number_is_what_the_history_says_and_a_changed_one_is_found(reported: Path) -> None:
    page = Page(reported)
    text = (reported / "report.md").read_text(encoding="utf-8")

    assert page.differences(text) == []
    assert page.compared > 300
    tried = [(section, other) for section, line in lines(text) for other in changed(line)]
    assert len(tried) == page.compared
    assert [other for section, other in tried if not page.of_line(section, other)] == []


def test_the_command_says_how_many_differ_and_exits_with_1(tmp_path: Path, no_plots, capsys) -> None:
    folder = tmp_path / "example"
    shutil.copytree(ROOT / "results" / "example", folder)
    path = write_report(load_run(folder)).with_suffix(".md")
    assert main([str(folder)]) == 0
    assert re.search(r"example: \d{3} numbers compared, 0 differences", capsys.readouterr().out)

    path.write_text(path.read_text().replace("| duration | 36 s |", "| duration | 37 s |"))
    assert main([str(folder)]) == 1
    assert "'37 s', expected '36 s'" in capsys.readouterr().out
    assert main([]) == 2


def test_it_shares_no_code_with_what_it_checks() -> None:
    for path in (ROOT / "scripts" / "recompute").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in ("analysis", "harness", "locustfiles")]
