"""The target lives in Python's own world, however a run is started; in gevent's where that was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from locust_process import LocustProcess, free_port
from user_folder import Folder, ports

pytestmark = pytest.mark.slow
STARTS_AGAIN = True

LOAD = ("--headless", "--only-summary", "--no-report", "-u", 4, "-r", 4, "-t", "2s", "--baseline-size", 4)
RUN = ("--target", "looking:pipeline", "--corpus", "corpus.jsonl", "--criteria", "criteria.txt", *LOAD)

LOOKING = """
import json, os, pathlib, socket, subprocess, threading, time
from fast import Router, pipeline_of

ours = [name for name in os.environ if name.startswith(("LOCUST_", "ROUTESWARM_"))]
seen = {"lock": type(threading.Lock()).__module__, "sleep": time.sleep.__module__, "socket": socket.socket.__module__,
        "thread": threading.Thread.start.__module__, "popen": subprocess.Popen.__module__, "variables": ours}
pathlib.Path(f"seen-{os.getpid()}.json").write_text(json.dumps(seen))
pipeline = pipeline_of(Router)
"""

NATIVE = {"lock": "_thread", "sleep": "time", "socket": "socket", "thread": "threading", "popen": "subprocess"}

BESIDE = """
from busy import *
from locust import {kind}, constant, task

class Beside({kind}):
    host = "http://127.0.0.1:{port}"
    fixed_count = 1
    wait_time = constant(0.2)

    @task
    def visit(self):
        self.client.get("/")
"""


@pytest.fixture
def looking(folder: Folder) -> Folder:
    (folder.path / "looking.py").write_text(LOOKING)
    folder.draws_reports = True  # unless its arguments say otherwise: a variable would be seen by the target
    return folder


def seen_by_targets(folder: Folder) -> list[dict[str, object]]:
    """What each process saw that imported the target."""
    found = [json.loads(path.read_text()) for path in folder.path.glob("seen-*.json")]
    assert found
    return found


def assert_ran(folder: Folder, code: int) -> None:
    folder.run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)


def assert_native(folder: Folder, variables: Sequence[str] = ()) -> None:
    for seen in seen_by_targets(folder):
        assert seen == {**NATIVE, "variables": list(variables)}
    assert folder.run.manifest["world"] == "native"


def command(folder: Folder, *words: str | Path | int) -> LocustProcess:
    """Start a command of the environment in the folder."""
    process = LocustProcess([str(word) for word in words], folder.path, {}, None, command=True)
    folder.track.append(process)
    return process


BIN = Path(sys.executable).parent

SPAWNING = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from fast import Router, pipeline_of
from stageflow import StageOutput

def look():
    return f"locust imported: {'locust' in sys.modules}"

class Spawning(Router):
    async def execute(self, ctx):
        import asyncio
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            seen = await asyncio.get_running_loop().run_in_executor(pool, look)
        return StageOutput.ok(route=seen, confidence=0.9)

pipeline = pipeline_of(Spawning)
"""


@pytest.mark.parametrize(
    "words",
    [
        (BIN / "locust", "-f", "busy.py"),
        (sys.executable, "-m", "locust", "-f", "busy.py"),
        (sys.executable, "-X", "dev", "-W", "ignore", "-m", "locust", "-f", "busy.py"),
        (sys.executable, "-m", "harness", "run"),
        (BIN / "routeswarm", "run"),
    ],
    ids=["locust", "module", "flags", "harness", "routeswarm"],
)
def test_no_way_to_start_a_run_patches_the_target(looking: Folder, words: tuple[str | Path, ...]) -> None:
    assert_ran(looking, command(looking, *words, *RUN).wait())
    assert_native(looking)


def test_workers_of_all_kinds_are_native(looking: Folder) -> None:
    assert_ran(looking, looking.bare("-f", "busy.py", *RUN, "-t", "3s", "--processes", 2, *ports()).wait())
    assert len(seen_by_targets(looking)) == 3  # the master as well, which makes the baseline
    assert_native(looking)


