"""Whatever a target does, the run completes, nothing crashes, and every operation has its one outcome."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from kept_run import KeptRun, Row
from user_folder import Folder

pytestmark = pytest.mark.slow

CRASH = re.compile(r"<Greenlet .* failed with|could not be drawn|checker crashed|Uncaught exception in event handler")
"""What a crash of the harness looks like; tracebacks of the target are its own log's."""

FAILED, CANCELLED = ("failed", None), ("cancelled", None)
NO_ROUTE, MALFORMED, OVERSIZED, USABLE = ("ok", "no_route"), ("ok", "malformed"), ("ok", "oversized"), ("ok", None)

# what the target does: the outcome and flag each of its operations must have, on a graph of its own
BY_ITSELF = {
    "raises": FAILED,
    "raises_mute": FAILED,
    "raises_long": FAILED,
    "raises_stop_iteration": FAILED,
    "raises_mute_base": FAILED,
    "raises_cancelled": CANCELLED,
    "raises_system_exit": FAILED,
    "raises_interrupt": FAILED,
    "raises_base": FAILED,
    "raises_greenlet_exit": FAILED,
    "raises_generator_exit": FAILED,
    "raises_gevent_timeout": FAILED,
    "closes_loop": FAILED,
    "stops_loop": FAILED,
    "returns_none": NO_ROUTE,
    "returns_nothing": NO_ROUTE,
    "returns_text": FAILED,
    "returns_fail": FAILED,
    "returns_skip": NO_ROUTE,
    "returns_cancel": CANCELLED,
    "million": OVERSIZED,
    "unknown_route": USABLE,
    "empty_route": NO_ROUTE,
    "number_route": MALFORMED,
    "list_route": MALFORMED,
    "odd_text": USABLE,
    "odd_numbers": MALFORMED,
    "negative_numbers": MALFORMED,
    "odd_types": MALFORMED,
    "invents": USABLE,
    "litters": USABLE,
}

# on every call, on the shared graph, whose breaker turns some failures into an ok without a route
ON_EVERY_CALL = {
    "raises": {FAILED, NO_ROUTE},
    "raises_cancelled": {CANCELLED},
    "raises_system_exit": {FAILED, NO_ROUTE},
    "raises_greenlet_exit": {FAILED, NO_ROUTE},
    "raises_generator_exit": {FAILED, NO_ROUTE},
    "closes_loop": {FAILED, NO_ROUTE},
    "returns_none": {NO_ROUTE},
    "million": {OVERSIZED},
}


def drive(folder: Folder, attribute: str, *arguments: object, users: int = 10) -> KeptRun:
    """Run users for 2 s on a hostile target and return the run, complete and conserved."""
    shutil.copy(Path(__file__).with_name("hostile.py"), folder.path)
    process = folder.headless("-u", users, "-r", users, "-t", "2s", *arguments, target=f"hostile:{attribute}")
    code = process.wait()
    assert not CRASH.search(process.said), process.last_words
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=users)
    assert code == run.verdict["exit_code"]
    assert run.status("workers") == "VALID"
    started = Counter((row["worker"], row["user"]) for row in run.operations)
    assert len(started) == users
    assert min(started.values()) > 1, "a user died after its first operation"
    return run


def assert_bounded(run: KeptRun) -> None:
    """Nothing of what a target says is kept at any length."""
    assert max(len(row["error"] or "") for row in run.operations) <= 300
    assert max(len(row["route"] or "") for row in run.operations) <= 100
    assert sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file()) < 5_000_000


def ended(row: Row) -> tuple[str, str | None]:
    return row["outcome"], row["flag"]


def test_each_operation_of_a_mixed_run_ends_as_its_own_target_made_it(folder: Folder, spread: list[str]) -> None:
    """One graph per request, so that no operation's failure is another one's."""
    scenarios = ({"id": name, "text": name, "priority": 5, "expected_route": "a"} for name in BY_ITSELF)
    (folder.path / "corpus.jsonl").write_text("".join(json.dumps(scenario) + "\n" for scenario in scenarios))
    run = drive(folder, "mixed", *spread, "--graph-scope", "per-request", "--baseline-size", 40, "-t", "3s")
    assert_bounded(run)
    seen = {name: {ended(row) for row in run.operations if row["scenario"] == name} for name in BY_ITSELF}
    assert seen == {name: {how} for name, how in BY_ITSELF.items()}
    assert all(row["error"] for row in run.operations if ended(row) != USABLE)
    assert run.status("silent failure") == run.status("accuracy") == "INVALID"
    assert run.verdict["exit_code"] == 11


@pytest.mark.parametrize("attribute", ON_EVERY_CALL)
def test_a_target_without_a_usable_route_on_any_call(folder: Folder, attribute: str) -> None:
    run = drive(folder, attribute)
    assert_bounded(run)
    assert len(folder.track[0].stderr) < 120, "what a target repeats is not shown"
    seen = {ended(row) for row in run.operations}
    assert seen <= ON_EVERY_CALL[attribute]
    assert all(row["error"] for row in run.operations)
    assert run.verdict["exit_code"] in ({11} if NO_ROUTE in seen or OVERSIZED in seen else {10, 12})


def test_routes_the_corpus_does_not_know_are_wrong(folder: Folder) -> None:
    run = drive(folder, "unknown_route")
    assert run.totals["unknown_route"] == len(run.operations)
    assert {ended(row) for row in run.operations} == {USABLE}
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
    assert {ended(row) for row in run.operations} == {USABLE}
    spans = sorted((row["start_ns"], row["end_ns"]) for row in run.rows("spans"))
    assert all(later[0] >= earlier[1] for earlier, later in itertools.pairwise(spans))  # one after another
    waits = [(row["end_ns"] - row["intended_ns"]) / 1e6 for row in run.operations]
    assert max(waits) >= 250  # ten users and 30 ms each: the last of a round waits for the nine before it
    assert run.totals["p50_ms"] >= 100


def test_a_stage_that_cancels_all_tasks(folder: Folder) -> None:
    run = drive(folder, "cancels_all")
    assert set(run.outcomes()) <= {"ok", "cancelled"}
    assert run.outcomes()["cancelled"] > 0


def test_ever_new_routes_take_bounded_room(folder: Folder) -> None:
    folder.draws_reports = True
    run = drive(folder, "invents", users=30)
    routes = {row["route"] for row in run.operations}
    assert len(routes) == len(run.operations) > 300
    assert len({row["route"] for row in run.series}) <= 201
    assert len(run.locust_stats) <= 210
    assert len(run.totals["routes"]) <= 201
    assert (run.path / "verdict.json").stat().st_size < 100_000
    assert (run.path / "report.html").stat().st_size < 2_000_000
