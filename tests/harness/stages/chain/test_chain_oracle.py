"""Random chains against an oracle of forty lines: order, time, permits and history are the same to the microsecond."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stages.chain import FallbackChainStage
from harness.stages.retry import RetryBudget, RetryPolicy
from harness.stages.routes import Default, Route

# Microseconds. The remainders keep any two of the sums the oracle compares apart: 12 attempts and as many timeouts
# add up to less than 511, and no sum is a multiple of 1000.
TOOK = st.integers(0, 60).map(lambda ms: 1000 * ms + 1)
TIMEOUTS = st.none() | st.integers(5, 50).map(lambda ms: 1000 * ms + 37)
DEADLINES = st.none() | st.integers(10, 150).map(lambda ms: 1000 * ms + 511)
WAITS = st.integers(0, 80).map(lambda ms: 1000 * ms)
ANSWERS = st.sampled_from(["ok", "ok", "declared", "declared", "undeclared", "empty", "hang"])


class Plan(NamedTuple):
    """How one route of a random chain behaves."""

    tries: list[tuple[str, int]]  # what each try comes to, and after how long
    timeout_us: int | None
    retries: int
    wait_us: int
    permits: list[bool] | None


PLANS = st.builds(
    Plan,
    tries=st.lists(st.tuples(ANSWERS, TOOK), min_size=3, max_size=3),
    timeout_us=TIMEOUTS,
    retries=st.integers(0, 2),
    wait_us=WAITS,
    permits=st.none() | st.lists(st.booleans(), min_size=3, max_size=3),
)


def oracle(plans, deadline_us, tokens):
    """Return the history and who answers, None for the default."""
    now, history = 0, []
    for tier, plan in enumerate(plans):
        permits = iter(plan.permits or ())
        for number in range(1, plan.retries + 2):
            if deadline_us is not None and now >= deadline_us:
                history.append((tier, number, now, now, "skipped"))
                break
            if plan.permits is not None and not next(permits):
                history.append((tier, number, now, now, "rejected"))
                break
            kind, took = plan.tries[number - 1]
            limits = [now + plan.timeout_us] if plan.timeout_us is not None else []
            limits += [deadline_us] if deadline_us is not None else []
            if kind == "hang" and not limits:
                kind = "undeclared"
            over = min(limits) if limits and (kind == "hang" or now + took > min(limits)) else None
            outcome = "timeout" if over is not None else "ok" if kind == "ok" else "failed"
            end = now + took if over is None else over
            history.append((tier, number, now, end, outcome))
            now = end
            if outcome == "ok":
                return history, tier
            if outcome == "timeout" or kind != "declared" or number > plan.retries:
                break
            if deadline_us is not None and now + plan.wait_us >= deadline_us:
                break
            if tokens < 1:
                break
            tokens -= 1
            now += plan.wait_us
    return history, None


def runner_of(plan, begun):
    """Return a runner that does what the plan says, try after try."""
    unlimited = plan.timeout_us is None

    async def run(ctx):
        kind, took = plan.tries[len(begun)]
        begun.append(kind)
        if kind == "hang" and unlimited and ctx.snapshot.metadata["deadline"] is None:
            kind = "undeclared"
        await asyncio.sleep(1e9 if kind == "hang" else took / 1e6)
        if kind == "declared":
            raise ConnectionError("503")
        if kind == "undeclared":
            raise KeyError("model")
        return None if kind == "empty" else {"text": "hello"}

    return run


@settings(max_examples=300)
@given(st.lists(PLANS, min_size=1, max_size=4), DEADLINES, st.integers(1, 4))
def test_any_chain_does_what_the_oracle_says(virtually, scripted_breaker, stage_context, plans, deadline_us, tokens):
    breakers = [None if plan.permits is None else scripted_breaker(script=plan.permits) for plan in plans]
    begun = [[] for _ in plans]

    async def main():
        loop = asyncio.get_running_loop()
        routes = [
            Route(
                f"r{tier}",
                runner_of(plan, begun[tier]),
                timeout_ms=None if plan.timeout_us is None else plan.timeout_us / 1000,
                retry=RetryPolicy(ConnectionError, retries=plan.retries, wait=lambda _, us=plan.wait_us: us / 1e6),
                breaker=breakers[tier],
            )
            for tier, plan in enumerate(plans)
        ]
        stage = FallbackChainStage(
            routes,
            Default({"text": "later"}),
            deadline_ms=None if deadline_us is None else deadline_us / 1000,
            retry_budget=RetryBudget(ratio=0.0, reserve=tokens),
            clock_ns=lambda: round(loop.time() * 1e9),
        )
        output = await stage.execute(stage_context(deadline=deadline_us))
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return output.data, loop.time()

    data, ended_s = virtually(main())
    expected, served = oracle(plans, deadline_us, tokens)
    *tried, last = data["attempts"] if served is None else [*data["attempts"], None]

    assert [
        (a["tier"], a["attempt"], round(a["start_ns"] / 1e3), round(a["end_ns"] / 1e3), a["outcome"]) for a in tried
    ] == expected
    assert [a["route"] for a in tried] == [f"r{a['tier']}" for a in tried]
    assert (data["tier"], data["asked_route"]) == (len(plans) if served is None else served, "r0")
    assert data["route"] == ("default" if served is None else f"r{served}")
    assert data["degraded"] is (served is None)
    if served is None:
        assert (last["route"], last["tier"], last["outcome"]) == ("default", len(plans), "ok")
    if deadline_us is not None:
        assert ended_s <= deadline_us / 1e6 + 1e-6

    tiers = [a["tier"] for a in data["attempts"]]
    assert tiers == sorted(tiers)
    ran = [a for a in tried if a["outcome"] not in ("rejected", "skipped")]
    assert len(ran) == sum(map(len, begun))
    assert len(ran) <= sum(1 + plan.retries for plan in plans)
    for tier, breaker in enumerate(breakers):
        if breaker is not None:
            told = [text.split(":")[0] for text in breaker.told]
            words = {"ok": "succeeded", "failed": "failed", "timeout": "failed"}
            assert told == [words[a["outcome"]] for a in ran if a["tier"] == tier]
    for a in data["attempts"]:
        assert (a["reason"] is None) == (a["outcome"] == "ok")


@settings(max_examples=150)
@given(st.lists(PLANS, min_size=1, max_size=3), DEADLINES, st.integers(0, 100_000))
def test_a_cancelled_operation_leaves_nothing_running_and_every_permit_told(
    virtually, scripted_breaker, stage_context, plans, deadline_us, after_us
):
    breakers = [scripted_breaker(script=plan.permits or []) for plan in plans]

    async def main():
        routes = [
            Route(
                f"r{tier}",
                runner_of(plan, []),
                timeout_ms=None if plan.timeout_us is None else plan.timeout_us / 1000,
                retry=RetryPolicy(ConnectionError, retries=plan.retries, wait=lambda _, us=plan.wait_us: us / 1e6),
                breaker=breakers[tier],
            )
            for tier, plan in enumerate(plans)
        ]
        stage = FallbackChainStage(
            routes, Default({"text": "later"}), deadline_ms=None if deadline_us is None else deadline_us / 1000
        )
        task = asyncio.create_task(stage.execute(stage_context(deadline=deadline_us)))
        await asyncio.sleep(after_us / 1e6)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return task.cancelled()

    cancelled = virtually(main())
    told = [text for breaker in breakers for text in breaker.told]
    assert told.count("released") <= 1
    assert cancelled or "released" not in told


@pytest.mark.parametrize("kind", ["ok", "declared", "empty", "hang"])
def test_a_hundred_equal_operations_are_decided_equally(virtually, stage_context, kind):
    def plan(kind):
        return Plan([(kind, 1001)] * 3, 20_037, 2, 1000, None)

    async def main():
        seen = set()
        for _ in range(100):
            routes = [
                Route(f"r{tier}", runner_of(plan(what), []), timeout_ms=20, retry=RetryPolicy(ConnectionError))
                for tier, what in enumerate([kind, "undeclared", "ok"])
            ]
            data = (await FallbackChainStage(routes, Default("later")).execute(stage_context(deadline=1))).data
            history = tuple((a["route"], a["attempt"], a["outcome"], a["reason"]) for a in data["attempts"])
            seen.add((data["route"], data["tier"], history))
        return seen

    assert len(virtually(main())) == 1
