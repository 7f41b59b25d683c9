"""Waits, the errors that are tried again, and the budget."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait_fixed

from harness.stages.chain import FallbackChainStage
from harness.stages.retry import DecorrelatedJitter, FullJitter, RetryBudget, RetryPolicy
from harness.stages.routes import Default, Route


def waits(policy, error, limit=50):
    """Return the waits after one error after the other, until there is no further try."""
    state = policy.begin()
    found = []
    while len(found) < limit and (wait_s := policy.next_wait_s(state, error)) is not None:
        found.append(wait_s)
    return found


@given(st.floats(0.1, 50), st.floats(1, 100), st.integers(0, 12), st.integers())
def test_full_jitter_lies_between_nothing_and_the_doubled_base_and_below_the_cap(base_ms, times, retries, seed):
    cap_ms = base_ms * times
    found = waits(RetryPolicy(OSError, retries=retries, wait=FullJitter(base_ms, cap_ms, seed=seed)), OSError())
    assert len(found) == retries
    for place, wait_s in enumerate(found):
        assert 0 <= wait_s * 1000 <= min(cap_ms, base_ms * 2**place) * (1 + 1e-9)


@given(st.floats(0.1, 50), st.floats(1, 100), st.integers(0, 12), st.integers())
def test_decorrelated_jitter_lies_between_the_base_and_three_times_the_wait_before(base_ms, times, retries, seed):
    cap_ms = base_ms * times
    policy = RetryPolicy(OSError, retries=retries, wait=DecorrelatedJitter(base_ms, cap_ms, seed=seed))
    before_ms = base_ms
    found = waits(policy, OSError())
    assert len(found) == retries
    for wait_s in found:
        assert base_ms * (1 - 1e-9) <= wait_s * 1000 <= min(cap_ms, 3 * before_ms) * (1 + 1e-9)
        before_ms = wait_s * 1000


def test_equal_seeds_give_equal_waits_and_others_do_not():
    for jitter in (FullJitter, DecorrelatedJitter):
        one, same, other = (waits(RetryPolicy(OSError, retries=9, wait=jitter(seed=s)), OSError()) for s in (1, 1, 2))
        assert one == same != other


def test_full_jitter_spreads_callers_that_failed_together():
    policy = RetryPolicy(OSError, wait=FullJitter(100, 100, seed=3))
    found = sorted(waits(policy, OSError())[0] for _ in range(1000))
    assert found[100] < 0.015
    assert 0.045 < found[500] < 0.055
    assert found[900] > 0.085


def test_any_wait_of_tenacity_will_do():
    assert waits(RetryPolicy(OSError, retries=3, wait=wait_fixed(0.5)), OSError()) == [0.5, 0.5, 0.5]


def test_only_declared_errors_and_what_derives_from_them_are_tried_again():
    policy = RetryPolicy(ConnectionError, TimeoutError, retries=2)
    assert len(waits(policy, ConnectionResetError())) == len(waits(policy, TimeoutError())) == 2
    assert waits(policy, OSError()) == waits(policy, KeyError()) == []


@given(st.lists(st.integers(0, 5), max_size=200), st.floats(0, 1), st.floats(1, 20))
def test_retries_never_exceed_the_reserve_and_the_share_of_the_calls(wanted, ratio, reserve):
    budget = RetryBudget(ratio, reserve)
    made = 0
    for calls, wanted_now in enumerate(wanted, start=1):
        budget.call()
        made += sum(budget.take() for _ in range(wanted_now))
        assert made <= reserve + ratio * calls + 1e-6


def test_with_everything_failing_a_fifth_of_the_calls_is_tried_again(stage_context):
    calls = []

    async def fails(ctx):
        calls.append(1)
        raise ConnectionError

    retry = RetryPolicy(ConnectionError, retries=3, wait=wait_fixed(0))
    stage = FallbackChainStage([Route("a", fails, retry=retry)], Default("later"))

    async def main():
        for _ in range(500):
            await stage.execute(stage_context())

    asyncio.run(main())
    assert 100 <= len(calls) - 500 <= 110
