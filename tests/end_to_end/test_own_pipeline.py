"""A user's own pipeline, unchanged, with a locustfile of their own; workers that die; no users and many."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from kept_run import KeptRun
from locust_process import LOCUSTFILE
from user_folder import BUSY_LOCUSTFILE, SCENARIOS, Folder, ports

pytestmark = pytest.mark.slow

LOAD = ("-u", 5, "-r", 5, "-t", "2s")  # of which preparing takes 0.6 s, and more where processors are short

TEN_LINES = """
from locust import constant, task

from harness.swarm import RouteUser


class Impatient(RouteUser):
    wait_time = constant(0.01)

    @task(3)
    def anything(self):
        self.route()

    @task
    def ask(self):
        assert self.route("question").priority in range(10)
"""

OWN_TASKS = """
from locust import TaskSet, constant, task

from harness.swarm import Operation, RouteUser, Scenario, sends, weighted


class Asking(RouteUser):
    wait_time = constant(0.01)
    tasks = weighted({sends("question"): 3, sends("code"): 1})


class Mixed(RouteUser):
    wait_time = constant(0.01)

    @task
    class Session(TaskSet):
        tasks = weighted({sends(None): 1})

        @task
        def of_its_own(self):
            made = self.user.client.route(Scenario("of its own", "not in the corpus", 9, expected_route="long"))
            assert isinstance(made, Operation)
"""

OWN = """
from dataclasses import dataclass

from stageflow import Pipeline, PipelineContext, StageKind, StageOutput


class Clean:
    name = "clean"
    kind = StageKind.TRANSFORM

    async def execute(self, ctx):
        return StageOutput.ok(text=(ctx.snapshot.input_text or "").strip())


class Pick:
    name = "pick"
    kind = StageKind.ROUTE

    async def execute(self, ctx):
        text = ctx.inputs.get_from("clean", "text")
        return StageOutput.ok(route="long" if len(text) > 12 else "short", confidence=0.5)


def build():
    return (
        Pipeline(name="own")
        .with_stage("clean", Clean, StageKind.TRANSFORM)
        .with_stage("pick", Pick, StageKind.ROUTE, dependencies=("clean",))
    )


def build_seeded(seed):
    assert seed == 1
    return build()


def build_graph():
    return build().build()


pipeline = build()
graph = build().build()
"""

TARGET = """
from harness.pipeline.target import Target, default_context
from harness.words.operation import Decision
from own import build


def read(results):
    asked = "long" if len(results["clean"].data["text"]) > 12 else "short"
    return Decision("standby", tier=1, asked_route=asked)


def context(scenario, identity):
    assert scenario.id.startswith("s-")
    return default_context(scenario, identity)


