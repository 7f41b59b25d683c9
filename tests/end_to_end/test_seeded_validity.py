"""Real runs that should not be believed say so, and those that only look like it do not."""

from __future__ import annotations

import csv

import pytest
from kept_run import KeptRun
from user_folder import BUSY_LOCUSTFILE, Folder, ports

pytestmark = pytest.mark.slow

JUDGED = ("harness share", "event loop lag", "garbage collection")

BLOCK = """
import gc

import gevent
from gevent import monkey
from locust import events

block = monkey.get_original("time", "sleep")  # holds the thread, however busy the machine is
"""

SLOW_LISTENER = """
@events.request.add_listener
def slow(**_):
    block(0.01)
"""

HELD_HUB = """
@events.spawning_complete.add_listener
def hold(**_):
    def forever():
        while True:
            block(0.08)
            gevent.sleep(0.08)

    gevent.spawn(forever)
"""

LITTER = """
@events.spawning_complete.add_listener
def litter(**_):
    def forever():
        heap = [[number] for number in range(400_000)]
        while heap:
            gc.collect()
            gevent.sleep(0.05)

    gevent.spawn_later(0.5, forever)
"""

IDLERS = """
from harness.swarm import RouteUser
from locust import task


class Idler(RouteUser):
    fixed_count = 5

    @task
    def idle(self):
        gevent.sleep(3600)
"""


def drive(folder: Folder, harness: str, *arguments: object, target: str = "fast:pipeline") -> tuple[KeptRun, int]:
    """Run 20 users for 3 s with something added to the locustfile."""
    (folder.path / "seeded.py").write_text(BUSY_LOCUSTFILE + BLOCK + harness)
    process = folder.headless("-u", 20, "-r", 100, "-t", "3s", *arguments, target=target, locustfile="seeded.py")
    code = process.wait()
    folder.run.assert_conserved(least=20)
    return folder.run, code


def row(run: KeptRun, name: str) -> dict[str, str]:
    return next(row for row in run.verdict["validity"] if row["name"] == name)


def assert_not_believed(run: KeptRun, code: int, name: str) -> None:
    assert run.status(name) == "INVALID", run.verdict["validity"]
    assert (code, run.verdict["verdict"]) == (12, "INCONCLUSIVE")
    assert name in run.verdict["reason"]


def test_a_listener_that_holds_the_thread_between_operations_is_not_blamed_on_the_target(folder: Folder) -> None:
    run, code = drive(folder, SLOW_LISTENER, target="fast:slow")
    assert_not_believed(run, code, "harness share")
    assert "was not steps of the target" in row(run, "harness share")["detail"]


def test_a_greenlet_that_holds_the_hub_in_a_worker(folder: Folder) -> None:
    run, code = drive(folder, HELD_HUB, "--processes", 2, *ports())
    assert_not_believed(run, code, "event loop lag")


def test_a_locustfile_that_has_the_collector_run_all_the_time(folder: Folder) -> None:
    run, code = drive(folder, LITTER)
    assert_not_believed(run, code, "garbage collection")


def test_users_that_are_counted_and_send_nothing(folder: Folder) -> None:
    run, code = drive(folder, IDLERS, "-t", "7s", "--stop-timeout", 1)
    assert_not_believed(run, code, "Little's law")
    assert row(run, "Little's law")["actual"] == "15.00 of 20 users"


NATIVE = '''
from gevent import monkey

from fast import Router, pipeline_of

native_sleep = monkey.get_original("time", "sleep")


class Blocking(Router):
    """Blocks the thread under load, as a driver in C does."""

    async def execute(self, ctx):
        if ctx.snapshot.run_id.user_id.int > 1_000:
            native_sleep(0.05)
        return await super().execute(ctx)


pipeline = pipeline_of(Blocking)
'''


def test_a_target_that_blocks_the_thread_is_measured_and_believed(folder: Folder) -> None:
    (folder.path / "native.py").write_text(NATIVE)
    run, code = drive(folder, "", target="native:pipeline")
    assert {name: run.status(name) for name in JUDGED} == dict.fromkeys(JUDGED, "VALID"), run.verdict["validity"]
    assert run.totals["p50_ms"] > 200
    run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)


def test_users_and_operations_that_agree_and_a_criterion_below_the_noise_floor(folder: Folder) -> None:
    (folder.path / "criteria.txt").write_text("p95_ms < 0.001\np95_ms < 5000\n")
    run, code = drive(folder, "", "-t", "6s")
    assert {name: run.status(name) for name in JUDGED} == dict.fromkeys(JUDGED, "VALID"), run.verdict["validity"]
    little = row(run, "Little's law")
    assert (little["status"], little["actual"]) == ("VALID", "20.00 of 20 users")
    (floor,) = (worker["noise_floor"] for worker in run.manifest["workers"])
    assert 0.001 < floor["p50_ms"] <= floor["p95_ms"] <= floor["p99_ms"] <= floor["max_ms"]
    assert run.totals["noise_floor"] == floor
    assert [entry["status"] for entry in run.verdict["criteria"]] == ["UNKNOWN", "PASS"]
    assert "noise floor" in run.verdict["criteria"][0]["detail"]
    assert (code, run.verdict["verdict"]) == (12, "INCONCLUSIVE")
    assert_vitals(run)


def assert_vitals(run: KeptRun) -> None:
    with (run.path / "vitals.csv").open(encoding="utf-8", newline="") as file:
        vitals = list(csv.DictReader(file))
    assert len({(each["second"], each["worker"]) for each in vitals}) == len(vitals) >= 6
    assert [each["users"] for each in vitals].count("20") >= 4
    for each in vitals:
        parts = float(each["steps_ms"]) + float(each["idle_ms"])
        assert parts <= float(each["wall_ms"]) + 1.0
