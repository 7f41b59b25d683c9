"""Runs of 0.1.0, format 1: they load, can be shown and compared, and say why they cannot be judged again.

The shipped runs are of that time: their history, series and vitals are as 0.1.0 wrote them. What was added to their
documents since is taken away again.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis import load_run
from analysis.cli import main

RESULTS = Path(__file__).parents[2] / "results"
SINCE = ("metric", "label", "comparison", "number", "users_comparison", "users")


@pytest.fixture(name="old", params=["example-storm", "example-overload"])
def old_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / request.param
    shutil.copytree(RESULTS / request.param, folder)
    (folder / "facts.json").unlink()
    for name in ("manifest.json", "verdict.json"):
        document = json.loads((folder / name).read_text())
        document.pop("format", None)
        document["criteria"] = [
            {key: value for key, value in row.items() if key not in SINCE} for row in document.get("criteria", [])
        ]
        (folder / name).write_text(json.dumps(document))
    return folder


def test_it_loads_with_what_its_criteria_ask(old: Path) -> None:
    run, today = load_run(old), load_run(RESULTS / old.name)
    assert run.missing == today.missing
    assert run.verdict is not None
    assert today.verdict is not None
    assert [(row.metric, row.comparison, row.number, row.users) for row in run.verdict.criteria] == [
        (row.metric, row.comparison, row.number, row.users) for row in today.verdict.criteria
    ]
    assert len(run.operations) == len(today.operations) > 0
    for table in ("edges", "injections"):
        assert getattr(run, table)["window"].isna().all()


@pytest.mark.slow
def test_its_report_is_that_of_the_run_as_it_is_today(old: Path) -> None:
    shutil.copytree(RESULTS / old.name, old.parent / "today" / old.name)
    for folder in (old, old.parent / "today" / old.name):
        assert main(["report", str(folder)]) == 0
    found, today = ((folder / "report.md").read_text() for folder in (old, old.parent / "today" / old.name))
    assert found.replace(str(old.parent), "") == today.replace(str(old.parent / "today"), "")


def test_it_cannot_be_judged_again_and_says_so(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(old)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
