"""A master that is slow, or gone, or was cut off for a moment: nothing that was measured is lost, or there twice."""

from __future__ import annotations

import contextlib
import csv
import os
import signal
import socket
import threading
from collections.abc import Iterator

import psutil
import pytest
from kept_run import KeptRun
from locust_process import LocustProcess, free_port, wait_until
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

LOAD = ("-u", 12, "-r", 12, "--baseline-size", 10)

SLOW_DISK = """
import time
from pathlib import Path

from gevent import monkey

import harness.swarm.wire.outbox
import harness.record.history
import harness.swarm.roles.run_owner
from harness.swarm import CriticalUser, HighUser, LowUser, NormalUser
from locust import between

CriticalUser.wait_time = HighUser.wait_time = LowUser.wait_time = NormalUser.wait_time = between(0, 0.05)
harness.swarm.wire.outbox.Outbox.__init__.__defaults__ = (20_000,)
harness.swarm.roles.run_owner.PROGRESS_INTERVAL_S = 1.5
write = harness.record.history.PartWriter.write
sleep = monkey.get_original("time", "sleep")  # in the native thread that writes

def slowly(self, *part):
    while Path("slow").exists():
        sleep(0.02)
    return write(self, *part)

harness.record.history.PartWriter.write = slowly
"""


def stop_and_read(folder: Folder, process: LocustProcess) -> KeptRun:
    process.interrupt()
    process.wait()
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=50)
    return run


def operations_done(process: LocustProcess) -> list[int]:
    """Return the counts of the progress lines."""
    lines = [line for line in process.stderr if " operations · " in line]
    return [int(line.split(" operations")[0].split("· ")[-1].replace(",", "")) for line in lines]


def stands_still(done: list[int]) -> bool:
    return len(done) >= 2 and done[-1] == done[-2] > 0


def test_users_wait_for_a_disk_that_is_slow_and_nothing_is_lost(folder: Folder, spread: list[str]) -> None:
    (folder.path / "slow_disk.py").write_text(SLOW_DISK)
    process = folder.headless(*LOAD, *spread, locustfile="slow_disk.py")
    folder.wait_for_history(parts=1)
    (folder.path / "slow").touch()

    wait_until(lambda: stands_still(operations_done(process)), "users that wait", lambda: process.last_words)
    (folder.path / "slow").unlink()
    running = len(operations_done(process))
    wait_until(lambda: len(operations_done(process)) > running + 1, "a further line of progress")
    assert operations_done(process)[-1] > operations_done(process)[running - 1]
    run = stop_and_read(folder, process)
    held_s = [worker["held_back_s"] for worker in run.manifest["workers"]]
    assert min(held_s) > 1, "between two lines of progress"
    assert max(row["end_ns"] - row["intended_ns"] for row in run.operations) < 1e9, "no operation waited, its user did"


def test_a_run_whose_disk_is_still_slow_at_its_end_is_complete(folder: Folder) -> None:
    (folder.path / "slow_disk.py").write_text(SLOW_DISK)
    process = folder.headless(*LOAD, "--processes", 2, *ports(), locustfile="slow_disk.py")
    folder.wait_for_history(parts=1)
    folder.wait_for_workers(2)
    (folder.path / "slow").touch()
    process.interrupt()
    process.wait_for("judging the run")
    (folder.path / "slow").unlink()
    process.wait()
    folder.run.assert_complete()
    folder.run.assert_conserved(least=10)


@pytest.fixture
def orphans() -> Iterator[list[psutil.Process]]:
    """Workers that outlive their master; killed at the end of the test."""
    workers: list[psutil.Process] = []
    yield workers
    for worker in workers:
        if worker.is_running():
            worker.kill()


