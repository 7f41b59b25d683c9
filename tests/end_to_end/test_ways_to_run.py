"""However a run is started, the same files and the same counts come out."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
import sys

import pytest
from kept_run import KeptRun
from locust_process import LOCUSTFILE, free_port, wait_until
from user_folder import Folder, ports
from web_ui import WebUi

pytestmark = pytest.mark.slow
STARTS_AGAIN = True

LOAD = ("-u", 10, "-r", 10, "-t", "3s")


def assert_good(run: KeptRun, code: int, *, workers: int, least: int = 50) -> None:
    run.assert_complete()
    run.assert_conserved(least=least)
    run.assert_concluded("PASS", code=code)
    assert [worker["fate"] for worker in run.manifest["workers"]] == ["finished"] * workers
    assert {row["worker"] for row in run.operations} == set(range(workers))


def test_headless(folder: Folder) -> None:
    folder.draws_reports = True
    (folder.path / "analysis.py").write_text("raise RuntimeError('of the user, not of RouteSwarm')")
    process = folder.headless(*LOAD)
    code = process.wait()
    assert_good(folder.run, code, workers=1)
    assert process.said.count("verdict  PASS") == 1


def test_two_processes(folder: Folder) -> None:
    process = folder.headless("--processes", 2, *ports(), *LOAD)
    code = process.wait()
    assert_good(folder.run, code, workers=2)


def test_master_and_workers_started_by_hand(folder: Folder) -> None:
    port = free_port()
    master = folder.headless(
        "--master", "--expect-workers", 2, "--master-bind-host", "127.0.0.1", "--master-bind-port", port, *LOAD
    )
    hands = [folder.start("--worker", "--master-host", "127.0.0.1", "--master-port", port) for _ in range(2)]
    code = master.wait()
    assert_good(folder.run, code, workers=2)
    assert [hand.wait() for hand in hands] == [0, 0]


def test_workers_take_the_options_of_the_master(folder: Folder) -> None:
    port = free_port()
    master = folder.headless(
        "--master", "--expect-workers", 2, "--master-bind-host", "127.0.0.1", "--master-bind-port", port, *LOAD
    )
    worker = ["--worker", "--master-host", "127.0.0.1", "--master-port", port]
    plain = [
        folder.start(*worker, "--target", "harness.stages.reference:build", "--corpus", "", "--seed", 7)
        for _ in range(2)
    ]
    code = master.wait()
    assert_good(folder.run, code, workers=2)
    assert {row["route"] for row in folder.run.operations} == {"long", "short"}
    assert [hand.wait() for hand in plain] == [0, 0]


@pytest.mark.parametrize("workers", [1, 2], ids=["local", "processes"])
def test_web_ui_driven_over_http(folder: Folder, workers: int) -> None:
    port = free_port()
    spread = ["--processes", 2, *ports()] if workers == 2 else []
    folder.draws_reports = True
    process = folder.start("--web-host", "127.0.0.1", "--web-port", port, *spread)
    process.wait_for("Starting web interface")
    ui = WebUi(port)
    if workers == 2:
        wait_until(lambda: ui.ready_workers() == 2, "two workers")
    assert folder.runs == []  # nothing begins by itself
    for number in (1, 2):  # a second run of the same process is a run of its own
        assert ui.post("/swarm", user_count="10", spawn_rate="10")["success"] is True
        folder.wait_for_history(parts=2, run=number)
        assert ui.post("/stop")["success"] is True
        process.wait_for("verdict  ", times=number)
        run = folder.runs[-1]
        assert len(folder.runs) == number
        assert_good(run, run.verdict["exit_code"], workers=workers, least=2)
        assert (folder.results / "latest").resolve() == run.path.resolve()
    process.interrupt()
    assert process.wait() == 0


def test_the_report_has_a_command_that_does_the_run_again(folder: Folder) -> None:
    chosen = {
        "ROUTESWARM_TARGET": "fast:pipeline",
        "ROUTESWARM_CRITERIA": "criteria.txt",
        "ROUTESWARM_SEED": "5",
        "LOCUST_USERS": "3",
    }
    (folder.path / "ours.conf").write_text(f"locustfile = {LOCUSTFILE}\ncorpus = corpus.jsonl\nspawn-rate = 3\n")
    given = ("--config", "ours.conf", "--headless", "--only-summary", "--deadline-ms", 9000, "-t", "2s", "HighUser")
    folder.draws_reports = True
    code = folder.bare(*given, environment=chosen).wait()
    (first,) = folder.runs
    first.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    report = (first.path / "report.html").read_text(encoding="utf-8")
    found = re.search(r"<pre><bdi>(locust .*?)</bdi></pre>", report)
    assert found is not None

    folder.draws_reports = False
    code = folder.bare(*shlex.split(html.unescape(found[1]))[1:]).wait()
    again = next(run for run in folder.runs if run.path != first.path)
    again.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    assert again.manifest["options"] == first.manifest["options"]
    assert again.manifest["digests"] == first.manifest["digests"]
    assert {row["user_class"] for row in again.operations} == {"HighUser"}


def test_without_a_report_the_last_words_say_how_to_draw_it(folder: Folder) -> None:
    process = folder.headless(*LOAD)
    code = process.wait()
    assert_good(folder.run, code, workers=1)
    (told,) = (line.split()[1:] for line in process.stdout if line.startswith("report"))
    subprocess.run([sys.executable, *told[1:]], cwd=folder.path, check=True, timeout=60)
    folder.draws_reports = True
    folder.run.assert_complete()


def test_the_default_locustfile_and_options_from_the_environment(folder: Folder) -> None:
    chosen = {
        "ROUTESWARM_TARGET": "fast:pipeline",
        "ROUTESWARM_CORPUS": "corpus.jsonl",
        "ROUTESWARM_CRITERIA": "criteria.txt",
        "ROUTESWARM_BASELINE_SIZE": "20",
        "ROUTESWARM_RESULTS_DIR": "results",
        "ROUTESWARM_SEED": "5",
    }
    process = folder.bare("-f", LOCUSTFILE, "--headless", "-u", 10, "-r", 10, "-t", "2s", environment=chosen)
    code = process.wait()
    run = folder.run
    run.assert_conserved(least=20)
    run.assert_concluded("PASS", code=code)
    assert run.manifest["options"]["seed"] == 5
    assert run.manifest["options"]["target"] == "fast:pipeline"
