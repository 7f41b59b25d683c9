"""Whatever a target does, the run completes, nothing crashes, and every operation has its one outcome."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest
from kept_run import KeptRun
from user_folder import Folder

pytestmark = pytest.mark.slow

HOSTILE = '''
import asyncio
import itertools
import random
import time

import gevent
from greenlet import GreenletExit
from stageflow import Pipeline, StageKind, StageOutput

calls = itertools.count()


class Unforeseen(BaseException):
    pass


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class MuteBase(BaseException):
    def __str__(self):
        raise RuntimeError("no text")


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no text")


def hostile(action):
    class Router:
        name = "router"
        kind = StageKind.ROUTE

        async def execute(self, ctx):
            result = action()
            return await result if asyncio.iscoroutine(result) else result

    return Pipeline(name="hostile").with_stage("router", Router, StageKind.ROUTE)


def raising(make, *arguments):
    def action():
        raise make(*arguments)

    return hostile(action)


def answering(**data):
    return hostile(lambda: StageOutput.ok(**data))


raises = raising(ValueError, "boom \\ud800 \\x00\\n, twice")
raises_mute = raising(Mute)
raises_mute_base = raising(MuteBase)
raises_cancelled = raising(asyncio.CancelledError)
raises_system_exit = raising(SystemExit, 0)
raises_interrupt = raising(KeyboardInterrupt)
raises_base = raising(Unforeseen, "boom")
raises_greenlet_exit = raising(GreenletExit)
raises_generator_exit = raising(GeneratorExit)
raises_gevent_timeout = raising(gevent.Timeout, 0.1)
raises_long = raising(ValueError, "x" * 1_000_000)

returns_none = hostile(lambda: None)
returns_nothing = hostile(dict)
returns_text = hostile(lambda: "fast")
returns_fail = hostile(lambda: StageOutput.fail(error="declined"))
returns_skip = hostile(lambda: StageOutput.skip(reason="not today"))
returns_cancel = hostile(lambda: StageOutput.cancel(reason="enough"))

million = answering(route="m" * 1_000_000)
unknown_route = answering(route="nobody expects this")
empty_route = answering(route="")
number_route = answering(route=7)
list_route = answering(route=["a", "b"])
unprintable_route = answering(route=Unprintable())
odd_text = answering(route="\\ud800\\x00\\r\\n,\\"' <b>")
odd_numbers = answering(route="a", confidence=float("nan"), tier=10**6, attempts=2**70)
negative_numbers = answering(route="a", confidence=-(10.0**300), tier=-1, attempts=-5)
odd_types = answering(route="a", confidence="high", tier="one", attempts={"a": 1}, asked_route=Unprintable())


async def sleep_for_ever():
    await asyncio.sleep(3600)


async def refuse_to_end():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


async def cancel_all():
    await asyncio.sleep(random.random() / 100)
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0.01)
    return StageOutput.ok(route="a")


async def close_loop():
    asyncio.get_running_loop().close()
    return StageOutput.ok(route="a")


async def stop_loop():
    asyncio.get_running_loop().stop()
    return StageOutput.ok(route="a")


async def leave_litter():
    async def fail():
        raise ValueError("litter")

    for _ in range(3):
        asyncio.get_running_loop().create_task(fail())
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
    return StageOutput.ok(route="a")


def block():
    time.sleep(0.03)
    return StageOutput.ok(route="a")


def invent():
    return StageOutput.ok(route=f"route {next(calls)} " + "y" * 60)


never_ends = hostile(sleep_for_ever)
clings = hostile(refuse_to_end)
cancels_all = hostile(cancel_all)
closes_loop = hostile(close_loop)
stops_loop = hostile(stop_loop)
litters = hostile(leave_litter)
blocks = hostile(block)
invents = hostile(invent)
'''

CRASH = re.compile(r"<Greenlet .* failed with|could not be drawn|checker crashed|Unhandled exception")
"""What a crash of the harness looks like; tracebacks of the target are its own log's."""

FAILED, CANCELLED = {"failed"}, {"cancelled"}

# attribute: the outcomes that operations without a usable route may have had, and the flags of those that ended ok
UNUSABLE: dict[str, tuple[set[str], set[str]]] = {
    "raises": (FAILED, {"no_route"}),  # Stageflow's breaker turns every fourth into an ok without a route
    "raises_mute": (FAILED, {"no_route"}),
    "raises_mute_base": (FAILED, set()),
    "raises_cancelled": (CANCELLED, set()),
    "raises_system_exit": (FAILED, set()),
    "raises_interrupt": (FAILED, set()),
    "raises_base": (FAILED, set()),
    "raises_greenlet_exit": (FAILED, set()),
    "raises_generator_exit": (FAILED, set()),
    "raises_gevent_timeout": (FAILED | CANCELLED, set()),
    "raises_long": (FAILED, {"no_route"}),
    "returns_none": (set(), {"no_route"}),
    "returns_nothing": (set(), {"no_route"}),
    "returns_text": (FAILED, {"no_route"}),
    "returns_fail": (FAILED, {"no_route"}),
    "returns_skip": (set(), {"no_route"}),
    "returns_cancel": (CANCELLED, set()),
    "million": (set(), {"oversized"}),
    "empty_route": (set(), {"no_route"}),
    "number_route": (set(), {"malformed"}),
    "list_route": (set(), {"malformed"}),
    "unprintable_route": (FAILED, {"malformed"}),
    "closes_loop": (FAILED, {"no_route"}),
    "stops_loop": (FAILED, {"no_route"}),
}