target = Target(build(), read_decision=read, build_context=context)
"""

SHAPES = ["own:pipeline", "own:build_seeded", "own:graph", "own:build_graph"]


def write_own(folder: Folder) -> None:
    (folder.path / "own.py").write_text(OWN)
    (folder.path / "own_target.py").write_text(TARGET)
    (folder.path / "locustfile.py").write_text(TEN_LINES)


def test_tasks_of_users_and_task_sets_and_a_scenario_of_ones_own(folder: Folder) -> None:
    write_own(folder)
    (folder.path / "tasks.py").write_text(OWN_TASKS)
    process = folder.headless(*LOAD, locustfile="tasks.py", target="own:build")
    code = process.wait()
    assert_passed(folder.run, code)
    sent = {(row["user_class"], row["scenario"]) for row in folder.run.operations}
    kinds = {scenario["id"]: scenario["tags"][0] for scenario in SCENARIOS}
    assert {kinds[scenario] for user_class, scenario in sent if user_class == "Asking"} == {"question", "code"}
    assert ("Mixed", "of its own") in sent
    assert len({scenario for user_class, scenario in sent if user_class == "Mixed"}) > 5


def assert_passed(run: KeptRun, code: int) -> None:
    run.assert_complete()
    run.assert_conserved(least=20)
    run.assert_concluded("PASS", code=code)
    assert {row["outcome"] for row in run.operations} == {"ok"}
    assert {row["asked_route"] for row in run.operations} == {"long", "short"}


@pytest.mark.parametrize(
    ("target", "scope"), [(target, "shared") for target in SHAPES] + [("own:build", "per-request")]
)
def test_an_unchanged_pipeline_in_whatever_form(folder: Folder, target: str, scope: str) -> None:
    write_own(folder)
    process = folder.headless(*LOAD, "--graph-scope", scope, target=target, locustfile="locustfile.py")
    code = process.wait()
    run = folder.run
    assert_passed(run, code)
    assert run.path.name.split("-")[1] == "locustfile"
    assert run.manifest["options"]["graph_scope"] == scope
    assert run.manifest["route_stages"] == ["pick"]
    assert {row["user_class"] for row in run.operations} == {"Impatient"}
    assert run.parts("spans")


def test_a_target_with_its_own_reader_and_context(folder: Folder) -> None:
    write_own(folder)
    process = folder.headless(*LOAD, target="own_target:target", locustfile="locustfile.py")
    code = process.wait()
    assert_passed(folder.run, code)
    assert {row["Type"] for row in folder.run.locust_stats if row["Type"]} == {"FALLBACK"}
    served = {(row["tier"], row["route"], row["asked_route"]) for row in folder.run.operations}
    assert served == {(1, "standby", "long"), (1, "standby", "short")}


def test_a_bare_locust_in_a_fresh_folder(folder: Folder) -> None:
    """Nothing named but the target: shipped corpus, default criteria, results in the current folder."""
    write_own(folder)
    folder.draws_reports = True
    process = folder.bare(
        "--headless", "-u", "5", "-r", "5", "-t", "1s", "--target", "own:pipeline", "--baseline-size", "20"
    )
    code = process.wait()
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=20)
    assert (code, run.verdict["verdict"]) == (12, "INCONCLUSIVE")  # 5 users say nothing of p95 at 100
    assert run.manifest["golden"] is False
    assert run.status("accuracy") == "UNKNOWN"


def test_a_worker_that_is_killed_makes_the_run_inconclusive(folder: Folder) -> None:
    process = folder.headless("--processes", 2, *ports(), "-u", 10, "-r", 10, "-t", "6s")
    folder.wait_for_history(parts=2)
    victim = min(children_of(process.process.pid))
    os.kill(victim, signal.SIGKILL)
    code = process.wait()
    run = folder.run
    run.assert_complete()
    fates = {worker["pid"]: worker["fate"] for worker in run.manifest["workers"]}
    assert sorted(fates.values()) == ["finished", "lost"]
    assert fates[victim] == "lost"
    assert (code, run.verdict["verdict"]) == (12, "INCONCLUSIVE")
    assert run.status("workers") == "INVALID"
    assert run.status("conservation") == "UNKNOWN"
    assert len(run.operations) > 0


RAISING_LISTENER = """
from locust import events


@events.spawning_complete.add_listener
def raising(**_):
    raise RuntimeError("of the locustfile")
