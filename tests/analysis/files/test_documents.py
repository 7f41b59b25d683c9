"""The documents of a run directory: what the harness writes is what the analysis reads, and runs of 0.1.0 load."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from analysis.files.documents import CriterionEntry, Manifest, Totals, Verdict, read_document
from harness.judge import documents
from harness.judge.criteria.criteria import parse_criterion
from harness.judge.entry import Entry, Status
from harness.judge.facts import Facts
from harness.judge.verdict import conclude
from harness.record.judging import judge_run
from harness.record.run_directory import create_run_directory
from harness.watch import sentinel

RESULTS = Path(__file__).parents[3] / "results"
EXAMPLES = sorted(path.parent for path in RESULTS.glob("example*/verdict.json"))


def written(tmp_path: Path, verdict) -> Path:
    run = create_run_directory(tmp_path, "route.py")
    run.write_json(run.verdict, verdict.as_json())
    return run.verdict


def with_criterion(text: str):
    criterion = parse_criterion(text)
    row = Entry(criterion.text, Status.FAIL, "600 ms", "< 500 ms", "over 3 operations", threshold=criterion.threshold)
    return conclude([row, Entry("highest load that holds", Status.PASS, "3 users", "> 0", "")], [], [], {})


def test_what_was_judged_is_read_as_it_was_written(tmp_path):
    facts = Facts(golden=False, deadline_ms=None, arrivals=0, locust_requests=0)
    judged = judge_run(create_run_directory(tmp_path, "route.py"), [parse_criterion("p95_ms < 500")], facts)

    found = read_document(written(tmp_path, judged), Verdict)

    assert documents.as_json(documents.Verdict(**{name: getattr(found, name) for name in found.__struct_fields__})) == (
        judged.as_json()
    )


def test_a_total_that_no_field_declares_and_no_checker_adds_is_refused_by_the_writer():
    with pytest.raises(TypeError, match="surprises"):
        conclude([], [], [], {"surprises": 3}).as_json()


def test_a_criterion_says_what_it_asks_in_fields(tmp_path):
    path = written(tmp_path, with_criterion("p95_ms < 500 at users >= 100"))
    asked = json.loads(path.read_text())["criteria"][0]
    first, second = read_document(path, Verdict).criteria

    assert (asked["metric"], asked["comparison"], asked["number"]) == ("p95_ms", "<", 500)
    assert (first.metric, first.label) == ("p95_ms", "95th percentile of the response time")
    assert (first.comparison, first.number, first.users_comparison, first.users) == ("<", 500, ">=", 100)
    assert (second.metric, second.users) == (None, None)


def test_fields_are_read_whatever_the_name_says(tmp_path):
    content = with_criterion("p95_ms < 500").as_json()
    content["criteria"][0]["name"] = "p50_ms >= 7"
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(content))

    (entry, _) = read_document(path, Verdict).criteria
    assert (entry.metric, entry.comparison, entry.number) == ("p95_ms", "<", 500)


def test_criteria_of_0_1_0_are_read_from_their_names(tmp_path):
    content = with_criterion("consistency_pct == 100").as_json()
    for entry in content["criteria"]:
        for name in set(CriterionEntry.__struct_fields__) - set(documents.Entry.__struct_fields__):
            del entry[name]
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(content))

    first, second = read_document(path, Verdict).criteria
    assert (first.metric, first.comparison, first.number, first.users) == ("consistency_pct", "==", 100, None)
    assert second.metric is None


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_documents_of_0_1_0_load_and_have_no_field_that_is_not_declared(folder):
    manifest, verdict = (json.loads((folder / name).read_text()) for name in ("manifest.json", "verdict.json"))

    assert manifest.keys() <= set(Manifest.__struct_fields__)
    assert {name for worker in manifest["workers"] for name in worker} <= set(documents.Worker.__struct_fields__)
    assert verdict.keys() <= set(Verdict.__struct_fields__)
    assert verdict["totals"].keys() <= set(Totals.__struct_fields__)
    assert read_document(folder / "manifest.json", Manifest).run_id == manifest["run_id"]
    read = read_document(folder / "verdict.json", Verdict)
    assert [entry.metric for entry in read.criteria] == [entry["name"].split()[0] for entry in verdict["criteria"]]
    assert documents.as_json(read.totals) == verdict["totals"]


@pytest.mark.parametrize("hung", [True, False])
def test_what_the_sentinel_writes_is_a_verdict_with_declared_fields_only(hung):
    content = sentinel.verdict("it was killed", hung=hung)
    rows = [row for group in ("criteria", "checks", "validity", "hypotheses") for row in content[group]]

    assert msgspec.convert(content, documents.Verdict).exit_code == content["exit_code"]
    assert content.keys() <= set(documents.Verdict.__struct_fields__)
    assert {name for row in rows for name in row} <= set(documents.Entry.__struct_fields__)


def test_an_empty_plan_has_faults_and_a_run_without_one_has_none():
    assert documents.as_json(Totals.of({"faults": []}))["faults"] == []
    assert "faults" not in documents.as_json(Totals.of({}))
    assert documents.as_json(Totals.of({}))["p95_ms"] is None
