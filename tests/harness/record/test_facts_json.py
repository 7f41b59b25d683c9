"""What a run knows of itself comes back from its file as it was."""

from __future__ import annotations

import dataclasses

import pytest

from harness.judge.criteria.criteria import DEFAULT_CRITERIA, parse_criteria
from harness.judge.criteria.noise_floor import NoiseFloor
from harness.judge.criteria.ramp_to_failure import LevelJudgement, RampToFailure
from harness.judge.criteria.steps import Step
from harness.judge.facts import Facts
from harness.judge.validity.user_errors import Early, Gone, Requests
from harness.judge.validity.workers import Workers
from harness.load.corpus.vocabulary import Vocabulary
from harness.load.faults.plan import parse_fault_plan
from harness.load.shapes.search import Search
from harness.measure.blocks import Block
from harness.record.facts_json import read_facts, write_facts
from harness.words.errors import RecordError, RunError

CRITERIA = [*parse_criteria(DEFAULT_CRITERIA, "default"), *parse_criteria("fallback_latency_x < 2", "x")]
PLAN = parse_fault_plan(
    b"""
[[fault]]
name = "down"
where = { route = "a", tier = 0, scenario = { metadata = { vip = true, level = 3, share = 0.5 }, tag = "code" } }
what = { kind = "latency", ms = 5, sigma = 0.5 }
when = { from_s = 1, to_s = 2 }
share = 0.25
[[fault]]
name = "rules"
what = { kind = "reload", call = "a:b" }
when = { users = 3 }
""",
    "plan",
)
LEAST = Facts(golden=False, deadline_ms=None, arrivals=None, locust_requests=None)


def searched(*held: bool) -> Search:
    search = Search(2, 64, 3.0, 0.1)
    for each in held:
        search.record(each)
    return search


MOST = Facts(
    golden=True,
    deadline_ms=30_000.5,
    arrivals=12,
    locust_requests=13,
    scheduled=True,
    begun=False,
    due=20,
    not_delivered=1,
    joined_late=("worker 3",),
    took_part=Workers("2 of 4 never came", ("worker 1",), {"worker 2": 6.25}, {"worker 0": 5.5}, {"worker 2": 7.125}),
    errors=("disk full",),
    labels={"s2": "greeting", "s1": "Grüße"},
    log_records={"WARNING": 2, "ERROR": 1},
    trim=False,
    steps=(
        Step(1, 1_740_000_000_000_000_001, 1_740_000_001_000_000_000, True, (1_740_000_000, 1_740_000_001)),
        Step(2),
    ),
    ramp=RampToFailure(
        searched(True, True, False),
        [LevelJudgement(True, True, "p95 4 ms", (1, 2), None), LevelJudgement(False, False, "", (3, 4), True, False)],
        "stopped",
    ),
    held_back_s={"worker 0": 1.1},
    mismatches=("worker 0 has another corpus",),
    clock_offsets_ms={"worker 0": -0.1},
    workers=2,
    noise_floor=NoiseFloor(p50_ms=0.1, p95_ms=0.2, p99_ms=0.30000000000000004, max_ms=1.0, best_p95_ms=0.15),
    faults=PLAN.fault,
    chain_deadline_ms=900.0,
    vocabulary=Vocabulary(frozenset({"fast", "premium"}), True),
    blocks=(Block(0, 1, 2_000_000_001, "router", "routing.py:12 in execute", False, True),),
    broken=("OSError: bad file descriptor",),
    user_errors={"b": 2, "a": 1},
    other_requests={"GET": Requests(3, 1, "HTTPError"), "POST": Requests(1, 0, None)},
    gone=Gone(1.5, 3, 10),
    early=Early(1.5, 60.0, "quits.py:9 in stop"),
    refused="worker 1: no such target",
)


def test_the_examples_give_every_fact_another_value() -> None:
    same = [each.name for each in dataclasses.fields(Facts) if getattr(MOST, each.name) == getattr(LEAST, each.name)]
    assert same == []


@pytest.mark.parametrize("facts", [LEAST, MOST], ids=["least", "most"])
def test_facts_and_criteria_come_back_as_they_were(tmp_path, facts) -> None:
    path = tmp_path / "facts.json"
    write_facts(path, CRITERIA, facts)
    criteria, found = read_facts(path)
    assert criteria == CRITERIA
    for each in dataclasses.fields(Facts):
        if each.name != "ramp":
            assert getattr(found, each.name) == getattr(facts, each.name), each.name
    for name in ("labels", "log_records", "user_errors", "other_requests"):  # whose order a verdict shows
        assert [*getattr(found, name)] == [*getattr(facts, name)]


def test_a_search_comes_back_with_its_trials(tmp_path) -> None:
    path = tmp_path / "facts.json"
    write_facts(path, [], MOST)
    found, before = read_facts(path)[1].ramp, MOST.ramp
    assert vars(found.search) == vars(before.search)
    assert (found.judgements, found.why_stopped) == (before.judgements, before.why_stopped)


def test_stacks_are_left_out(tmp_path) -> None:
    path = tmp_path / "facts.json"
    write_facts(path, [], dataclasses.replace(MOST, blocks=(MOST.blocks[0]._replace(stacks="File x"),)))
    assert read_facts(path)[1].blocks == MOST.blocks


def test_a_text_that_is_no_utf_8_is_an_error_of_recording_and_leaves_no_file(tmp_path) -> None:
    path = tmp_path / "facts.json"
    with pytest.raises(RecordError):
        write_facts(path, [], dataclasses.replace(LEAST, errors=("\ud800",)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"{", b""),
        (b'"golden":true', b'"golden":7'),
        (b'"p95_ms < 500 at users >= 100"', b'"beauty < 5"'),
        (b'"kind":"latency"', b'"kind":"lateness"'),
        (b'"factor":3.0', b'"factor":0.5'),
        (b'"most":64', b'"most":3'),
        (b'"golden"', b'"golden\xff"'),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path, old, new) -> None:
    path = tmp_path / "facts.json"
    write_facts(path, CRITERIA, MOST)
    content = path.read_bytes()
    assert content.count(old) >= 1
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(RunError) as caught:
        read_facts(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_no_file_is_refused_in_one_line(tmp_path) -> None:
    with pytest.raises(RunError):
        read_facts(tmp_path / "facts.json")