"""


def test_what_the_target_logs_by_the_root_logger_is_counted_and_what_locust_does_is_not(folder: Folder) -> None:
    (folder.path / "raising.py").write_text(BUSY_LOCUSTFILE + RAISING_LISTENER)
    process = folder.headless(*LOAD, target="fast:complaining", locustfile="raising.py")
    process.wait()
    run = folder.run
    assert run.totals["log_records"] == {"ERROR": run.totals["operations"]}
    run.assert_concluded("PASS WITH CONCERNS")
    assert sum("what a pity" in line for line in process.stderr) <= 10
    assert any("RuntimeError: of the locustfile" in line for line in process.stderr)


def test_no_users_is_inconclusive(folder: Folder, spread: list[str]) -> None:
    process = folder.headless(*spread, "-u", 0, "-t", "1s")
    code = process.wait()
    run = folder.run
    run.assert_complete()
    assert run.operations == []
    assert run.totals["arrivals"] == 0
    assert (code, run.verdict["verdict"]) == (12, "INCONCLUSIVE")
    assert {run.status(name) for name in ("conservation", "consistency", "accuracy", "hang")} == {"UNKNOWN"}
    assert run.verdict["criteria"][0]["actual"] is None


def test_two_thousand_users(folder: Folder) -> None:
    process = folder.headless("-u", 2000, "-r", 2000, "-t", "3s", locustfile=LOCUSTFILE)
    code = process.wait()
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=2000)
    assert len({row["user"] for row in run.operations}) == 2000
    assert run.totals["users_max"] == 2000
    assert {row["outcome"] for row in run.operations} == {"ok"}
    run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)


def test_two_runs_at_once_in_one_folder(folder: Folder) -> None:
    both = [folder.headless(*LOAD) for _ in range(2)]
    codes = [process.wait() for process in both]
    assert len(folder.runs) == 2
    for run in folder.runs:
        run.assert_complete()
        run.assert_conserved()
        run.assert_concluded("PASS", "PASS WITH CONCERNS")
    assert codes == [0, 0]
    latest = folder.results / "latest"
    assert latest.is_symlink()
    assert latest.resolve() in {run.path.resolve() for run in folder.runs}
    assert sorted(entry.name for entry in folder.results.iterdir()) == sorted(
        ["latest", *(run.path.name for run in folder.runs)]
    )


def test_equal_seeds_decide_alike_and_other_seeds_do_not(folder: Folder) -> None:
    decided = []
    (folder.path / "quick.py").write_text(BUSY_LOCUSTFILE.replace("0.05", "0.01"))
    for seed in (3, 3, 4):
        load = ("-u", 1, "-t", "2s", "--seed", seed, "--baseline-size", 0)
        folder.headless(*load, locustfile="quick.py").wait()
        rows = folder.runs[-1].operations
        decided.append([(row["user_class"], row["scenario"], row["route"], row["outcome"]) for row in rows])
    first, again, other = decided
    length = min(map(len, decided))
    assert length >= 30
    assert first[:length] == again[:length]
    assert first[:length] != other[:length]


def children_of(pid: int) -> list[int]:
    """Return the processes whose parent is ``pid``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "status").read_text()
            except OSError:
                continue
            if re.search(rf"^PPid:\t{pid}$", status, re.MULTILINE):
                found.append(int(entry.name))
    return found


OTHERS = """
from locust import User, constant, task

from harness.swarm import RouteUser


class Asking(RouteUser):
    wait_time = constant(0.01)

    @task
    def ask(self):
        self.route()


class Other(User):
    wait_time = constant(0.01)

    @task
    def fire(self):
        self.environment.events.request.fire(
            request_type="GET", name="elsewhere", response_time=1, response_length=0, exception=None, context={}
        )
        raise LookupError("no such key")
"""


def test_users_of_another_kind_and_what_they_raise(folder: Folder) -> None:
    (folder.path / "others.py").write_text(OTHERS)
    process = folder.headless(*LOAD, "-t", "3s", "--processes", 2, *ports(), locustfile="others.py")
    code = process.wait()
    run = folder.run
    assert any(row["Type"] == "GET" for row in run.locust_stats)
    assert run.status("recording") == "VALID"
    run.assert_concluded("PASS WITH CONCERNS", code=code)
    assert "tasks of the locustfile raised" in run.verdict["reason"]
    ((raised, count),) = run.totals["user_errors"].items()
    assert re.fullmatch(r"no such key \(others\.py:\d+\)", raised)
    assert count == sum(int(r["Request Count"]) for r in run.locust_stats if r["Type"] == "GET")
    assert run.totals["operations"] == sum(int(r["Request Count"]) for r in run.locust_stats if r["Type"] == "ROUTE")


def test_a_short_run_compares_most_of_what_it_sent_with_the_baseline(folder: Folder) -> None:
    """The corpus is twenty times what is sent; under load the target decides otherwise."""
    load = ("-u", 10, "-r", 10, "-t", "2s", "--processes", 2, *ports())
    process = folder.headless(
        *load, "--corpus", "", "--baseline-size", 60, target="fast:crowded", locustfile=LOCUSTFILE
    )
    assert process.wait() == 11
    run = folder.run
    baseline = {row["scenario"]: row["route"] for row in run.rows("baseline")}
    sent = [row["scenario"] for row in run.operations]
    assert len(baseline) == 60
    assert set(baseline.values()) == {"alone"}
    assert sum(scenario in baseline for scenario in sent) > len(sent) / 2
    assert run.status("consistency") == "INVALID"