def test_when_the_master_dies_what_workers_held_is_on_disk_on_their_side(
    folder: Folder, orphans: list[psutil.Process]
) -> None:
    (folder.path / "slow_disk.py").write_text(SLOW_DISK)
    process = folder.headless(*LOAD, "--processes", 2, *ports(), locustfile="slow_disk.py")
    folder.wait_for_history(parts=4)
    folder.wait_for_workers(2)
    orphans += psutil.Process(process.process.pid).children()
    assert len(orphans) == 2
    (folder.path / "slow").touch()
    master = psutil.Process(process.process.pid)
    before = master.cpu_times().user
    wait_until(lambda: master.cpu_times().user > before + 0.05, "reports that are not confirmed")
    os.kill(process.process.pid, signal.SIGKILL)
    (folder.path / "slow").unlink()
    _, alive = psutil.wait_procs(orphans, timeout=30)
    assert alive == [], process.last_words
    masters = next(run for run in folder.runs if not is_salvaged(run))
    assert {worker["pid"] for worker in masters.manifest["workers"]} == {orphan.pid for orphan in orphans}
    assert {worker["fate"] for worker in masters.manifest["workers"]} == {"running"}
    salvaged = [run for run in folder.runs if is_salvaged(run)]
    assert {run.path.name for run in salvaged} == {f"{masters.path.name}-worker-{index}" for index in (0, 1)}
    for run in salvaged:
        assert f"results/{run.path.name}" in process.said
        assert run.manifest["of_run"] == masters.path.name
        (worker,) = run.manifest["workers"]
        ids = [row["id"] for row in run.operations]
        assert len(ids) == len(set(ids)) == sum(int(row["count"]) for row in run.series)
        assert {row["worker"] for row in run.operations} == {worker["index"]}
        have = sorted({*ids, *(row["id"] for row in masters.operations if row["worker"] == worker["index"])})
        assert [identifier & (1 << 40) - 1 for identifier in have] == list(range(len(have))), "an operation is missing"


def is_salvaged(run: KeptRun) -> bool:
    return "-worker-" in run.path.name


class Wire:
    """A TCP connection between workers and a master that can be cut, with what is in it."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self._to = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", self.port))
        self._ends: list[socket.socket] = []
        self._swallowing: frozenset[socket.socket] = frozenset()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._to)
            except OSError:  # the master does not listen yet
                near.close()
                continue
            self._ends += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if source not in self._swallowing:
                    sink.sendall(data)
        except OSError:
            return
        finally:
            for end in (source, sink):
                end.close()

    def swallow(self) -> None:
        """Take what comes and pass nothing on, as a network does that is about to break; new connections work."""
        self._swallowing = frozenset(self._ends)

    def cut(self) -> None:
        """Break all connections, the master's side first; new ones work.

        A worker that is back before its old connection is gone is ignored by the master's ROUTER socket (zmq).
        """
        ends, self._ends = self._ends, []
        for far in ends[1::2]:
            with contextlib.suppress(OSError):  # one side may have ended its connection meanwhile
                far.shutdown(socket.SHUT_WR)  # the master closes; ``_carry`` sees that, and closes the other side

    def close(self) -> None:
        """End it."""
        self._server.close()
        for end in self._ends:
            end.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire(free_port())
    yield made
    made.close()


LATE_SOON = """
import harness.swarm.keeping.roll

harness.swarm.keeping.roll.LATE_AFTER_S = 2.5
from busy import *
"""


def test_what_went_down_with_a_connection_is_sent_again_and_counts_once_and_the_cut_is_a_concern(
    folder: Folder, wire: Wire
) -> None:
    (folder.path / "late_soon.py").write_text(LATE_SOON)
    master = folder.headless(
        *("--master", "--expect-workers", 1, "--master-bind-host", "127.0.0.1", "--master-bind-port", wire._to[1]),
        *LOAD,
        locustfile="late_soon.py",
    )
    worker = folder.start("--worker", "--master-host", "127.0.0.1", "--master-port", wire.port)
    folder.wait_for_history(parts=2)
    wire.swallow()
    first = len(folder.run.parts("operations"))
    threading.Event().wait(4.2)  # four reports go down, and so do heartbeats
    wire.cut()
    wait_until(lambda: len(folder.run.parts("operations")) > first + 4, "reports after the cut", lambda: master.said)
    run = stop_and_read(folder, master)
    assert worker.wait() == 0
    assert [row["fate"] for row in run.manifest["workers"]] == ["finished"]
    workers = next(row for row in run.verdict["validity"] if row["name"] == "workers")
    assert (workers["status"], workers["actual"]) == ("VALID", "0 lost, 1 out of reach for a while")
    assert run.verdict["verdict"] != "PASS"
    assert [run for run in folder.runs if is_salvaged(run)] == []


ON_SCHEDULE = """
from harness.swarm import ArrivalRateUser, Constant
from locust import task
from slow_disk import *
del CriticalUser, HighUser, LowUser, NormalUser

