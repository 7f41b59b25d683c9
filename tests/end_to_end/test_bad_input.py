"""A user's mistake is one line that names its place, exit code 2, before any load and without a run."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable

import pytest
from locust_process import LocustProcess
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

BAD_TARGETS = """
import sys

from stageflow import Pipeline, StageKind, StageOutput
from fast import Router

unbuildable = Pipeline(name="p").with_stage("router", Router, StageKind.ROUTE, dependencies=("nobody",))
routeless = Pipeline(name="p").with_stage("router", Router, StageKind.TRANSFORM)
graph = Pipeline(name="p").with_stage("router", Router, StageKind.ROUTE).build()


def breaks():
    raise RuntimeError("no model here")


def leaves():
    sys.exit(0)
"""

# One of each way in which a target is refused; the messages of all are in tests/harness/pipeline/test_find.py.
TARGETS = {
    "no_such_module:pipeline": r"no_such_module",
    "fast:pipelin": r"did you mean 'pipeline'",
    "bad:unbuildable": r"nobody|does not build",
    "bad:routeless": r"no ROUTE stage",
    "bad:breaks": r"no model here",
    "bad:leaves": r"SystemExit",
    "broken_module:pipeline": r"broken_module\.py",
    "leaving_module:pipeline": r"leaving_module",
}

# The messages of all are in tests/harness/load/corpus/test_corpus.py.
CORPORA = {
    '{"id": "a", "text": "x", "priority": 1}\n{"id": \n': r"corpus\.jsonl:2",
    '{"id": "a", "text": "\xff", "priority": 1}\n': r"corpus\.jsonl:1.*UTF-8",
}

OPTIONS = {
    ("--graph-scope", "x"): r"graph-scope.*'x'.*shared.*per-request",
    ("--deadline-ms", "0"): r"deadline-ms.*'0'",
    ("--seed", "-1"): r"seed.*-1",
    ("--seed", "9" * 26, "--processes", "2"): r"seed.*at most 9223372036854775807",
    ("--users", "-5"): r"--users: found -5",
    ("--baseline-size", "-1"): r"baseline-size.*-1",
    ("--corpus", "absent.jsonl"): r"absent\.jsonl.*no such file",
    ("--criteria", "absent.txt"): r"absent\.txt",
    ("--target", "bad:graph", "--graph-scope", "per-request"): r"per-request needs a Pipeline",
}

CRITERIA = {
    "p95_ms < 500\np95 < 500\n": r"criteria\.txt:2.*p95_ms",
    "# nothing\n": r"criteria\.txt.*no criterion",
}


def assert_refused(process: LocustProcess, folder: Folder, place: str) -> None:
    """Exit 2 after one line that names the place; nothing was kept."""
    code = process.wait()
    assert len(process.own_lines) == 1, process.said
    line = process.own_lines[0]
    assert line.isprintable()
    assert len(line) < 500
    assert_matches(place, line)
    assert code == 2
    assert folder.runs == []
    assert not (folder.results / "latest").is_symlink()
    assert "Ramping" not in process.said
    assert process.stdout == []


def assert_matches(pattern: str, line: str) -> None:
    assert re.search(pattern, line, re.IGNORECASE), line


def write_bad_targets(folder: Folder) -> None:
    (folder.path / "bad.py").write_text(BAD_TARGETS)
    (folder.path / "broken_module.py").write_text("\n1 / 0\n")
    (folder.path / "leaving_module.py").write_text("import sys\nsys.exit(0)\n")


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_that_cannot_be_tested(folder: Folder, target: str) -> None:
    write_bad_targets(folder)
    assert_refused(folder.headless("-t", "2s", target=target), folder, TARGETS[target])


@pytest.mark.parametrize("corpus", CORPORA)
def test_a_corpus_that_cannot_be_read(folder: Folder, corpus: str) -> None:
    (folder.path / "corpus.jsonl").write_bytes(corpus.encode("latin-1"))
    assert_refused(folder.headless("-t", "2s"), folder, CORPORA[corpus])


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_an_option_value_there_is_not(folder: Folder, options: tuple[str, ...]) -> None:
    write_bad_targets(folder)
    assert_refused(folder.headless("-t", "2s", *options), folder, OPTIONS[options])


@pytest.mark.parametrize("criteria", CRITERIA)
def test_criteria_that_do_not_parse(folder: Folder, criteria: str) -> None:
    (folder.path / "criteria.txt").write_text(criteria)
    assert_refused(folder.headless("-t", "2s"), folder, CRITERIA[criteria])


def test_an_option_value_from_the_environment(folder: Folder) -> None:
    process = folder.headless("-t", "2s", environment={"ROUTESWARM_DEADLINE_MS": "never"})
    assert_refused(process, folder, r"deadline-ms.*never")


def test_a_file_in_the_place_of_the_results(folder: Folder) -> None:
    folder.results.write_text("mine")
    assert_refused(folder.headless("-t", "2s"), folder, r"--results-dir results: cannot write results")
    assert folder.results.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_results_where_nothing_may_be_written(folder: Folder) -> None:
    folder.results.mkdir(mode=0o500)
    assert_refused(folder.headless("-t", "2s"), folder, r"--results-dir results: cannot write results")


def test_a_full_disk(folder: Folder) -> None:
    assert_refused(folder.headless("-t", "2s", preexec=no_file_may_grow), folder, r"--results-dir results: .*")


def no_file_may_grow() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def unknown_target(folder: Folder) -> str:
    return "fast:no_such_attribute"


def malformed_corpus(folder: Folder) -> str:
    (folder.path / "corpus.jsonl").write_text("[]\n")
    return "fast:pipeline"


@pytest.mark.parametrize(
    ("prepare", "place"), [(unknown_target, "no_such_attribute"), (malformed_corpus, r"corpus\.jsonl:1")]
)
def test_bad_input_with_two_processes(folder: Folder, prepare: Callable[[Folder], str], place: str) -> None:
    process = folder.headless("--processes", 2, *ports(), "-t", "2s", target=prepare(folder))
    assert_refused(process, folder, place)
    process.assert_nothing_left()


def test_a_worker_that_lacks_the_target_ends_the_run_with_2(folder: Folder) -> None:
    """Only a worker of another folder can find this out; the run had no load."""
    folder.draws_reports = True
    spread = ports()
    master = folder.headless("--master", "--expect-workers", 1, *spread[:4], "-u", 2, "-r", 2, "-t", "20s")
    elsewhere = folder.path / "elsewhere"
    elsewhere.mkdir()
    worker = Folder(elsewhere, folder.track)
    (elsewhere / "fast.py").unlink()
    hand = worker.start("--worker", "--master-host", "127.0.0.1", *spread[4:])
    assert master.wait() == 2
    assert hand.wait() == 2
    assert sum("no module 'fast'" in line for line in master.own_lines) == 1
    verdict = folder.run.verdict
    assert (verdict["verdict"], verdict["exit_code"]) == ("INCONCLUSIVE", 2)
    assert "no module 'fast'" in verdict["reason"]
    assert (folder.run.path / "report.html").exists()
    assert master.stdout[-1].split() == ["exit", "2"]
