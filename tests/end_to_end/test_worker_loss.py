"""Workers that die or join late: the run goes on, and nothing that was received is missing, or there twice."""

from __future__ import annotations

import os
import signal
from datetime import datetime

import psutil
import pytest
from kept_run import KeptRun
from locust_process import LocustProcess, free_port, wait_until
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

LOAD = ("-u", 12, "-r", 12, "--baseline-size", 10)


def counts(run: KeptRun) -> dict[str, int]:
    """Return how many operations each record of the run holds."""
    return {
        "history": len(run.operations),
        "ids": len({row["id"] for row in run.operations}),
        "series": sum(int(row["count"]) for row in run.series),
        "locust": run.locust_requests,
    }


def workers_of(process: LocustProcess) -> list[int]:
    """Return the process ids of the workers, which take a moment to start."""
    return [child.pid for child in psutil.Process(process.process.pid).children()]


def test_one_of_four_workers_is_killed(folder: Folder) -> None:
    process = folder.headless(*LOAD, "--processes", 4, *ports())
    process.wait_for("All users spawned|Spawning is complete")
    folder.wait_for_workers(4)
    victim = workers_of(process)[1]
    os.kill(victim, signal.SIGKILL)
    before = len(folder.run.parts("operations"))
    wait_until(lambda: len(folder.run.parts("operations")) > before + 6, "the others go on")
    process.interrupt()
    assert process.wait() == 12
    run = folder.run
    run.assert_complete()
    received = counts(run)
    assert len(set(received.values())) == 1, received
    assert (run.status("recording"), run.status("workers")) == ("VALID", "INVALID")
    fates = {worker["pid"]: worker["fate"] for worker in run.manifest["workers"]}
    assert sorted(fates.values()) == ["finished", "finished", "finished", "lost"]
    assert fates[victim] == "lost"
    assert_left_when_last_heard_of(run, victim)
    evidence = next(row["detail"] for row in run.verdict["validity"] if row["name"] == "workers")
    assert f"pid {victim}" in evidence


def assert_left_when_last_heard_of(run: KeptRun, pid: int) -> None:
    lost = next(worker for worker in run.manifest["workers"] if worker["pid"] == pid)
    ended = [row["end_ns"] for row in run.operations if row["worker"] == lost["index"]]
    assert ended
    assert lost["host"]
    left_s, ended_s = datetime.fromisoformat(lost["left"]).timestamp(), max(ended) / 1e9
    assert left_s == pytest.approx(ended_s, abs=2)
    assert all(datetime.fromisoformat(other["left"]).timestamp() >= left_s for other in run.manifest["workers"])


SLOW_TO_START = """
import gevent
from locust import events

@events.init.add_listener
def wait(**_):
    gevent.sleep(1)  # the master's first message to this worker is handled meanwhile

from busy import *
"""

OPEN_LOOP = """
from locust import task
from harness.swarm import ArrivalRateUser, Constant


class Caller(ArrivalRateUser):
    schedule = Constant(40)

    @task
    def anything(self):
        self.route()
"""


def test_arrivals_of_a_worker_that_is_killed_are_due_and_not_delivered(folder: Folder) -> None:
    (folder.path / "busy.py").write_text(OPEN_LOOP)
    process = folder.headless(*LOAD, "--processes", 2, *ports())
    process.wait_for("All users spawned|Spawning is complete")
    folder.wait_for_workers(2)
    victim = workers_of(process)[0]
    os.kill(victim, signal.SIGKILL)
    before = len(folder.run.parts("operations"))
    wait_until(lambda: len(folder.run.parts("operations")) > before + 3, "the other goes on")
    process.interrupt()
    assert process.wait() == 12
    run = folder.run
    lost = next(worker["index"] for worker in run.manifest["workers"] if worker["pid"] == victim)
    sent = sorted(row["intended_ns"] for row in run.operations if row["worker"] != lost)
    due, not_delivered = run.totals["arrivals_due"], run.totals["not_delivered"]
    assert 0 <= due - not_delivered - len(run.operations) <= 2  # those in flight when last heard of
    assert due == pytest.approx(2 * len(sent), abs=8)  # each had every second one; both stop within 0.2 s
    row = next(row for row in run.verdict["validity"] if row["name"] == "delivered load")
    assert row["status"] == "INVALID"
    assert "those of a lost worker after it was last heard of" in row["detail"]


def start_with_one_worker(folder: Folder, *more: str | int) -> tuple[LocustProcess, tuple[str | int, ...]]:
    """Start a run by hand; return its master, and the arguments with which further workers join."""
    port = free_port()
    master = folder.headless(
        "--master", "--expect-workers", 1, "--master-bind-host", "127.0.0.1", "--master-bind-port", port, *LOAD, *more
    )
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    folder.start(*worker)
    return master, worker


def test_a_worker_that_joins_late_takes_part_and_is_counted_from_then(folder: Folder) -> None:
    master, worker = start_with_one_worker(folder)
    folder.wait_for_history(parts=2)
    (folder.path / "slow_to_start.py").write_text(SLOW_TO_START)
    (folder.path / "criteria.txt").unlink()  # the master's alone: it judges
    folder.start(*worker, locustfile="slow_to_start.py")
    folder.wait_for_workers(2)
    master.interrupt()
    code = master.wait()
    run = folder.run
    run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    run.assert_complete()
    run.assert_conserved(least=20)
    first, second = run.manifest["workers"]
    joined = [datetime.fromisoformat(worker["joined"]).timestamp() for worker in (first, second)]
    assert joined[0] < joined[1]
    assert min(row["start_ns"] for row in run.operations if row["worker"] == 1) / 1e9 >= joined[1] - 0.1
    assert [worker["fate"] for worker in (first, second)] == ["finished", "finished"]


