"""Load shapes in real Locust processes: steps with numbers of their own, a limit found, bad shapes refused."""

from __future__ import annotations

import re

import pytest
from kept_run import KeptRun, Row
from locust_process import REPOSITORY
from test_bad_input import assert_refused
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

LOCUSTFILE = """
from harness.swarm import RampToFailureShape, RouteUser, SoakShape, SpikeShape, StaircaseShape
from locust import constant, task


class Eager(RouteUser):
    wait_time = constant({wait_s})

    @task
    def any(self):
        self.route()


class Load({base}):
    {body}
"""

# Closed loop without think time: N users on 4 slots of 50 ms take N / 4 x 50 ms at least, 300 ms from 24 users on.
LIMITED_TARGET = """
from harness.stages.backend import SimulatedBackend
from stageflow import Pipeline, StageKind, StageOutput


class Router:
    name = "router"
    kind = StageKind.ROUTE

    def __init__(self, backend):
        self.backend = backend

    async def execute(self, ctx):
        await self.backend.call("", tag=ctx.snapshot.request_id)
        return StageOutput.ok(route="one", confidence=1.0)


def build():
    backend = SimulatedBackend("four", slots=4, median_ms=50, sigma=0.0, seed=1)
    return Pipeline(name="limited").with_stage("router", Router(backend), StageKind.ROUTE)
"""
LIMIT_CRITERIA = "p95_ms < 299 at users >= 100\navailability_pct >= 99\nconsistency_pct == 100\n"
BREAKING_USERS = 24


def write_load(folder: Folder, base: str, *body: str, wait_s: float = 0.02) -> None:
    text = LOCUSTFILE.format(wait_s=wait_s, base=base, body="\n    ".join(body or ("pass",)))
    (folder.path / "load.py").write_text(text)


def write_limited(folder: Folder) -> None:
    (folder.path / "limited.py").write_text(LIMITED_TARGET)
    (folder.path / "criteria.txt").write_text(LIMIT_CRITERIA)
    folder.write_corpus(expected_route="one")


def assert_steps_agree_with_history(run: KeptRun) -> list[Row]:
    """Each step's counts are those of the history's operations in it."""
    steps = run.totals["steps"]
    for step in steps:
        begin = step["from_ns"] + round((step["warm_up_s"] or 0) * 1e9)
        inside = [row for row in run.operations if begin <= row["end_ns"] < step["to_ns"]]
        assert step["operations"] == len(inside)
        assert step["ok"] == sum(row["outcome"] == "ok" for row in inside)
        assert step["throughput_rps"] == pytest.approx(len(inside) / step["seconds"], rel=1e-3)
        assert 0 < step["p50_ms"] <= step["p95_ms"] <= step["p99_ms"]
    edges = [edge for step in steps for edge in (step["from_ns"], step["to_ns"])]
    assert edges == sorted(edges)
    return steps


def test_a_staircase_has_numbers_of_each_step(folder: Folder) -> None:
    folder.draws_reports = True
    write_load(folder, "StaircaseShape", "levels = 1, 5, 10", "dwell_s = 3")
    process = folder.headless("--processes", 2, *ports(), locustfile="load.py")
    code = process.wait()
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=50)
    run.assert_concluded("PASS", code=code)
    steps = assert_steps_agree_with_history(run)
    assert [step["users"] for step in steps] == [1, 5, 10]
    assert all(0.1 <= step["seconds"] < 4 for step in steps)
    assert steps[0]["throughput_rps"] < steps[1]["throughput_rps"] < steps[2]["throughput_rps"]
    assert run.manifest["options"]["load_shape"] == "Load: 1, 5, 10 users, 3 s each"
    assert re.search(r"^steps +users", process.said, re.MULTILINE)
    report = (run.path / "report.html").read_text()
    assert '<section id="steps">' in report
    assert "at 10 users" in report


def test_a_spike_takes_its_peak_and_its_time_from_the_command_line(folder: Folder) -> None:
    write_load(folder, "SpikeShape", "base = 2")
    code = folder.headless("-u", 8, "-t", "4s", locustfile="load.py").wait()
    run = folder.run
    run.assert_conserved()
    run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    assert [step["users"] for step in assert_steps_agree_with_history(run)] == [2, 8, 2]
    assert run.manifest["options"]["num_users"] == 8
    assert 3 < run.totals["duration_s"] < 6


