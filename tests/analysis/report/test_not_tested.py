"""What a report says was not tested: each sentence where it is true, and not where it is not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from analysis import load_run
from analysis.report.not_tested import PROPERTIES, no_checker, not_tested
from harness.judge.checkers.registry import registered
from harness.load.corpus.corpus import Scenario, read_corpus, write_corpus

DEFINITIONS = Path(__file__).parents[3] / "docs" / "definitions.md"


@pytest.fixture(name="with_corpus")
def with_corpus_fixture(tmp_path: Path, manifest) -> Path:
    corpus = tmp_path / "corpus.jsonl"
    write_corpus([Scenario(f"s{n}", "hi", n, expected_route=f"route {n}") for n in (1, 4, 7)], corpus)
    manifest["options"]["corpus"] = "corpus.jsonl"
    manifest["folder"] = str(tmp_path)
    manifest["digests"]["corpus"] = hashlib.sha256(corpus.read_bytes()).hexdigest()
    assert read_corpus(corpus).digest == manifest["digests"]["corpus"]
    return corpus


def said(folder: Path) -> str:
    return "\n".join(not_tested(load_run(folder)))


def test_the_checkers_that_do_not_exist_are_those_of_the_definitions(make_run, verdict) -> None:
    section = " ".join(DEFINITIONS.read_text(encoding="utf-8").partition("## Not there yet")[2].split())

    for name in PROPERTIES:
        assert name in section
    assert f"No checker exists yet for: {', '.join(no_checker())}." in said(make_run([], verdict=verdict))


def test_a_property_that_gets_a_checker_is_no_longer_said_to_have_none(monkeypatch) -> None:
    monkeypatch.setattr("analysis.report.not_tested.named", lambda name: None)
    assert no_checker()[: len(PROPERTIES)] == [*PROPERTIES]

    there = {PROPERTIES[0]: object()}
    monkeypatch.setattr("analysis.report.not_tested.named", there.get)
    assert no_checker()[: len(PROPERTIES) - 1] == [*PROPERTIES[1:]]


@pytest.mark.parametrize("checker", registered(), ids=lambda checker: checker.name)
def test_every_check_that_a_run_did_not_get_is_named_and_no_other(make_run, verdict, checker) -> None:
    verdict["checks"] = []
    without = [line for line in said(make_run([], verdict=verdict)).splitlines() if "ot checked" in line]
    assert any(checker.name in line for line in without) == bool(checker.needs)

    verdict["checks"] = [{"name": checker.name, "status": "VALID", "detail": "", "examples": []}]
    having = [line for line in said(make_run([], verdict=verdict)).splitlines() if "ot checked" in line]
    assert not any(checker.name in line for line in having)


def test_priorities_and_routes_of_the_corpus_that_were_never_sent_are_named(
    make_run, row, manifest, with_corpus
) -> None:
    rows = [
        row(0, [1_000], priority=4, expected_route="route 4"),
        row(0, [1_000], priority=1, expected_route="route 1"),
    ]
    text = said(make_run(rows, manifest))

    assert "Never sent, of the priorities of the corpus: 7." in text
    assert "Never sent, of the expected routes of the corpus: route 7." in text


def test_a_corpus_that_was_sent_whole_is_not_mentioned(make_run, row, manifest, with_corpus) -> None:
    rows = [row(0, [1_000], priority=n, expected_route=f"route {n}") for n in (1, 4, 7)]

    assert "corpus" not in said(make_run(rows, manifest))


def test_a_corpus_that_was_changed_or_is_gone_is_not_judged(make_run, row, manifest, with_corpus: Path) -> None:
    with_corpus.write_text(with_corpus.read_text() + "\n")

    assert "is not known: its file is not there as it was" in said(make_run([row(0, [1_000])], manifest))


def test_load_beyond_the_users_and_open_loop_are_named(make_run, row) -> None:
    folder = make_run([row(0, [1_000], users=70)])
    assert "Load beyond 70 concurrent users was not tested." in said(folder)
    assert "closed loop" in said(folder)

    (folder / "arrivals.csv").write_text("second,due,not_delivered\n1740000000,5,0\n")
    assert "closed loop" not in said(folder)


def test_faults_of_the_plan_that_hit_nothing_and_kinds_not_injected_are_named(make_run) -> None:
    folder = make_run([])
    assert "No fault was injected" in said(folder)

    header = "name,kind,where,operations_hit,injected,start_unix_s,end_unix_s\n"
    (folder / "faults.csv").write_text(
        f"{header}a,error,route x,3,4,1,2\nb,hang,backend y,0,0,1,2\nc,slots,backend z,,,1,2\n"
    )
    text = said(folder)
    assert "No fault was injected" not in text
    assert "In the fault plan, but hit no operation: b." in text
    kinds = text.partition("Kinds of faults that were not injected: ")[2].partition(".")[0].split(", ")
    assert {"hang", "latency", "timeout"} <= set(kinds)
    assert not {"error", "slots"} & set(kinds)


def test_plain_locust_files_say_what_they_are(tmp_path: Path, write_locust) -> None:
    assert said(write_locust(tmp_path / "prefix")).startswith("Plain Locust files hold no verdict")
