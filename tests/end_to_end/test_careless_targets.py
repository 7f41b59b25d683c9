"""Targets that fork without ``exec``, clear other people's callbacks or close their descriptors cost no verdict."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from kept_run import KeptRun
from locust_process import LocustProcess
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

LOAD = ("-u", 4, "-r", 4, "-t", "2s", "--baseline-size", 4)


def start(folder: Folder, attribute: str, *arguments: str | int) -> LocustProcess:
    shutil.copy(Path(__file__).with_name("careless.py"), folder.path)
    return folder.headless(*LOAD, *arguments, target=f"careless:{attribute}")


def assert_files_are_the_runs_alone(folder: Folder, run: KeptRun) -> None:
    """What the target opened in the place of what it closed got nothing of the run, and every file of it loads."""
    others = list(folder.path.glob("other-*"))
    assert others
    assert {path.stat().st_size for path in others} == {0}
    assert all(float(row["count"]) > 0 for row in run.series)


def test_forks_and_cleared_callbacks_leave_the_run_as_it_was(folder: Folder, spread: list[str]) -> None:
    process = start(folder, "forks", *spread)
    code = process.wait()
    run = folder.run
    assert code == run.verdict["exit_code"]
    assert code in (0, 12), process.last_words  # a busy machine may make a run of 2 s one that cannot be trusted
    run.assert_complete()
    run.assert_conserved(least=20)
    assert {check["status"] for check in run.verdict["checks"]} == {"VALID"}
    assert (run.status("recording"), run.status("workers")) == ("VALID", "VALID")
    assert set(run.outcomes()) == {"ok"}, "what a child raised ended no operation"
    assert ((folder.path / "child").read_text(), (folder.path / "status").read_text()) == ("was here", "3")
    went_on = [line for line in process.stderr if "forked by the target, went on after its stage: ended" in line]
    assert len(went_on) == (2 if spread else 1)
    process.assert_nothing_left()


def test_a_process_whose_descriptors_are_closed_has_a_verdict_that_says_so(folder: Folder) -> None:
    process = start(folder, "closes_descriptors")
    assert process.wait() == 12
    run = folder.run
    assert run.verdict["verdict"] == "INCONCLUSIVE"
    assert "a descriptor of the event loop's was closed" in run.verdict["reason"]
    assert_files_are_the_runs_alone(folder, run)
    process.assert_nothing_left()


def test_workers_whose_descriptors_are_closed_are_lost_to_a_run_that_is_judged(folder: Folder) -> None:
    process = start(folder, "closes_descriptors", "--processes", 2, *ports())
    assert process.wait() == 12
    run = folder.run
    assert run.status("workers") == "INVALID"
    assert run.verdict["reason"] == "the run cannot be trusted: workers"
    assert_files_are_the_runs_alone(folder, run)


FULL_FROM_THE_FIRST_SECOND = """
import resource
from locust import events

@events.test_start.add_listener
def fill(**_):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))

from busy import *
"""


def test_a_disk_that_is_full_from_the_first_second_costs_no_verdict(folder: Folder) -> None:
    (folder.path / "filling.py").write_text(FULL_FROM_THE_FIRST_SECOND)
    process = folder.headless(*LOAD, "-t", "30s", locustfile="filling.py")
    assert process.wait() == 12, process.last_words
    shown = "\n".join(process.stdout)
    assert "verdict  INCONCLUSIVE" in shown
    assert re.search(r"recording +INVALID", shown)
    assert any("cannot write" in line for line in process.own_lines)
    assert "Traceback" not in process.said, process.said
    assert (folder.run.path / "manifest.json").exists()
