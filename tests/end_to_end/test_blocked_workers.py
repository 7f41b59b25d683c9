"""Workers whose stages hold their thread: there, not late, and nothing is missing of what they did."""

from __future__ import annotations

import csv
import os
import signal

import psutil
import pytest
from kept_run import KeptRun
from locust_process import LocustProcess, free_port, wait_until
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

LOAD = ("-u", 12, "-r", 12, "--baseline-size", 4)

# As what watches the thread tells of a step that held it.
TELLING = """
import os
from pathlib import Path

from harness.swarm.loading.session import Session

begin = Session.__init__

def telling(self, *arguments, **named):
    begin(self, *arguments, **named)
    told = []

    def blocks():
        if told or not Path("held").exists():
            return []
        told.append(True)
        pid, begin_ns, end_ns = map(int, Path("held").read_text().split())
        mine = pid == os.getpid()
        return [(self.worker, begin_ns, end_ns, "router", "blocking.py:28 in execute", False, False)] if mine else []

    self.take_blocks = blocks

Session.__init__ = telling
from busy import *
"""


def wait_for_reports(folder: Folder, process: LocustProcess, parts: int = 4) -> None:
    first = len(folder.run.parts("operations"))
    wait_until(lambda: len(folder.run.parts("operations")) > first + parts, "reports", lambda: process.last_words)


def finish(folder: Folder, process: LocustProcess) -> KeptRun:
    process.interrupt()
    process.wait()
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=50)
    return run


@pytest.mark.parametrize(("how", "least_s"), [("sleep", 6), ("lock", 8)])
def test_a_worker_whose_stage_holds_the_thread_is_neither_lost_nor_late(
    folder: Folder, how: str, least_s: float
) -> None:
    (folder.path / "telling.py").write_text(TELLING)
    process = folder.headless(
        *LOAD, "--processes", 2, *ports(), target="blocking:once", locustfile="telling.py", environment={"HOLD": how}
    )
    folder.wait_for_history(parts=2)
    folder.wait_for_workers(2)
    held = folder.hold_thread(process)
    assert held.seconds >= least_s
    wait_for_reports(folder, process)
    run = finish(folder, process)
    workers = run.manifest["workers"]
    assert "setting state to missing" not in process.said
    assert [(worker["fate"], worker["late"]) for worker in workers] == [("finished", None)] * 2
    assert run.status("workers") == "VALID"
    run.assert_concluded("PASS", "PASS WITH CONCERNS")
    # Seconds in which nothing ended have no row; the first and the last may see users come and go.
    users: dict[int, int] = {int(row["second"]): int(row["users"]) for row in run.series}
    assert {users[second] for second in sorted(users)[2:-2]} == {12}, "users of a worker that stands still are there"
    (index,) = (worker["index"] for worker in workers if worker["pid"] == held.pid)
    waited = [
        row for row in run.operations if row["worker"] == index and row["start_ns"] < held.begin_ns <= row["end_ns"]
    ]
    assert max(row["end_ns"] - row["start_ns"] for row in waited) >= least_s * 1e9


def test_the_last_report_of_a_worker_whose_stage_holds_the_thread_is_waited_for(folder: Folder) -> None:
    (folder.path / "impatient.py").write_text(
        "import harness.swarm.roles.master\nharness.swarm.roles.master.FINAL_REPORT_S = 0.5\nfrom busy import *\n"
    )
    process = folder.headless(
        *LOAD,
        "--processes",
        2,
        *ports(),
        target="blocking:once",
        locustfile="impatient.py",
        environment={"HOLD": "lock"},
    )
    folder.wait_for_history(parts=2)
    folder.wait_for_workers(2)
    (folder.path / "now").touch()
    wait_until((folder.path / "then").exists, "a stage that holds the thread")
    process.terminate()  # the master alone
    process.wait()
    assert (folder.path / "held").exists()
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=50)
    assert [worker["fate"] for worker in run.manifest["workers"]] == ["finished"] * 2
    process.assert_nothing_left()