def test_ramp_to_failure_finds_the_limit_of_a_target_that_has_one(folder: Folder) -> None:
    write_limited(folder)
    write_load(folder, "RampToFailureShape", "first = 8", "resolution = 0.2", "dwell_s = 1", wait_s=0)
    process = folder.headless(target="limited:build", locustfile="load.py")
    code = process.wait()
    run = folder.run
    run.assert_conserved()
    found = run.verdict["criteria"][0]
    assert (found["name"], found["status"]) == ("highest load that holds", "PASS")
    bracket = re.fullmatch(r"(\d+) users \[(\d+), (\d+)\)", found["actual"])
    assert bracket is not None, found
    held, low, broke = map(int, bracket.groups())
    assert held == low
    assert 12 <= held < broke <= BREAKING_USERS
    trials = [(step["users"], step["held"]) for step in run.totals["steps"]]
    assert trials[0] == (8, True)
    assert trials.count((held, True)) == 2
    assert (broke, False) in trials
    assert sum("users: p95" in line for line in process.own_lines) == len(trials)
    # It breaks its criteria on purpose, and is judged by the levels that held.
    run.assert_concluded("PASS", code=code)
    assert run.status("p95_ms < 299") == "PASS"


def test_a_search_that_runs_out_of_time_is_unknown_and_says_how_far_it_got(folder: Folder) -> None:
    write_load(folder, "RampToFailureShape", "dwell_s = 1")
    code = folder.headless("-t", "4s", locustfile="load.py").wait()
    run = folder.run
    row = run.verdict["criteria"][0]
    assert (code, row["status"]) == (12, "UNKNOWN")
    assert "--run-time 4s was over" in row["detail"]
    assert "no level has broken yet" in row["detail"] or "no level was judged" in row["detail"]


def test_a_search_for_what_the_harness_cannot_see_is_unknown_and_blames_no_target(folder: Folder) -> None:
    (folder.path / "criteria.txt").write_text("p99_ms < 0.001\n")
    write_load(folder, "RampToFailureShape", "dwell_s = 1")
    code = folder.headless(locustfile="load.py").wait()
    run = folder.run
    row = run.verdict["criteria"][0]
    assert (code, row["status"], row["actual"]) == (12, "UNKNOWN", None)
    assert "1 user could not be judged: p99_ms < 0.001: tighter than the harness can see" in row["detail"]
    assert [step["held"] for step in run.totals["steps"]] == [None]


BAD_SHAPES = {
    "a step of no users": ("StaircaseShape", "levels = 1, 0, 5", r"Load: levels: step 2: found 0 users"),
    "a criterion no level can break": ("RampToFailureShape", "pass", r"Load: no criterion a level can break"),
}


@pytest.mark.parametrize("shape", BAD_SHAPES)
def test_a_shape_that_is_no_load_is_refused_before_the_run(folder: Folder, shape: str) -> None:
    base, body, said = BAD_SHAPES[shape]
    write_load(folder, base, body)
    (folder.path / "criteria.txt").write_text("consistency_pct == 100\n")
    assert_refused(folder.headless(locustfile="load.py"), folder, said)


def test_an_option_that_is_no_load_is_refused_with_two_processes(folder: Folder) -> None:
    write_load(folder, "StaircaseShape", "levels = 5, 10")
    process = folder.headless("--processes", 2, *ports(), "-u", 4, locustfile="load.py")
    assert_refused(process, folder, r"Load: --users: found 4, expected at least the lowest level of 5")
    process.assert_nothing_left()


@pytest.mark.parametrize("name", ["staircase", "spike", "soak", "ramp_to_failure"])
def test_the_locustfiles_hold_no_logic(name: str) -> None:
    text = (REPOSITORY / "locustfiles" / f"{name}.py").read_text()
    assert len(text.splitlines()) < 20
    assert not re.search(r"\b(def|if|for|while|lambda)\b", re.sub(r'""".*?"""', "", text, flags=re.DOTALL))