class OnSchedule(ArrivalRateUser):
    schedule = Constant(100)

    @task
    def send(self):
        self.route()
"""


def test_arrivals_that_come_due_while_users_are_held_back_are_not_delivered(folder: Folder) -> None:
    (folder.path / "slow_disk.py").write_text(SLOW_DISK)
    (folder.path / "on_schedule.py").write_text(ON_SCHEDULE)
    process = folder.headless(*LOAD, locustfile="on_schedule.py")
    folder.wait_for_history(parts=1)
    (folder.path / "slow").touch()
    wait_until(lambda: stands_still(operations_done(process)), "users that wait", lambda: process.last_words)
    (folder.path / "slow").unlink()
    running = len(operations_done(process))
    wait_until(lambda: len(operations_done(process)) > running + 1, "a further line of progress")
    run = stop_and_read(folder, process)
    assert run.manifest["workers"][0]["held_back_s"] > 1
    assert max(row["end_ns"] - row["intended_ns"] for row in run.operations) < 1e9, "held back is not response time"
    with (run.path / "arrivals.csv").open() as file:
        rows = list(csv.DictReader(file))
    lost = sum(int(row["not_delivered"]) for row in rows)
    assert lost > 50
    assert sum(int(row["due"]) for row in rows) == lost + len(run.operations)


@pytest.mark.parametrize("who", ["master", "worker"])
def test_who_stands_still_is_late_and_a_worker_is_not_for_its_master(folder: Folder, who: str) -> None:
    (folder.path / "late_soon.py").write_text(LATE_SOON)
    process = folder.headless(*LOAD, "--processes", 2, *ports(), locustfile="late_soon.py")
    folder.wait_for_history(parts=4)
    folder.wait_for_workers(2)
    worker = psutil.Process(process.process.pid).children()[0].pid
    still = process.process.pid if who == "master" else worker
    os.kill(still, signal.SIGSTOP)
    threading.Event().wait(4)
    os.kill(still, signal.SIGCONT)
    first = len(folder.run.parts("operations"))
    wait_until(lambda: len(folder.run.parts("operations")) > first + 4, "reports after it", lambda: process.last_words)
    run = stop_and_read(folder, process)
    late = {each["pid"]: each["late"] for each in run.manifest["workers"]}
    assert (late[worker] is not None, run.status("workers")) == (
        (False, "VALID") if who == "master" else (True, "INVALID")
    ), run.verdict["validity"]
    assert [late[each] for each in late if each != worker] == [None]


REPEATING = """
import itertools
from locust.rpc import zmqrpc

send, answer, answers = zmqrpc.Client.send, zmqrpc.Server.send_to_client, itertools.count(1)

def send_twice(self, msg):
    send(self, msg)
    if msg.type == "stats":
        send(self, msg)

def lose_the_first(self, msg):
    if msg.type != "routeswarm-ack" or next(answers) > 5:
        answer(self, msg)

zmqrpc.Client.send, zmqrpc.Server.send_to_client = send_twice, lose_the_first
from busy import *
"""


def test_reports_that_arrive_twice_and_answers_that_do_not_arrive_change_no_count(folder: Folder) -> None:
    (folder.path / "repeating.py").write_text(REPEATING)
    process = folder.headless(*LOAD, "--processes", 2, *ports(), locustfile="repeating.py")
    folder.wait_for_history(parts=4)
    folder.wait_for_workers(2)
    run = stop_and_read(folder, process)
    assert [worker["fate"] for worker in run.manifest["workers"]] == ["finished"] * 2
    assert [run for run in folder.runs if is_salvaged(run)] == [], "what was received was confirmed in the end"


def test_a_worker_with_other_inputs_is_named(folder: Folder) -> None:
    port = free_port()
    elsewhere = folder.path / "elsewhere"
    elsewhere.mkdir()
    other = Folder(elsewhere, folder.track)
    other.write_corpus(priority=3)
    master = folder.headless(
        *("--master", "--expect-workers", 1, "--master-bind-host", "127.0.0.1", "--master-bind-port", port), *LOAD
    )
    other.start("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    folder.wait_for_history(parts=2)
    master.interrupt()
    master.wait()
    assert any("worker 0: corpus digest " in line for line in master.own_lines), master.last_words
    (worker,) = folder.run.manifest["workers"]
    assert abs(worker["clock_offset_ms"]) <= worker["clock_within_ms"] + 1, "one host has one clock"
