"""What the start form may name: what was named before, and what lies in the folder; told without running any of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.swarm.web.may_name import CommandLine
from harness.words.errors import UsageError

MODULE = """
import os
from os import getcwd
from pathlib import Path
from stageflow import Pipeline, StageKind

pipeline = Pipeline(name="mine")

def build() -> Pipeline:
    Path("called").touch()
    return pipeline

def seeded(seed: int, more: int = 1) -> "Pipeline":
    Path("called").touch()
    return pipeline

def wipe():
    Path("called").touch()

def needs(name: str) -> Pipeline:
    Path("called").touch()

class Caller:
    def __call__(self) -> Pipeline:
        Path("called").touch()

caller = Caller()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that Locust was started in, and one beside it."""
    here = tmp_path / "here"
    (here / "package" / "inner").mkdir(parents=True)
    (here / ".venv" / "lib" / "site-packages").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (here / "door_module.py").write_text(MODULE)
    (here / "package" / "__init__.py").touch()
    (here / "package" / "inner" / "door_inner.py").write_text(MODULE)
    (here / "corpus.jsonl").touch()
    (tmp_path / "outside" / "secret.txt").write_text("password")
    (tmp_path / "outside" / "door_outside.py").write_text("from pathlib import Path; Path('imported').touch()")
    (here / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (here / "away").symlink_to(tmp_path / "outside")
    (here / "door_link.py").symlink_to(tmp_path / "outside" / "door_outside.py")
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(tmp_path / "outside")
    monkeypatch.syspath_prepend(here)
    before = set(sys.modules)
    yield here
    for name in set(sys.modules) - before:
        if name.startswith(("door_", "package")):
            del sys.modules[name]


@pytest.fixture
def command_line(folder: Path) -> CommandLine:
    named = {
        "target": "door_module:wipe",
        "results_dir": str(folder.parent / "outside" / "results"),
        "corpus": str(folder.parent / "outside" / "corpus.jsonl"),
        "criteria": "",
        "fault_plan": "",
    }
    return CommandLine(named, folder.resolve())


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"corpus": "corpus.jsonl", "criteria": "absent.txt", "fault_plan": ""},
        {"fault_plan": "storm", "criteria": "storm"},  # they ship
        {"results_dir": "results/of/today"},
        {"results_dir": "../outside/results"},  # the one that was named, by another way
        {"target": "door_module:wipe"},  # named
        {"target": "harness.stages.reference:build"},
        {"target": "door_module:pipeline"},
        {"target": "door_module:build"},
        {"target": "door_module:seeded"},
        {"target": "package.inner.door_inner:pipeline"},
    ],
)
def test_it_may_name(command_line: CommandLine, folder: Path, form: dict[str, str]) -> None:
    command_line.require(form)
    assert not (folder / "called").exists()


@pytest.mark.parametrize(
    "form",
    [
        {"criteria": "/etc/passwd"},
        {"criteria": "../outside/secret.txt"},
        {"criteria": "link.txt"},
        {"corpus": "away/secret.txt"},
        {"fault_plan": "/dev/zero"},
        {"corpus": "a\0b"},
        {"results_dir": "/tmp"},
        {"results_dir": "../elsewhere"},
        {"results_dir": "away/other"},
        {"results_dir": ".venv/lib/site-packages"},
        {"target": "os:getcwd"},
        {"target": "sys:exit"},
        {"target": "zipimport:x"},
        {"target": "json.tool:main"},
        {"target": "stageflow:Pipeline"},
        {"target": "door_outside:x"},
        {"target": "door_link:x"},
        {"target": "away.door_outside:x"},
        {"target": "no_such_module:x"},
        {"target": "door_module:getcwd"},
        {"target": "door_module:os.abort"},
        {"target": "door_module:caller"},
        {"target": "door_module:needs"},
        {"target": "package.inner.door_inner:wipe"},
        {"target": "harness.cli:main"},
    ],
)
def test_it_may_not_name(command_line: CommandLine, folder: Path, form: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        command_line.require(form)
    assert "\n" not in str(refused.value)
    assert "password" not in str(refused.value)
    assert not (folder / "called").exists()
    assert not (folder / "imported").exists()