USABLE = ["unknown_route", "odd_text", "odd_numbers", "negative_numbers", "odd_types", "litters"]


def drive(folder: Folder, attribute: str, *arguments: object, users: int = 10) -> KeptRun:
    """Run users for 1 s on a hostile target and return the run, complete and conserved."""
    (folder.path / "hostile.py").write_text(HOSTILE)
    process = folder.headless("-u", users, "-r", users, "-t", "1s", *arguments, target=f"hostile:{attribute}")
    code = process.wait()
    run = folder.run
    assert not CRASH.search(process.said), process.last_words
    run.assert_complete()
    run.assert_conserved(least=10)
    assert code == run.verdict["exit_code"]
    assert run.status("workers") == "VALID"
    started = Counter((row["worker"], row["user"]) for row in run.operations)
    assert len(started) == users
    assert min(started.values()) > 1, "a user died after its first operation"
    return run


@pytest.mark.parametrize("attribute", UNUSABLE)
def test_a_target_without_a_usable_route(folder: Folder, attribute: str) -> None:
    outcomes, flags = UNUSABLE[attribute]
    run = drive(folder, attribute)
    seen = {row["outcome"] for row in run.operations}
    assert seen - {"ok"} == outcomes or seen - {"ok"} <= outcomes
    assert {row["flag"] for row in run.operations if row["outcome"] == "ok"} <= flags
    assert all(row["error"] for row in run.operations)
    assert max(len(row["error"]) for row in run.operations) <= 300
    assert max(len(row["route"] or "") for row in run.operations) <= 100
    assert run.verdict["verdict"] != "PASS"
    assert run.verdict["exit_code"] in ({11} if "ok" in seen else {10, 11, 12})
    assert sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file()) < 2_000_000


@pytest.mark.parametrize("attribute", USABLE)
def test_a_target_with_odd_answers(folder: Folder, attribute: str) -> None:
    run = drive(folder, attribute)
    assert {row["outcome"] for row in run.operations} == {"ok"}
    assert {row["route"] for row in run.operations} - {None}
    assert run.status("accuracy") == "INVALID"
    assert run.verdict["exit_code"] == 11


@pytest.mark.parametrize("attribute", ["never_ends", "clings"])
def test_a_target_that_never_ends_times_out(folder: Folder, attribute: str) -> None:
    run = drive(folder, attribute, "--deadline-ms", 300, "--baseline-size", 2)
    assert set(run.outcomes()) <= {"timeout", "cancelled"}
    timeouts = [row for row in run.operations if row["outcome"] == "timeout"]
    assert len(timeouts) >= 10
    assert {row["error"] for row in timeouts} == {"no outcome within 300 ms"}
    assert min(row["end_ns"] - row["start_ns"] for row in timeouts) >= 290e6
    assert run.status("hang") == "INVALID"
    assert run.verdict["exit_code"] == 11


def test_a_blocking_stage_delays_the_others_and_the_delay_counts(folder: Folder) -> None:
    run = drive(folder, "blocks", "--baseline-size", 1)
    assert {row["outcome"] for row in run.operations} == {"ok"}
    spans = sorted((row["start_ns"], row["end_ns"]) for row in run.rows("spans"))
    assert all(later[0] >= earlier[1] for earlier, later in itertools.pairwise(spans))  # one after another
    waits = sorted((row["end_ns"] - row["intended_ns"]) / 1e6 for row in run.operations)
    assert waits[-1] >= 250  # ten users and 30 ms each: the last of a round waits for the nine before it
    assert run.totals["p50_ms"] >= 100


def test_a_stage_that_cancels_all_tasks(folder: Folder) -> None:
    run = drive(folder, "cancels_all")
    assert set(run.outcomes()) <= {"ok", "cancelled"}
    assert run.outcomes()["cancelled"] > 0


def test_ever_new_routes_take_bounded_room(folder: Folder) -> None:
    run = drive(folder, "invents", users=30)
    routes = {row["route"] for row in run.operations}
    assert len(routes) == len(run.operations) > 500
    assert len({row["route"] for row in run.series}) <= 201
    assert len(run.locust_stats) <= 210
    assert len(run.totals["routes"]) <= 201
    assert (run.path / "verdict.json").stat().st_size < 100_000
    assert (run.path / "report.html").stat().st_size < 2_000_000


def test_hostile_targets_in_workers(folder: Folder, spread: list[str]) -> None:
    run = drive(folder, "odd_text", *spread, "-t", "2s")
    assert {row["outcome"] for row in run.operations} == {"ok"}
