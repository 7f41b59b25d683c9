"""The web UI over HTTP: what the start form and Stop do, and what can be downloaded."""

from __future__ import annotations

import csv
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from locust_process import free_port, wait_until
from user_folder import Folder
from web_ui import WebUi

pytestmark = pytest.mark.slow

PLAN = """
[[fault]]
name = "late"
where = { stage = "router" }
what = { kind = "latency", ms = 1 }
"""

LOAD = {"user_count": "4", "spawn_rate": "4"}


def start_web(folder: Folder, **named: str) -> WebUi:
    port = free_port()
    process = folder.start("--web-host", "127.0.0.1", "--web-port", port, **named)
    process.wait_for("Starting web interface")
    return WebUi(port)


def run_until_judged(folder: Folder, ui: WebUi, number: int, **form: str) -> None:
    answer = ui.post("/swarm", **LOAD, **form)
    assert answer["success"] is True, answer
    folder.wait_for_history(parts=1, run=number)
    assert ui.post("/stop")["success"] is True
    folder.track[0].wait_for("verdict  ", times=number)


def test_a_fault_plan_of_the_form_is_this_runs_and_a_bad_one_is_refused(folder: Folder) -> None:
    (folder.path / "plan.toml").write_text(PLAN)
    ui = start_web(folder)
    refused = ui.post("/swarm", **LOAD, fault_plan="absent.toml")
    assert refused["success"] is False
    assert "absent.toml" in refused["message"]
    assert folder.runs == []
    run_until_judged(folder, ui, 1, fault_plan="plan.toml")
    assert folder.run.manifest["options"]["fault_plan"] == "plan.toml"
    assert len(folder.run.rows("injections")) == len(folder.run.operations) > 0

    with urllib.request.urlopen(f"{ui.root}/stats/requests/csv", timeout=30) as answer:
        downloaded = list(csv.DictReader(answer.read().decode().splitlines()))
    assert [row["95%"] for row in downloaded] == [row["95%"] for row in folder.run.locust_stats]
    assert any("." in row["50%"] for row in downloaded)


def test_stop_in_the_baseline_ends_that_run_and_starts_no_user(folder: Folder) -> None:
    ui = start_web(folder)
    run_until_judged(folder, ui, 1)  # whose statistics Locust still has
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(lambda: ui.post("/swarm", **LOAD, target="fast:gated"))
        wait_until(lambda: "baseline before the load" in ui.get("/routeswarm/status")["text"], "the baseline")
        assert ui.post("/stop")["success"] is True
        folder.track[0].wait_for("verdict  ", times=2)
        assert "being prepared" in ui.post("/swarm", **LOAD)["message"]
        (folder.path / "open").touch()
        answer = starting.result()
    assert answer["success"] is False
    assert "stopped" in answer["message"]
    run = folder.runs[-1]
    assert len(folder.runs) == 2
    assert run.operations == []
    assert (run.verdict["exit_code"], run.status("recording")) == (12, "VALID")
    assert run.locust_requests == 0
    assert ui.get("/stats/requests")["user_count"] == 0
    assert "no_such_module" in ui.post("/swarm", **LOAD, target="no_such_module:x")["message"]  # the form is free again
