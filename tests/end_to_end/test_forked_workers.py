"""Workers that ``--processes`` forks: however their master or the process that forked them ends, they end."""

from __future__ import annotations

import os
import signal

import psutil
import pytest
from locust_process import LocustProcess, free_port, wait_until
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

LOAD = ("-u", 10, "-r", 10, "--baseline-size", 4)


def children_of(process: LocustProcess, count: int) -> list[psutil.Process]:
    parent = psutil.Process(process.process.pid)
    wait_until(lambda: len(parent.children()) == count, f"{count} workers", lambda: process.last_words)
    return parent.children()


def assert_ended(process: LocustProcess, code: int) -> None:
    assert process.wait() == code, process.last_words
    assert "Traceback" not in process.said, process.said
    process.assert_nothing_left()


def start_apart(folder: Folder, *more: str | int) -> tuple[LocustProcess, LocustProcess]:
    """Start a master, and two workers that another process forks."""
    port = free_port()
    bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    master = folder.headless("--master", "--expect-workers", 2, *bound, *LOAD, *more)
    launcher = folder.start("--worker", "--processes", 2, "--master-host", "127.0.0.1", "--master-port", port)
    return master, launcher


def test_workers_forked_apart_from_their_master_take_part_and_end_with_it(folder: Folder) -> None:
    master, launcher = start_apart(folder, "-t", "4s")
    code = master.wait()
    folder.run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    assert_ended(master, 0)
    assert_ended(launcher, 0)
    folder.run.assert_conserved(least=50)
    assert [worker["fate"] for worker in folder.run.manifest["workers"]] == ["finished"] * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_process_that_forked_them(folder: Folder, number: signal.Signals) -> None:
    master, launcher = start_apart(folder)
    folder.wait_for_history(parts=2)
    folder.wait_for_workers(2)
    workers = children_of(launcher, 2)
    launcher.process.send_signal(number)
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []
    master.interrupt()
    master.wait()
    master.assert_nothing_left()
    launcher.wait()
    launcher.assert_nothing_left()
    assert folder.run.status("recording") == "VALID"
    assert "the process that started it is gone" in launcher.said


def test_workers_that_wait_for_a_run_end_with_a_master_that_is_killed(folder: Folder) -> None:
    process = folder.start("--web-host", "127.0.0.1", "--web-port", free_port(), "--processes", 2, *ports())
    process.wait_for("reported as ready", times=2)
    os.kill(process.process.pid, signal.SIGKILL)
    process.wait()
    process.assert_nothing_left()


def test_a_master_that_ends_before_its_run_leaves_no_worker(folder: Folder) -> None:
    process = folder.headless(*LOAD, "--processes", 2, *ports(), target="fast:no_such_pipeline")
    assert_ended(process, 2)
    assert len(process.own_lines) == 1
    assert folder.runs == []


def test_a_worker_that_cannot_end_is_ended_with_its_master(folder: Folder) -> None:
    process = folder.headless(*LOAD, "--processes", 2, *ports())
    folder.wait_for_history(parts=2)
    folder.wait_for_workers(2)
    stuck, other = children_of(process, 2)
    stuck.suspend()
    process.wait_for("setting state to missing")
    process.terminate()
    assert process.wait() == 12
    assert not stuck.is_running()
    assert not other.is_running()
    fates = {worker["pid"]: worker["fate"] for worker in folder.run.manifest["workers"]}
    assert fates == {stuck.pid: "lost", other.pid: "finished"}
    assert folder.run.status("workers") == "INVALID"  # how many operations the lost one began nobody knows
    assert len(folder.run.operations) >= 50


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_workers_may_end_before_their_master(folder: Folder, number: signal.Signals) -> None:
    process = folder.headless(*LOAD, "--processes", 2, *ports())
    folder.wait_for_history(parts=2)
    folder.wait_for_workers(2)
    for worker in children_of(process, 2):
        worker.send_signal(number)
    code = process.wait()
    assert "Traceback" not in process.said, process.said
    assert code == folder.run.verdict["exit_code"]
    process.assert_nothing_left()


# Child processes of a stage, waited for in both of Python's ways.
STARTING = """
import asyncio, subprocess, sys
from fast import Router, pipeline_of
from stageflow import StageOutput

EXIT_7 = [sys.executable, "-S", "-E", "-c", "raise SystemExit(7)"]


class Starting(Router):
    async def execute(self, ctx):
        code = await asyncio.to_thread(lambda: subprocess.run(EXIT_7).returncode)
        started = await asyncio.create_subprocess_exec(*EXIT_7)
        return StageOutput.ok(route=f"{code} {await started.wait()}", confidence=0.9)


pipeline = pipeline_of(Starting)
"""


def test_exit_codes_of_a_stages_children_are_its_own(folder: Folder, spread: list[str]) -> None:
    (folder.path / "starting.py").write_text(STARTING)
    process = folder.headless("-u", 8, "-r", 8, "-t", "3s", "--baseline-size", 2, *spread, target="starting:pipeline")
    process.wait()
    assert len(folder.run.operations) >= 20
    assert {row["route"] for row in folder.run.operations} == {"7 7"}
