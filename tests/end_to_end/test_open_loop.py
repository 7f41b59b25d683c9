"""Open-loop runs by real Locust processes: what was asked is delivered, or counted as not delivered."""

from __future__ import annotations

import csv
import re
import shutil
from collections import defaultdict
from itertools import pairwise

import pytest
from kept_run import KeptRun
from locust_process import LOCUSTFILE, REPOSITORY
from user_folder import Folder

pytestmark = pytest.mark.slow

# Four at a time, 10 ms each: 400 a second.
SERVER = """
import asyncio

from stageflow import Pipeline, StageKind
from fast import Router

places = None


class Server(Router):
    async def execute(self, ctx):
        global places
        places = places or asyncio.Semaphore(4)
        async with places:
            await asyncio.sleep(0.01)
        return await super().execute(ctx)


pipeline = Pipeline(name="server").with_stage("router", Server, StageKind.ROUTE)
"""

LOCUSTFILE_TEXT = """
from locust import task
from harness.swarm import ArrivalRateUser, Constant, Trace


class Caller(ArrivalRateUser):
    schedule = {schedule}

    @task
    def anything(self):
        self.route()
"""


def write(folder: Folder, schedule: str) -> None:
    (folder.path / "server.py").write_text(SERVER)
    (folder.path / "calls.py").write_text(LOCUSTFILE_TEXT.format(schedule=schedule))


