"""Golden decisions: what the command says of a corpus, and what it writes into it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.load.corpus.corpus import Scenario
from harness.pipeline.golden import Change, GoldenDiff
from harness.words.errors import ExitCode

TARGET = """
from stageflow import Pipeline, StageKind, StageOutput


class Router:
    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx):
        text = ctx.snapshot.input_text
        if text == "mute":
            raise RuntimeError("no idea")
        return StageOutput.ok(route=text)


pipeline = Pipeline(name="echo").with_stage("router", Router, StageKind.ROUTE)
"""
CHANGE = (Change(Scenario("s", "text", 5), None, None, None),)


@pytest.mark.parametrize(
    ("found", "looked", "written"),
    [
        ({}, ExitCode.PASS, ExitCode.PASS),
        ({"changed"}, ExitCode.CHECKER, ExitCode.PASS),
        ({"new"}, ExitCode.INCONCLUSIVE, ExitCode.PASS),
        ({"undecided"}, ExitCode.INCONCLUSIVE, ExitCode.INCONCLUSIVE),
        ({"changed", "undecided"}, ExitCode.CHECKER, ExitCode.INCONCLUSIVE),
    ],
)
def test_exit_codes_are_those_of_a_run(found: set[str], looked: ExitCode, written: ExitCode) -> None:
    diff = GoldenDiff(**{name: CHANGE if name in found else () for name in ("new", "changed", "undecided")}, same=3)
    assert diff.exit_code(written=False) is looked
    assert diff.exit_code(written=True) is written


def golden(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", "golden", "--target", "echo:pipeline", "--corpus", "corpus.jsonl"]
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
def test_look_write_and_look_again(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(TARGET)
    rows = [
        {"id": "s-1", "text": "same", "priority": 5, "expected_route": "same"},
        {"id": "s-2", "text": "after", "priority": 5, "expected_route": "before"},
        {"id": "s-3", "text": "new", "priority": 5},
        {"id": "s-4", "text": "mute", "priority": 5, "expected_route": "kept"},
    ]
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    before = corpus.read_bytes()

    looked = golden(tmp_path)
    assert "1 same, 1 changed, 1 new, 1 undecided" in looked.stdout
    assert looked.returncode == 11
    assert corpus.read_bytes() == before

    assert golden(tmp_path, "--write").returncode == 12
    routes = [json.loads(line)["expected_route"] for line in corpus.read_text().splitlines()]
    assert routes == ["same", "after", "new", "kept"]
    assert golden(tmp_path).returncode == 12

    corpus.write_text("".join(corpus.read_text().splitlines(keepends=True)[:3]))
    assert golden(tmp_path).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [("--deadline-ms", "-5"), ("--deadline-ms", "0"), ("--seed", "x")])
def test_numbers_out_of_range_are_bad_usage(tmp_path: Path, wrong: tuple[str, str]) -> None:
    refused = golden(tmp_path, *wrong)
    assert refused.returncode == 2
    assert f"{wrong[0]}: found {wrong[1]!r}, expected a whole number of at least" in refused.stderr


@pytest.mark.slow
def test_a_folder_to_write_to_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": "s-1", "text": "same", "priority": 5}\n')
    refused = golden(tmp_path, "--write", ".")
    assert refused.returncode == 2
    assert refused.stderr == "routeswarm: --write .: found a folder, expected a file\n"