# A host whose clock is a second ahead.
AHEAD = """
from harness.words.clock import Epoch

true = Epoch.of_this_process
Epoch.of_this_process = classmethod(lambda cls: cls(true().offset_ns + 1_000_000_000))

from busy import *
"""


def test_a_worker_that_joins_an_open_loop_late_with_another_corpus_and_clock_is_found_out(folder: Folder) -> None:
    (folder.path / "busy.py").write_text(OPEN_LOOP)
    master, worker = start_with_one_worker(folder, "-u", 48, "-r", 48)  # a second of arrivals, should the machine stall
    folder.wait_for_history(parts=1)
    (folder.path / "ahead.py").write_text(AHEAD)
    folder.write_corpus(priority=3)
    late = folder.start(*worker, locustfile="ahead.py")
    master.wait_for("worker 1: corpus digest")
    master.wait_for("worker 1 joined after the schedule was shared out: its users get no arrivals")
    master.wait_for("All users spawned|Spawning is complete", times=2)
    folder.wait_for_history(len(folder.run.parts("operations")) + 1)
    master.interrupt()
    assert master.wait() == 12, master.last_words
    assert late.wait() == 0, late.last_words
    assert "Traceback" not in late.said
    run = folder.run
    run.assert_conserved(least=40)
    assert {row["worker"] for row in run.operations} == {0}
    assert [row["fate"] for row in run.manifest["workers"]] == ["finished", "finished"]
    rows = {row["name"]: row for row in run.verdict["validity"]}
    assert [rows[name]["status"] for name in ("agreement", "clocks", "delivered load")] == [
        "INVALID",
        "INVALID",
        "VALID",
    ]
    assert rows["agreement"]["actual"] == "1 differences"
    assert "worker 1: corpus digest" in rows["agreement"]["detail"]
    assert "worker 1 -" in rows["clocks"]["detail"]
    assert run.manifest["workers"][1]["clock_offset_ms"] == pytest.approx(-1000, abs=50)
    assert "agreement" in run.verdict["reason"]
    assert "clocks" in run.verdict["reason"]
    assert rows["delivered load"]["detail"].endswith(
        "; joined after the schedule was shared out, and got no arrivals: worker 1"
    )


BUSY_AT_FIRST = """
import gevent
from locust import events

@events.test_start.add_listener
def prepare(**_):
    gevent.sleep(5.5)  # the run goes on without this worker

from busy import *
"""


def test_a_worker_that_takes_no_part_in_the_first_seconds_began_late(folder: Folder) -> None:
    (folder.path / "busy_at_first.py").write_text(BUSY_AT_FIRST)
    master, worker = start_with_one_worker(folder, "--expect-workers", 2)
    folder.start(*worker, locustfile="busy_at_first.py")
    master.wait_for("2 workers connected")
    folder.wait_for_workers(2)
    folder.wait_for_history(len(folder.run.parts("operations")) + 2)
    master.interrupt()
    master.wait()
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=20)
    (row,) = [row for row in run.verdict["validity"] if row["name"] == "workers"]
    assert (row["status"], row["actual"]) == ("VALID", "0 lost, 1 began late"), row
    late = next(each["index"] for each in run.manifest["workers"] if each["pid"] == folder.track[-1].process.pid)
    assert row["detail"].startswith(f"began late: worker {late} took no part in the first ")
    began_s = float(row["detail"].split()[-2])
    assert 5.5 <= began_s < 15
    joined_ns = min(each["start_ns"] for each in run.operations if each["worker"] == late)
    assert joined_ns / 1e9 >= datetime.fromisoformat(run.manifest["t0"]).timestamp() + began_s - 0.2
    assert run.verdict["verdict"] != "PASS"


def test_workers_that_never_come_are_said_in_the_verdict(folder: Folder) -> None:
    given = ("--master", *ports()[:4], "--expect-workers", 2, "--expect-workers-max-wait", 1)
    process = folder.headless(*LOAD, "-t", "2s", *given)
    assert process.wait() == 12, process.last_words
    assert_absent(folder.run, "0 of 2 workers came within 1 s")
    assert "Gave up waiting" not in process.said
    assert sum(line.startswith("verdict  INCONCLUSIVE") for line in process.stdout) == 1


def test_workers_that_die_before_the_load_end_the_run_and_are_said_in_the_verdict(folder: Folder) -> None:
    process = folder.headless(*LOAD, "-t", "2s", "--processes", 2, *ports(), target="fast:gated")
    process.wait_for("reported as ready", times=2)
    killed = workers_of(process)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    process.wait_for("The last worker went missing")
    (folder.path / "open").touch()
    assert process.wait() == 12, process.last_words
    pids = ", ".join(map(str, sorted(killed)))
    ended = f"and those that this process started had ended: pid {pids}"
    assert_absent(folder.run, f"0 of 2 workers were there before the load, {ended}")
    process.assert_nothing_left()


def assert_absent(run: KeptRun, why: str) -> None:
    (row,) = [row for row in run.verdict["validity"] if row["name"] == "workers"]
    assert (row["status"], row["actual"], row["detail"]) == ("INVALID", "absent", why)
    assert run.verdict["verdict"] == "INCONCLUSIVE"
