"""A run directory, judged again: the same verdict from the same files, and a line where it cannot be."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from made_cases import made, opened

from analysis.cli import main
from harness.judge.criteria.criteria import DEFAULT_CRITERIA, parse_criteria
from harness.judge.evidence import Evidence, Seen
from harness.judge.facts import Facts
from harness.judge.judging import judge
from harness.load.faults.plan import parse_fault_plan
from harness.record.facts_json import write_facts
from harness.record.faults_csv import HEADER
from harness.record.judging import judge_run
from harness.record.judging_again import judged_again
from harness.record.run_directory import create_run_directory
from harness.words.column import FORMAT
from harness.words.errors import ExitCode, RunError

CRITERIA = parse_criteria(DEFAULT_CRITERIA, "default")
EXAMPLES = (Path(__file__).parents[3] / "results").glob("example*")
FACTS = Facts(golden=True, deadline_ms=30_000.0, arrivals=0, locust_requests=0)
PLAN = parse_fault_plan(b'[[fault]]\nname = "down"\nwhere = { stage = "router" }\nwhat = { kind = "error" }\n', "plan")


@pytest.fixture(name="saved")
def saved_fixture(tmp_path):
    """A run without operations, judged as it ended."""
    run = create_run_directory(tmp_path, "route.py")
    run.write_json(run.manifest, {"format": FORMAT})
    write_facts(run.facts, CRITERIA, FACTS)
    run.write_json(run.verdict, judge_run(run, CRITERIA, FACTS).as_json())
    return run


def test_a_saved_run_has_the_same_verdict_byte_for_byte(saved) -> None:
    again = judged_again(saved.path)
    assert again.equal
    assert again.text.encode() == saved.verdict.read_bytes()


def test_a_change_of_one_fact_is_seen(saved) -> None:
    write_facts(saved.facts, CRITERIA, Facts(golden=True, deadline_ms=30_000.0, arrivals=1, locust_requests=0))
    again = judged_again(saved.path)
    assert not again.equal
    assert again.verdict.exit_code is ExitCode.CHECKER


def test_what_cannot_be_judged_is_judged_alike_again(saved) -> None:
    saved.series.write_text("no series\n")
    first = judged_again(saved.path)
    assert first.verdict.exit_code is ExitCode.INCONCLUSIVE
    first.write()
    assert judged_again(saved.path).equal


def test_a_refused_run_keeps_its_exit_code(saved) -> None:
    write_facts(saved.facts, CRITERIA, Facts(True, None, 0, 0, refused="no such target"))
    again = judged_again(saved.path)
    assert (again.verdict.exit_code, again.verdict.reason) == (ExitCode.USAGE, "refused: no such target")


def test_judging_the_same_evidence_twice_gives_the_same_verdict() -> None:
    facts = Facts(golden=True, deadline_ms=None, arrivals=1, locust_requests=1, faults=PLAN.fault)
    hit = made(injections=(("down", "error", "stage router", 0, 1),))
    seen = Seen(injections=1, edges={0: opened("down", -1, 1)})
    evidence = Evidence(facts, seen, cases=lambda: [hit])
    first = judge(evidence).as_json()
    assert first["totals"]["faults"][0]["operations_hit"] == 1
    assert judge(evidence).as_json() == first


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES), ids=lambda path: path.name)
def test_a_run_that_is_shipped_has_its_verdict_again(path) -> None:
    assert judged_again(path).equal


def test_a_run_of_0_1_0_says_that_it_is_one(saved) -> None:
    manifest = json.loads(saved.manifest.read_text())
    del manifest["format"]
    saved.manifest.write_text(json.dumps(manifest))
    with pytest.raises(RunError, match="format is 1"):
        judged_again(saved.path)


class TestCommand:
    def test_an_equal_verdict_is_said_and_its_code_returned(self, saved, capsys) -> None:
        code = json.loads(saved.verdict.read_text())["exit_code"]
        assert main(["check", str(saved.path)]) == code
        out, err = capsys.readouterr()
        assert out.startswith(f"{saved.path}: equal")
        assert (out.count("\n"), err) == (1, "")

    def test_what_differs_is_named_and_nothing_is_written(self, saved, capsys) -> None:
        content = json.loads(saved.verdict.read_text())
        content["checks"][2]["status"] = "INVALID"
        content["totals"]["ok"] = 7
        saved.write_json(saved.verdict, content)
        before = saved.verdict.read_bytes()
        main(["check", str(saved.path)])
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(": ")[0].strip() for line in lines[1:]] == ["checks.conservation.status", "totals.ok"]
        assert saved.verdict.read_bytes() == before

    def test_another_form_of_the_same_verdict_differs(self, saved, capsys) -> None:
        saved.verdict.write_text(json.dumps(json.loads(saved.verdict.read_text())))
        code = json.loads(saved.verdict.read_text())["exit_code"]
        assert main(["check", str(saved.path)]) == (code or 1)
        assert len(capsys.readouterr().out.splitlines()) == 2
        assert main(["check", str(saved.path), "--write"]) == code

    def test_a_verdict_that_is_no_json_or_absent_is_said(self, saved, capsys) -> None:
        saved.verdict.write_text("{")
        main(["check", str(saved.path)])
        assert len(capsys.readouterr().out.splitlines()) == 2
        saved.verdict.unlink()
        main(["check", str(saved.path)])
        assert "had no verdict" in capsys.readouterr().out

    def test_write_writes_what_it_is_judged(self, saved) -> None:
        whole = saved.verdict.read_bytes()
        saved.verdict.write_text("{}")
        main(["check", str(saved.path), "--write"])
        assert saved.verdict.read_bytes() == whole
        assert not saved.faults.exists()

    def test_write_writes_the_windows_of_a_run_with_a_plan(self, saved) -> None:
        write_facts(saved.facts, CRITERIA, Facts(True, None, 0, 0, faults=PLAN.fault))
        main(["check", str(saved.path), "--write"])
        with saved.faults.open(newline="") as file:
            assert next(csv.reader(file)) == [*HEADER]

    @pytest.mark.parametrize("version", [None, 1, 3, "2", True])
    def test_a_run_of_another_format_is_one_line_and_exit_2(self, saved, capsys, version) -> None:
        saved.write_json(saved.manifest, {} if version is None else {"format": version})
        assert main(["check", str(saved.path)]) == ExitCode.USAGE
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)

    @pytest.mark.parametrize("missing", ["manifest.json", "facts.json", ""])
    def test_a_run_that_lacks_something_is_one_line_and_exit_2(self, saved, capsys, missing) -> None:
        path = saved.path / missing if missing else saved.path
        path.rename(path.with_name("gone"))
        assert main(["check", str(saved.path)]) == ExitCode.USAGE
        assert capsys.readouterr().err.count("\n") == 1

    @pytest.mark.parametrize("content", ["", "[1]", "[" * 100_000, "\x00"])
    def test_a_manifest_of_something_else_is_refused(self, saved, content) -> None:
        saved.manifest.write_text(content)
        with pytest.raises(RunError):
            judged_again(saved.path)
