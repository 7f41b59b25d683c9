"""Runs with a fault plan: every injected fault is accounted for, and a chain that keeps silent is found out."""

from __future__ import annotations

import csv

import pytest
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

TARGETS = '''
from stageflow import Pipeline, StageKind, StageOutput

from harness.stages.backend import SimulatedBackend
from harness.stages.breaker import BreakerSettings, CircuitBreaker
from harness.stages.chain import FallbackChainStage
from harness.stages.retry import RetryBudget, RetryPolicy
from harness.stages.routes import Default, Route

gpu_a = SimulatedBackend("gpu-a", slots=40, seed=1, median_ms=4)
gpu_b = SimulatedBackend("gpu-b", slots=40, seed=1, median_ms=4)


def asks(backend):
    async def ask(ctx):
        reply = await backend.call("text", tag=ctx.snapshot.run_id.request_id)
        return {"text": reply.backend, "confidence": 0.9}

    return ask


breaker = CircuitBreaker("primary", settings=BreakerSettings(failure_threshold=3, open_s=0.3))
retry = RetryPolicy(ConnectionError, wait=lambda state: 0.0)
routes = [
    Route("primary", asks(gpu_a), timeout_ms=200, retry=retry, breaker=breaker),
    Route("secondary", asks(gpu_b), timeout_ms=200),
]
budget = RetryBudget(reserve=1_000_000)
chain = FallbackChainStage(routes, Default("later"), deadline_ms=900, protected=["priority"], retry_budget=budget)
pipeline = Pipeline(name="mine").with_stage("router", chain)


class Silent:
    """Falls back to another backend, or to nothing, and never says so."""

    name = "router"
    kind = StageKind.ROUTE

    async def execute(self, ctx):
        tag = ctx.snapshot.run_id.request_id
        try:
            await gpu_a.call("text", tag=tag)
        except ConnectionError:
            if ctx.snapshot.metadata["priority"] % 2:
                await gpu_b.call("text", tag=tag)
        return StageOutput.ok(route="primary", confidence=0.9)


silent = Pipeline(name="silent").with_stage("router", Silent, StageKind.ROUTE)
'''

PLAN = """
seed = 7

[[fault]]
name  = "primary down"
where = { route = "primary", tier = 0 }
what  = { kind = "error", type = "ConnectionError", message = "503" }
when  = { from_s = 1.5, to_s = 3.5 }
share = 0.7

[[fault]]
name  = "gpu-a slow"
where = { backend = "gpu-a" }
what  = { kind = "latency", ms = 20 }
when  = { from_s = 2.5, to_s = 4 }
"""

BACKEND_DOWN = """
[[fault]]
name  = "gpu-a down"
where = { backend = "gpu-a" }
what  = { kind = "error", type = "ConnectionError" }
when  = { from_s = 0.5, to_s = 2 }
"""


@pytest.fixture
def faulty(folder: Folder) -> Folder:
    (folder.path / "faulty.py").write_text(TARGETS)
    (folder.path / "plan.toml").write_text(PLAN)
    (folder.path / "backend_down.toml").write_text(BACKEND_DOWN)
    folder.write_corpus(expected_route=None)
    return folder


def test_a_chain_under_faults_leaves_a_balanced_ledger_and_nothing_silent_or_missed_with_two_workers(
    faulty: Folder,
) -> None:
    faulty.draws_reports = True
    plan = ("--fault-plan", "plan.toml", "--deadline-ms", 5000)
    process = faulty.headless("--processes", 2, *ports(), *plan, "-u", 6, "-r", 6, "-t", "6s", target="faulty:pipeline")
    process.wait()
    run = faulty.run
    run.assert_conserved(least=100)
    checks = ("silent fallback", "fallback correctness", "fallback loop", "state preservation", "breaker legality")
    assert {run.status(name) for name in (*checks, "ledger", "silent failure", "consistency", "hang")} == {"VALID"}

    injections = run.rows("injections")
    ledger = run.totals["ledger"]
    terms = ("retried", "fell_back", "surfaced", "served_late")
    assert ledger["injected"] == len(injections) == sum(ledger[term] for term in terms) > 0
    assert ledger["by_fault"]["primary down"]["fell_back"] > 0
    assert ledger["by_fault"]["gpu-a slow"]["served_late"] > 0

    with (run.path / "faults.csv").open(newline="") as file:
        down, slow = csv.DictReader(file)
    assert (down["name"], down["where"], slow["name"]) == ("primary down", "route primary, tier 0", "gpu-a slow")
    hit = {row["operation"] for row in injections if row["fault"] == "primary down"}
    assert int(down["operations_hit"]) == len(hit)
    assert float(down["start_unix_s"]) < float(slow["start_unix_s"]) < float(down["end_unix_s"])
    assert float(down["activation_delay_ms"]) >= 0
    assert [down[name] for name in ("false_fallbacks", "missed_fallbacks", "out_of_order")] == ["0", "0", "0"]

    hypotheses = {entry["name"]: entry["status"] for entry in run.verdict["hypotheses"]}
    assert len(hypotheses) == 6
    assert run.status("chain deadline") == "VALID"
    assert {hypotheses[name] for name in ("breaker transitions", "fallback activation", "route history")} == {"VALID"}
    edges = [row for row in run.rows("edges") if row["what"] == "breaker"]
    assert run.totals["breakers"]["count"] == len(edges) == len(run.totals["breakers"]["edges"]) > 0
    report = (run.path / "report.html").read_text()
    assert 'id="hypotheses"' in report
    assert "fallback activation" in process.said


def test_a_chain_that_swallows_errors_and_says_ok_fails_the_run(faulty: Folder) -> None:
    plan = ("--fault-plan", "backend_down.toml")
    process = faulty.headless(*plan, "-u", 4, "-r", 4, "-t", "3s", target="faulty:silent")
    assert process.wait() == 11
    run = faulty.run
    assert {run.status(name) for name in ("silent fallback", "ledger", "silent failure")} == {"INVALID"}

    served = {row["operation"] for row in run.rows("calls") if row["backend"] == "gpu-b"}
    hit = {row["operation"] for row in run.rows("injections")}
    assert served
    assert hit - served
    ledger = run.totals["ledger"]
    assert (ledger["fell_back"], ledger["unaccounted"]) == (len(served), len(hit - served))
    with (run.path / "faults.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (int(row["operations_hit"]), row["activation_delay_ms"]) == (len(hit), "")
