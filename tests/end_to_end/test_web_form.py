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

LOAD = {"user_count": "5", "spawn_rate": "5"}


def start_web(folder: Folder, **named: str) -> WebUi:
    port = free_port()
    process = folder.start("--web-host", "127.0.0.1", "--web-port", port, **named)
    process.wait_for("Starting web interface")
    return WebUi(port)


def downloaded(ui: WebUi, place: str) -> list[list[str]]:
    with urllib.request.urlopen(f"{ui.root}{place}", timeout=30) as answer:
        return list(csv.reader(answer.read().decode().splitlines()))


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


FORMULAS = """
from fast import Router, StageOutput, pipeline_of


class FormulaRouter(Router):
    async def execute(self, ctx):
        if "and more" in (ctx.snapshot.input_text or ""):
            raise ValueError("@SUM(A)")
        return StageOutput.ok(route="=cmd()", confidence=0.9)


pipeline = pipeline_of(FormulaRouter)
"""


RAISING = """
from busy import *
from locust import User, constant, task


class Raising(User):
    fixed_count = 1
    wait_time = constant(0.1)

    @task
    def ask(self):
        raise ValueError("=raised()")
"""


@pytest.mark.parametrize("own", [[], ["--csv", "own", "--csv-full-history"]], ids=["alone", "with --csv"])
def test_no_cell_of_what_is_downloaded_is_a_formula(folder: Folder, own: list[str]) -> None:
    (folder.path / "formulas.py").write_text(FORMULAS)
    (folder.path / "raising.py").write_text(RAISING)
    port = free_port()
    folder.draws_reports = False
    process = folder.start("--web-port", port, *own, target="formulas:pipeline", locustfile="raising.py")
    process.wait_for("Starting web interface")
    ui = WebUi(port)
    run_until_judged(folder, ui, 1)
    places = ["/stats/requests/csv", "/stats/failures/csv", "/exceptions/csv"]
    tables = {place: downloaded(ui, place) for place in [*places, *["/stats/requests_full_history/csv"] * bool(own)]}
    cells = {place: {cell for row in table[1:] for cell in row} for place, table in tables.items()}
    assert [place for place, table in tables.items() if len(table) < 2] == []
    assert "'=cmd()" in cells["/stats/requests/csv"]
    assert any("@SUM(A)" in cell for cell in cells["/stats/failures/csv"])
    assert "'=raised()" in cells["/exceptions/csv"]
    assert [cell for of_table in cells.values() for cell in of_table if cell[:1] in tuple("=+-@")] == []
    if own:
        assert "'=cmd()" in cells["/stats/requests_full_history/csv"]
        assert "=cmd()" in (folder.path / "own_stats.csv").read_text(), "the file itself holds texts as they are"
        assert len({len(row) for row in tables["/stats/requests_full_history/csv"]}) == 1


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