def test_a_worker_that_gets_its_locustfile_from_the_master_is_native(looking: Folder) -> None:
    port = free_port()
    worker = looking.bare("--worker", "-f", "-", "--master-port", port)
    master = looking.bare(
        "-f", "busy.py", *RUN, "-t", "3s", "--master", "--master-bind-port", port, "--expect-workers", 1
    )
    assert_ran(looking, master.wait())
    assert worker.wait() == 0
    assert_native(looking)


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_patched_world_is_there_for_those_who_ask(looking: Folder, how: str) -> None:
    words = ["--monkey-patch"] if how == "option" else []
    environment = {} if words else {"ROUTESWARM_MONKEY_PATCH": "true"}
    assert_ran(looking, looking.bare("-f", "busy.py", *RUN, *words, environment=environment).wait())
    assert {str(seen["sleep"]).split(".")[0] for seen in seen_by_targets(looking)} == {"gevent"}
    assert looking.run.manifest["world"] == "monkey-patched"


def test_the_report_names_the_world(looking: Folder) -> None:
    words = [word for word in RUN if word != "--no-report"]
    assert_ran(looking, looking.bare("-f", "busy.py", *words, "--monkey-patch").wait())
    assert "monkey-patched" in (looking.run.path / "report.html").read_text()


def test_users_that_need_patching_are_refused_with_the_ways_out(looking: Folder) -> None:
    (looking.path / "both.py").write_text(BESIDE.format(kind="HttpUser", port=free_port()))
    process = looking.bare("-f", "both.py", *RUN)
    assert process.wait() == 2
    (line,) = process.own_lines
    assert all(word in line for word in ("Beside", "FastHttpUser", "--monkey-patch"))
    assert looking.runs == []


@pytest.mark.parametrize(("kind", "words"), [("FastHttpUser", ()), ("HttpUser", ("--monkey-patch",))])
def test_other_users_run_where_they_can(looking: Folder, kind: str, words: tuple[str, ...]) -> None:
    (looking.path / "both.py").write_text(BESIDE.format(kind=kind, port=free_port()))
    process = looking.bare("-f", "both.py", *RUN, *words)
    process.wait()
    assert looking.run.status("conservation") == "VALID"
    assert len(looking.run.operations) >= 20
    assert any(row["Name"] == "/" for row in looking.run.locust_stats)


def test_a_script_that_imports_locust_first_is_told_what_to_do(looking: Folder) -> None:
    script = "import locust.main, sys; sys.argv[0] = 'locust'; locust.main.main()"
    process = command(looking, sys.executable, "-c", script, "-f", "busy.py", *RUN)
    assert process.wait() == 2
    (line,) = process.own_lines
    assert "LOCUST_SKIP_MONKEY_PATCH=1" in line


def test_a_script_that_imports_routeswarm_first_runs_native(looking: Folder) -> None:
    script = "import harness.swarm, locust.main, sys; sys.argv[0] = 'locust'; locust.main.main()"
    assert_ran(looking, command(looking, sys.executable, "-c", script, "-f", "busy.py", *RUN).wait())
    assert_native(looking)


def test_importing_the_users_side_leaves_the_process_as_it_was() -> None:
    script = """
import os, threading, time
before = threading.Lock, time.sleep, dict(os.environ)
import harness.swarm
assert before == (threading.Lock, time.sleep, dict(os.environ))
"""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "ROUTESWARM_"))}
    subprocess.run([sys.executable, "-c", script], check=True, env=inherited, timeout=60)


def test_a_master_and_a_worker_in_different_worlds_are_no_agreement(looking: Folder) -> None:
    port = free_port()
    worker = looking.bare("--worker", "-f", "busy.py", "--master-port", port, "--monkey-patch")
    master = looking.bare("-f", "busy.py", *RUN, "--master", "--master-bind-port", port, "--expect-workers", 1)
    assert master.wait() == 12
    worker.wait()
    assert looking.run.status("agreement") == "INVALID"


@pytest.mark.parametrize("words", [(BIN / "locust", "-f", "busy.py"), (BIN / "routeswarm", "run")])
def test_processes_that_a_stage_spawns_are_not_brought_into_the_harness(
    folder: Folder, words: tuple[str | Path, ...]
) -> None:
    (folder.path / "spawning.py").write_text(SPAWNING)
    given = ("--target", "spawning:pipeline", "--corpus", "corpus.jsonl", "--criteria", "criteria.txt", *LOAD)
    command(folder, *words, *given, "-u", 1, "-t", "3s").wait()
    assert {row["route"] for row in folder.run.operations if row["outcome"] == "ok"} == {"locust imported: False"}