def test_a_worker_that_was_suspended_until_its_connection_broke_is_late_and_goes_on(folder: Folder) -> None:
    process = folder.headless(*LOAD, "--processes", 2, *ports())
    folder.wait_for_history(parts=2)
    folder.wait_for_workers(2)
    suspended = psutil.Process(process.process.pid).children()[0]
    suspended.suspend()
    process.wait_for("setting state to missing")
    suspended.resume()
    process.wait_for("self-healed")
    wait_for_reports(folder, process)
    run = finish(folder, process)
    fates = {worker["pid"]: (worker["fate"], worker["late"] is not None) for worker in run.manifest["workers"]}
    assert fates.pop(suspended.pid) == ("finished", True)
    assert list(fates.values()) == [("finished", False)]
    assert run.status("workers") == "INVALID"


SOON_LOST = """
import harness.swarm.loading.lost_master

harness.swarm.loading.lost_master.LOST_AFTER_S = 4.0
from busy import *
"""


def test_a_worker_whose_stages_hold_the_thread_most_of_the_time_keeps_its_master_and_notices_its_end(
    folder: Folder,
) -> None:
    (folder.path / "soon_lost.py").write_text(SOON_LOST)
    port = free_port()
    master = folder.headless(
        *("--master", "--expect-workers", 1, "--master-bind-host", "127.0.0.1", "--master-bind-port", port),
        *("-u", 2, "-r", 2, "--baseline-size", 4),
        target="blocking:often",
    )
    worker = folder.start(*("--worker", "--master-host", "127.0.0.1", "--master-port", port), locustfile="soon_lost.py")
    folder.wait_for_history(parts=4)  # it has been held for longer than it waits for a master
    assert worker.process.poll() is None
    os.kill(master.process.pid, signal.SIGKILL)
    assert worker.wait(30) == 12, worker.last_words
    assert "no sign of the master for" in worker.said


def test_arrivals_that_came_due_while_a_stage_held_the_thread_count_from_then_or_as_not_delivered(
    folder: Folder, spread: list[str]
) -> None:
    (folder.path / "calls.py").write_text(CALLS)
    process = folder.headless("-u", 40, "-r", 40, *spread, target="blocking:once", locustfile="calls.py")
    folder.wait_for_history(parts=2)
    held = folder.hold_thread(process)
    wait_for_reports(folder, process, 2)
    run = finish(folder, process)
    due, not_delivered = run.totals["arrivals_due"], run.totals["not_delivered"]
    assert due - not_delivered == len(run.operations) == run.totals["arrivals"]
    (worker,) = (worker for worker in run.manifest["workers"] if worker["pid"] == held.pid)
    slots, rate = 40 // len(run.manifest["workers"]), 100 / len(run.manifest["workers"])
    waited = [
        row
        for row in run.operations
        if row["worker"] == worker["index"] and held.begin_ns < row["intended_ns"] < held.end_ns
    ]
    assert len(waited) == pytest.approx(slots - 1, abs=3)  # each slot that was free, but the one that held the thread
    assert min(row["start_ns"] for row in waited) >= held.end_ns - 1e6
    assert min(row["intended_ns"] for row in waited) - held.begin_ns < 3e9 / rate, "the first that came due"
    assert max(row["end_ns"] - row["intended_ns"] for row in waited) >= (held.seconds - 3 / rate) * 1e9
    lost = rate * held.seconds - len(waited)
    with (run.path / "arrivals.csv").open(newline="") as file:
        seconds = {int(row["second"]): int(row["not_delivered"]) for row in csv.DictReader(file)}
    begin, end = (at_ns // 1_000_000_000 for at_ns in (held.begin_ns, held.end_ns))
    counted = sum(count for second, count in seconds.items() if begin <= second <= end)
    assert counted == pytest.approx(lost, abs=0.1 * lost)


CALLS = """
from locust import task
from harness.swarm import ArrivalRateUser, Constant


class Caller(ArrivalRateUser):
    schedule = Constant(100)

    @task
    def anything(self):
        self.route()
"""
