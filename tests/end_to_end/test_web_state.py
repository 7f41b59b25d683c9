"""The web UI over several runs: each is recorded and judged, whatever is stopped, killed, picked or edited."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from kept_run import KeptRun
from locust_process import LocustProcess, free_port, wait_until
from user_folder import Folder, ports
from web_ui import WebUi

pytestmark = pytest.mark.slow

LOAD = {"user_count": "4", "spawn_rate": "20"}


def open_ui(folder: Folder, *arguments: str, workers: int = 0, **named: str) -> tuple[LocustProcess, WebUi]:
    port = free_port()
    process = folder.start("--web-host", "127.0.0.1", "--web-port", port, *arguments, **named)
    process.wait_for("Starting web interface")
    ui = WebUi(port)
    wait_until(lambda: ui.ready_workers() >= workers, "the workers", lambda: process.last_words)
    return process, ui


def judged(folder: Folder, process: LocustProcess, number: int) -> KeptRun:
    """Return the ``number``-th run once it has its verdict and is the newest."""
    process.wait_for("verdict  ", times=number)
    assert len(folder.runs) == number
    return folder.runs[number - 1]


def wait_for_run(folder: Folder, ui: WebUi, number: int) -> None:
    """Wait until a run hands over operations; ``number`` is which of the folder's."""
    folder.wait_for_history(parts=1, run=number)
    assert ui.get("/stats/requests")["state"] in ("spawning", "running")


def test_a_run_after_one_whose_worker_was_killed_is_recorded_and_judged(folder: Folder) -> None:
    process, ui = open_ui(folder, "--processes", "2", *ports(), workers=2)
    assert ui.post("/swarm", **LOAD)["success"] is True
    folder.wait_for_workers(2)
    told = lambda: [worker["pid"] for worker in folder.run.manifest["workers"] if "pid" in worker]  # noqa: E731
    wait_until(lambda: len(told()) == 2, "both have said who they are")
    os.kill(told()[0], signal.SIGKILL)
    states = lambda: [each["state"] for each in ui.get("/stats/requests")["workers"]]  # noqa: E731
    wait_until(lambda: states().count("running") == 1, "it is missed", lambda: f"{states()}\n{process.last_words}")
    assert ui.post("/stop")["success"] is True
    assert judged(folder, process, 1).status("workers") == "INVALID"
    wait_until(lambda: ui.get("/stats/requests")["state"] == "stopped", "the page is told that the run is over")
    wait_until(lambda: ui.ready_workers() == 1, "the other worker is ready")
    answer = ui.post("/swarm", **LOAD)
    assert answer["success"] is True, answer
    wait_for_run(folder, ui, 2)
    assert ui.post("/stop")["success"] is True
    second = judged(folder, process, 2)
    second.assert_conserved(least=1)
    assert [row["fate"] for row in second.manifest["workers"]] == ["finished"]


def test_stop_just_after_the_preparation_ends_that_run_and_the_next_one_runs(folder: Folder, spread: list[str]) -> None:
    workers = 2 if spread else 0
    process, ui = open_ui(folder, *spread, "--baseline-size", "1", workers=workers)
    for number in (1, 2):
        assert ui.post("/swarm", **LOAD)["success"] is True
        assert ui.post("/stop")["success"] is True
        judged(folder, process, number)
        assert ui.get("/stats/requests")["user_count"] == 0
        wait_until(lambda: ui.ready_workers() >= workers, "the workers are ready again", lambda: process.last_words)
    answer = ui.post("/swarm", **LOAD)
    assert answer["success"] is True, answer
    wait_for_run(folder, ui, 3)
    assert ui.post("/stop")["success"] is True
    judged(folder, process, 3).assert_conserved(least=1)


TWO_CLASSES = """
from locust import constant, task
from harness.swarm import RouteUser, sending


class Asking(RouteUser):
    wait_time = constant(0.05)

    @task
    @sending("question")
    def ask(self):
        self.route("question")


class Stating(RouteUser):
    wait_time = constant(0.05)

    @task
    @sending("statement")
    def state(self):
        self.route("statement")
"""


def test_the_baseline_is_of_the_classes_that_are_picked_now(folder: Folder) -> None:
    (folder.path / "two.py").write_text(TWO_CLASSES)
    process, ui = open_ui(folder, "--class-picker", "--baseline-size", "4", locustfile="two.py")
    for number, (picked, kind) in enumerate((("Stating", 1), ("Asking", 0)), start=1):
        answer = ui.post("/swarm", **LOAD, user_classes=picked, host="")
        assert answer["success"] is True, answer
        wait_for_run(folder, ui, number)
        assert ui.post("/stop")["success"] is True
        run = judged(folder, process, number)
        assert {row["user_class"] for row in run.operations} == {picked}
        sampled = {int(row["scenario"].removeprefix("s-")) % 4 for row in run.rows("baseline")}
        assert sampled == {kind}  # of every fourth scenario: those with its tag
        assert run.status("consistency") == "VALID"
    refused = ui.post("/swarm", **LOAD, user_classes="Nobody")
    assert (refused["success"], "Nobody" in refused["message"]) == (False, True)


def test_edit_changes_the_users_and_nothing_else(folder: Folder, spread: list[str]) -> None:
    folder.draws_reports = True
    process, ui = open_ui(folder, *spread, workers=2 if spread else 0)
    assert ui.post("/swarm", **LOAD, run_time="600")["success"] is True
    wait_for_run(folder, ui, 1)
    for field, value in (
        ("results_dir", "elsewhere"),
        ("target", "fast:slow"),
        ("seed", "5"),
        ("run_time", "1"),
        ("user_count", "0"),
        ("user_count", "many"),
        ("spawn_rate", "nan"),
    ):
        refused = ui.post("/swarm", **{**LOAD, field: value})
        assert (refused["success"], refused["message"].startswith(field)) == (False, True), refused
    assert ui.post("/swarm", user_count="7", spawn_rate="20", seed="1")["success"] is True
    wait_until(lambda: ui.get("/stats/requests")["user_count"] == 7, "seven users")
    assert ui.post("/stop")["success"] is True
    run = judged(folder, process, 1)
    run.assert_conserved(least=1)
    assert run.manifest["options"]["target"] == "fast:pipeline"
    assert [change["num_users"] for change in run.manifest["load_changes"]] == [7]
    assert not (folder.path / "elsewhere").exists()
    assert ui.get("/routeswarm/status")["report"] is True


def test_the_run_time_of_a_run_that_was_edited_ends_it(folder: Folder) -> None:
    process, ui = open_ui(folder)
    assert ui.post("/swarm", **LOAD, run_time="3")["success"] is True
    wait_for_run(folder, ui, 1)
    assert ui.post("/swarm", user_count="5", spawn_rate="20")["success"] is True
    judged(folder, process, 1)


def test_a_second_start_while_one_is_prepared_is_refused(folder: Folder) -> None:
    _, ui = open_ui(folder)
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(lambda: ui.post("/swarm", **LOAD, target="fast:gated"))
        wait_until(lambda: "baseline before the load" in ui.get("/routeswarm/status")["text"], "the baseline")
        refused = ui.post("/swarm", **LOAD)
        assert (refused["success"], len(folder.runs)) == (False, 1)
        assert ui.post("/stop")["success"] is True
        (folder.path / "open").touch()
        assert starting.result()["success"] is False