def assert_counted(run: KeptRun) -> tuple[int, int]:
    """Every arrival was either sent, once, or counted; return how many were due and how many not delivered."""
    run.assert_conserved()
    due, not_delivered = run.totals["arrivals_due"], run.totals["not_delivered"]
    assert due - not_delivered == run.totals["arrivals"]
    with (run.path / "arrivals.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["due"]) for row in rows) == due
    assert sum(int(row["not_delivered"]) for row in rows) == not_delivered
    sent: dict[int, int] = defaultdict(int)
    for operation in run.operations:
        assert operation["start_ns"] >= operation["intended_ns"]
        sent[operation["intended_ns"] // 1_000_000_000] += 1
    assert sent == {int(row["second"]): n for row in rows if (n := int(row["due"]) - int(row["not_delivered"]))}
    return due, not_delivered


def percentile_s(operations: list[dict], percent: float) -> float:
    times = sorted(operation["end_ns"] - operation["intended_ns"] for operation in operations)
    return times[int(len(times) * percent / 100)] / 1e9


def test_a_constant_rate_at_half_the_capacity_is_delivered_within_half_a_percent(folder, spread) -> None:
    write(folder, "Constant(200)")
    process = folder.headless(
        "-u", 200, "-r", 200, "-t", "4s", *spread, target="server:pipeline", locustfile="calls.py"
    )
    code = process.wait()
    folder.run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    due, not_delivered = assert_counted(folder.run)
    assert any("too short a run" in row["detail"] for row in folder.run.verdict["criteria"])  # a warm-up was looked for
    assert due > 200  # a master may take a second of the four until all are spawned
    assert not_delivered <= 0.005 * due
    workers = len(folder.run.manifest["workers"])
    for worker in range(workers):
        intended = sorted(row["intended_ns"] for row in folder.run.operations if row["worker"] == worker)
        asked = 200 / workers * (intended[-1] - intended[0]) / 1e9 + 1
        assert len(intended) == pytest.approx(asked, rel=0.005)
        late = sorted(row["start_ns"] - row["intended_ns"] for row in folder.run.operations if row["worker"] == worker)
        assert late[len(late) // 2] < 5_000_000  # sent when it was due, not only counted as due then
        # Of two workers each has every second arrival.
        assert min(after - before for before, after in pairwise(intended)) >= 5_000_000 * workers - 1
    # Together they mesh as those of one process do: what is not delivered leaves gaps of whole steps.
    together = sorted(row["intended_ns"] for row in folder.run.operations)
    gaps = [(after - before) / 5_000_000 for before, after in pairwise(together)]
    assert min(gaps) > 0.9
    assert max(abs(gap - round(gap)) for gap in gaps) < 0.1


def test_a_rate_no_machine_can_deliver_is_counted_and_the_run_ends_in_time(folder: Folder) -> None:
    write(folder, "Constant(1_000_000)")
    process = folder.headless("-u", 20, "-r", 20, "-t", "2s", target="server:pipeline", locustfile="calls.py")
    process.wait()
    due, not_delivered = assert_counted(folder.run)
    assert due > 1_000_000
    assert 0.99 * due < not_delivered < due
    assert f"not delivered {not_delivered:,} of {due:,} due" in process.said
    seconds = {row["end_ns"] // 1_000_000_000 for row in folder.run.operations}
    assert len(seconds) <= 2 + 2  # none goes on for as long as the backlog would take


def test_a_trace_is_sent_as_recorded_and_what_lies_beyond_the_slots_is_not(folder: Folder) -> None:
    write(folder, 'Trace("trace.txt")')
    (folder.path / "trace.txt").write_text("0\n0\n0\n0.25\n# later\n1\n3e7\n")
    process = folder.headless("-u", 2, "-r", 2, "-t", "2s", target="server:pipeline", locustfile="calls.py")
    process.wait()
    assert assert_counted(folder.run) == (5, 1)
    intended = [row["intended_ns"] for row in folder.run.operations]
    assert [moment - intended[0] for moment in sorted(intended)] == [0, 0, 250_000_000, 1_000_000_000]
    assert not any("too short a run" in row["detail"] for row in folder.run.verdict["criteria"])
    assert set(folder.run.manifest["digests"]) == {"corpus", "criteria", "schedule of Caller"}


def test_a_schedule_that_never_began_is_said(folder, spread) -> None:
    write(folder, "Constant(50)")
    process = folder.headless("-u", 50, "-r", 1, "-t", "2s", *spread, target="server:pipeline", locustfile="calls.py")
    assert process.wait() == 12, process.last_words
    (row,) = (row for row in folder.run.verdict["validity"] if row["name"] == "delivered load")
    assert (row["status"], row["required"]) == ("UNKNOWN", True)
    assert row["detail"] == "the schedule never began: not all users had been started"
    assert (folder.run.totals["arrivals_due"], folder.run.totals["arrivals"]) == (0, 0)


def test_the_shipped_locustfile(folder: Folder) -> None:
    process = folder.bare(
        *("-f", LOCUSTFILE.with_name("open_loop.py"), "--headless", "--results-dir", "results", "--baseline-size", 5),
        *("-u", 200, "-r", 200, "-t", "2s", "--criteria", "criteria.txt"),
    )
    process.wait()
    due, not_delivered = assert_counted(folder.run)
    assert 100 < due < 300
    assert not_delivered <= 0.005 * due + 1  # the one that is being handed out when the run stops


# The shipped users, at a pace at which a few seconds suffice: of each user's cycles of 10 ms one meets the stall.
FASTER = """
import stalling_users
from locust import constant
from harness.swarm import Constant


class ClosedLoop(stalling_users.ClosedLoop):
    fixed_count = 4
    wait_time = constant(0.005)


class OpenLoop(stalling_users.OpenLoop):
    schedule = Constant(400)
"""


def test_closed_loops_hide_a_stall_that_arrivals_show(folder: Folder) -> None:
    for name in ("stalling.py", "stalling_users.py"):
        shutil.copy(REPOSITORY / "docs" / "examples" / name, folder.path)
    (folder.path / "faster.py").write_text(FASTER)
    process = folder.headless(
        *("-u", 304, "-r", 304, "-t", "6s"),
        target="stalling:pipeline",
        locustfile="faster.py",
        environment={"STALL_EVERY_S": "5", "STALL_S": "0.4"},
    )
    process.wait()
    by_class = defaultdict(list)
    for operation in folder.run.operations:
        by_class[operation["user_class"]].append(operation)
    # One whole stall at least is in the run: 160 arrivals of some 2,200 wait 200 ms on average, more than one in a
    # hundred over 300 ms. Of the four users each meets it once, in 4 operations of some 2,000.
    closed_s, open_s = (percentile_s(by_class[name], 99) for name in ("ClosedLoop", "OpenLoop"))
    assert open_s > 0.3
    assert open_s > 5 * closed_s


BAD = {
    'Trace("trace.txt")': r"schedule of Caller: trace\.txt:3: found 0\.5 after 2\.0, expected offsets in ascending",
    "Constant(5); wait_time = lambda self: 1": r"Caller: found a wait_time, expected none",
}


@pytest.mark.parametrize("schedule", BAD)
def test_a_schedule_that_cannot_be_used_is_said_before_any_load(folder: Folder, schedule: str) -> None:
    write(folder, schedule)
    (folder.path / "trace.txt").write_text("0\n2\n0.5\n")
    process = folder.headless("-u", 2, "-r", 2, "-t", "3s", target="server:pipeline", locustfile="calls.py")
    assert process.wait() == 2
    (line,) = process.own_lines
    assert re.search(BAD[schedule], line), line
    assert folder.runs == []
