"""A target with a fallback chain, under two workers: its history is told to the attempt."""

from __future__ import annotations

import pytest
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

CHAIN = """
from stageflow import Pipeline, StageOutput

from harness.stages.chain import FallbackChainStage
from harness.stages.retry import RetryBudget, RetryPolicy
from harness.stages.routes import Default, Route


async def primary(ctx):
    if "and more" in ctx.snapshot.input_text:
        raise ConnectionError("503")
    return {"text": "primary"}


async def secondary(ctx):
    if "1" in ctx.snapshot.input_text:
        raise TimeoutError("too slow")
    return {"text": "secondary"}


def last_words(ctx):
    if "9" in ctx.snapshot.input_text:
        raise LookupError("nothing to say")
    return "later"


retry = RetryPolicy(ConnectionError, wait=lambda state: 0.0)
routes = [Route("primary", primary, timeout_ms=1000, retry=retry), Route("secondary", secondary, timeout_ms=1000)]
budget = RetryBudget(reserve=1_000_000)
chain = FallbackChainStage(routes, Default(last_words), deadline_ms=3000, retry_budget=budget)
pipeline = Pipeline(name="mine").with_stage("router", chain)
"""


def test_every_attempt_of_every_operation_is_in_the_history(folder: Folder) -> None:
    (folder.path / "chain.py").write_text(CHAIN)
    folder.write_corpus(expected_route=None)
    process = folder.headless("--processes", 2, *ports(), "-u", 4, "-r", 4, "-t", "2s", target="chain:pipeline")
    process.wait()
    run = folder.run
    run.assert_conserved(least=20)

    attempts: dict[int, list] = {}
    for row in run.rows("attempts"):
        attempts.setdefault(row["operation"], []).append(row)
    seen = set()
    for operation in run.operations:
        rows = attempts.pop(operation["id"])
        assert [row["ordinal"] for row in rows] == list(range(operation["attempts"]))
        assert rows[0]["route"] == "primary"
        times = [row[time] for row in rows for time in ("start_ns", "end_ns")]
        assert times == sorted(times)
        assert operation["start_ns"] <= times[0] <= times[-1] <= operation["end_ns"]
        served = operation["outcome"] == "ok"
        assert [row["outcome"] for row in rows] == ["failed"] * (len(rows) - served) + ["ok"] * served
        assert (rows[-1]["route"], rows[-1]["tier"]) == (operation["route"], operation["tier"]) or not served
        seen.add((operation["outcome"], operation["route"], operation["tier"], len(rows)))
    assert attempts == {}
    expected = {("ok", "primary", 0, 1), ("ok", "secondary", 1, 3), ("ok", "default", 2, 4), ("failed", None, 0, 4)}
    assert seen <= expected
    assert len(seen) >= 3
    assert run.totals["log_records"]["WARNING"] >= 1  # of the chain: they are the target's, not the harness's
