"""The shipped storm, a fifth as long, and the shipped overload: what is said of fallbacks is true, and all of it."""

from __future__ import annotations

import csv
import re
from itertools import pairwise

import pytest
from kept_run import KeptRun, Row
from locust_process import REPOSITORY, LocustProcess
from user_folder import Folder

pytestmark = pytest.mark.slow

SECONDS = 12
STORM = """
from locustfiles.fallback_storm import Climb, CriticalUser, HighUser, LowUser, NormalUser, RepeatingUser

RepeatingUser.few, RepeatingUser.weight = 2, 8  # as many repeats as in a minute
"""


def scaled(plan: str, factor: float) -> str:
    """Return the text of a fault plan with its windows as many times as long, and as far apart."""
    return re.sub(r"\b(from_s|to_s) = ([0-9.]+)", lambda found: f"{found[1]} = {float(found[2]) * factor:g}", plan)


def start(folder: Folder, locustfile: object, *arguments: str | int) -> LocustProcess:
    return folder.bare("-f", locustfile, "--headless", "--only-summary", "--results-dir", "results", *arguments)


def hypothesis(run: KeptRun, name: str) -> Row:
    return next(row for row in run.verdict["hypotheses"] if row["name"] == name)


def after_timeouts(run: KeptRun, fault: str, route: str) -> list[tuple[float, int]]:
    """Of operations a fault struck: how long each attempt of a route took to time out (ms), when the next began."""
    struck = {row["operation"] for row in run.rows("injections") if row["fault"] == fault}
    attempts = sorted(run.rows("attempts"), key=lambda row: (row["operation"], row["ordinal"]))
    return [
        ((one["end_ns"] - one["start_ns"]) / 1e6, following["start_ns"])
        for one, following in pairwise(attempts)
        if one["operation"] == following["operation"] and one["operation"] in struck
        if one["route"] == route and one["outcome"] == "timeout"
    ]


def assert_told_truly(run: KeptRun) -> None:
    """By the backends' own logs, each operation that ended ok was served by the route it tells."""
    calls = run.rows("calls")
    backends = {row["backend"] for row in calls}
    served = {(row["operation"], row["backend"]) for row in calls if row["outcome"] == "served"}
    told = [row for row in run.operations if row["outcome"] == "ok" and row["route"] in backends]
    assert len(told) >= 100
    assert [row["id"] for row in told if (row["id"], row["route"]) not in served] == []


def test_the_storm_is_weathered_and_accounted_for_to_the_operation(folder: Folder, spread: list[str]) -> None:
    plan = (REPOSITORY / "harness" / "load" / "plans" / "storm.toml").read_text()
    (folder.path / "plan.toml").write_text(scaled(plan, SECONDS / 60))
    (folder.path / "storm.py").write_text(STORM)
    small = ("--fault-plan", "plan.toml", "-t", f"{SECONDS}s", "--baseline-size", 20)
    process = start(folder, "storm.py", *small, *spread)
    process.wait()
    run = folder.run
    run.assert_conserved(least=500)
    assert_told_truly(run)
    rows = ("silent fallback", "silent failure", "fallback correctness", "fallback loop", "state preservation")
    assert {name: run.status(name) for name in (*rows, "ledger", "hang", "chain deadline", "breaker legality")} == (
        dict.fromkeys((*rows, "ledger", "hang", "chain deadline", "breaker legality"), "VALID")
    )
    with (run.path / "faults.csv").open(newline="") as file:
        windows = list(csv.DictReader(file))
    assert len(windows) == 5
    assert all(int(row["operations_hit"]) for row in windows)
    assert {row[name] for row in windows for name in ("false_fallbacks", "missed_fallbacks", "out_of_order")} == {"0"}
    hung = next(row for row in windows if row["name"] == "standard hangs")
    waits = after_timeouts(run, "standard hangs", "standard")
    assert min(timeout_ms for timeout_ms, _ in waits) >= 200  # of an attempt that may have begun before the window
    first_ns = min(next_ns for _, next_ns in waits)
    delay_ms = first_ns / 1e6 - float(hung["start_unix_s"]) * 1e3
    assert float(hung["activation_delay_ms"]) == pytest.approx(delay_ms, abs=1.0)

    ledger = run.totals["ledger"]
    terms = ("retried", "fell_back", "surfaced", "served_late")
    assert ledger["injected"] == len(run.rows("injections")) == sum(ledger[term] for term in terms)
    assert ledger["unaccounted"] == 0

    assert run.manifest["options"]["criteria_file"] == "storm"
    assert run.status("fallback_latency_x < 2") == "PASS"
    assert run.status("availability_pct >= 99.9") == "PASS"
    assert any(re.search(r"fallback_latency_x < 2 +PASS +[\d.]+ +< 2 ", line) for line in process.stdout)
    determinism = hypothesis(run, "determinism")
    assert determinism["status"] == "VALID", determinism
    assert int(re.search(r"n = ([\d,]+) repeats", determinism["detail"])[1].replace(",", "")) >= 100
    names = ("breaker transitions", "fallback activation", "state preservation", "route history")
    assert {hypothesis(run, name)["status"] for name in names} == {"VALID"}

    told = [float(found[1]) for line in process.own_lines if (found := re.match(r"routeswarm: ([\d.]+) s  ", line))]
    assert len(told) >= 12
    assert told == sorted(told)


def test_overload_alone_makes_the_stand_ins_take_over_with_nothing_injected(folder: Folder) -> None:
    start(folder, REPOSITORY / "locustfiles" / "overload.py", "-t", "5s", "--baseline-size", 20).wait()
    run = folder.run
    run.assert_conserved(least=200)
    assert_told_truly(run)
    assert run.parts("injections") == []
    assert not (run.path / "faults.csv").exists()
    fell_back = [row for row in run.operations if row["tier"]]
    assert len(fell_back) >= 20
    for name in ("silent fallback", "fallback correctness", "fallback loop", "hang", "chain deadline"):
        assert run.status(name) == "VALID"
    row = hypothesis(run, "activation under overload")
    assert row["status"] == "VALID", row
    assert re.search(r"n = [\d,]+ fallbacks with nothing injected: .*(refused|timeout) [\d,]+", row["detail"])
    assert re.search(r"the first with [\d,]+ users", row["detail"])
