"""The breaker against its reference model, and against interlock-cb, on the same traces."""

from __future__ import annotations

import asyncio
import contextvars
from random import Random

import interlock
import pytest
from breaker_model import Twin, settings_from
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from harness.stages.breaker import BreakerSettings, CircuitBreaker

TRACES = 10_000
STEPS = 60


class BreakerAgainstModel(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32))
    def make(self, seed):
        self.twin = Twin(settings_from(Random(seed)))

    @rule(quarters=st.integers(1, 16))
    def wait(self, quarters):
        self.twin.wait(quarters / 4)

    @rule(calls=st.integers(1, 5))
    def acquire(self, calls):
        for _ in range(calls):
            self.twin.acquire()

    @rule(index=st.integers(0, 20), failed=st.sampled_from([True, True, False, None]))
    def settle(self, index, failed):
        self.twin.settle(index, failed)

    @rule(for_s=st.none() | st.sampled_from([0.0, 1.0]))
    def force_open(self, for_s):
        self.twin.force_open(for_s)

    @rule()
    def reset(self):
        self.twin.reset()

    def teardown(self):
        self.twin.check_the_whole()


BreakerAgainstModel.TestCase.settings = hypothesis_settings(max_examples=200, stateful_step_count=30, deadline=None)
TestBreakerAgainstModel = pytest.mark.slow(BreakerAgainstModel.TestCase)


def drive(twin: Twin, random: Random, steps: int) -> None:
    for _ in range(steps):
        dice = random.random()
        if dice < 0.4:
            twin.acquire()
        elif dice < 0.75:
            twin.settle(random.randrange(8), random.choice([True, True, True, False, False, None]))
        elif dice < 0.97:
            twin.wait(random.randint(1, 6) / 4)
        elif dice < 0.985:
            twin.force_open(random.choice([None, 0.5, 2.0]))
        else:
            twin.reset()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_breaker_and_model_agree_in_ten_thousand_random_traces(part):
    edges = 0
    for trace in range(TRACES // 4):
        random = Random(f"{part}/{trace}")
        twin = Twin(settings_from(random))
        drive(twin, random, STEPS)
        twin.check_the_whole()
        edges += len(twin.events)
    assert edges > 3 * TRACES // 4  # the traces reach all states, over and over


class Interlock:
    """interlock's breaker behind three verbs; each call is a context of its own, so that calls may overlap."""

    def __init__(self, config: interlock.Config, clock) -> None:
        self.breaker = interlock.CircuitBreaker(name="b", config=config, clock=clock)

    def acquire(self) -> contextvars.Context | None:
        context = contextvars.copy_context()
        try:
            context.run(self.breaker.__enter__)
        except interlock.CircuitOpenError:
            return None
        return context

    def end(self, context: contextvars.Context, error: BaseException | None) -> None:
        context.run(self.breaker.__exit__, type(error) if error else None, error, None)


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


def equal_settings(random: Random) -> tuple[BreakerSettings, interlock.Config]:
    """Return the same settings for both: rates, either window, and all probes judged together."""
    size, probes = random.randint(1, 8), random.randint(1, 4)
    rate, slow_rate = random.choice([0.1, 0.3, 0.5, 0.7, 1.0]), random.choice([0.5, 1.0])
    by_calls, minimum, open_s = random.random() < 0.5, random.randint(1, size), random.choice([1.0, 3.0])
    ours = BreakerSettings(
        failure_threshold=None,
        failure_rate=rate,
        minimum_calls=minimum,
        window_calls=size if by_calls else None,
        window_s=None if by_calls else float(size),
        window_parts=size,
        open_s=open_s,
        probes=probes,
        success_threshold=None,
        slow_call_ms=1100.0,  # no call takes just that: interlock calls it slow, resilience4j and we do not
        slow_rate=slow_rate,
    )
    theirs = interlock.Config(
        failure_rate_threshold=rate,
        minimum_number_of_calls=minimum,
        slow_call_duration_threshold=1.1,
        slow_call_rate_threshold=slow_rate,
        permitted_calls_in_half_open=probes,
        max_concurrent_probes=probes,
        wait_duration_in_open=open_s,
        window_type=interlock.WindowType.COUNT_BASED if by_calls else interlock.WindowType.TIME_BASED,
        window_size=size,
    )
    return ours, theirs


@pytest.mark.slow
def test_interlock_permits_the_same_calls_and_is_in_the_same_states():
    reached: set[str] = set()
    for trace in range(1500):
        random, clock = Random(trace), Clock()
        ours, theirs = equal_settings(random)
        breaker, other = CircuitBreaker("b", settings=ours, clock=clock.monotonic), Interlock(theirs, clock)
        calls = []
        for _ in range(60):
            dice = random.random()
            if dice < 0.45:
                permit, context = breaker.try_acquire(), other.acquire()
                assert (permit is None) == (context is None), (trace, ours)
                calls += [(permit, context)] if permit is not None else []
            elif dice < 0.8 and calls:
                permit, context = calls.pop(random.randrange(len(calls)))
                end(permit, other, context, random.choice(["ok", "ok", "failed", "failed", "cancelled"]))
            else:
                clock.now += random.randint(1, 5) / 4
            assert breaker.state.value == other.breaker.state.value, (trace, ours)
            reached.add(breaker.state.value)
    assert reached == {"closed", "open", "half_open"}


def end(permit, other: Interlock, context, outcome: str) -> None:
    if outcome == "ok":
        permit.succeed()
        other.end(context, None)
    elif outcome == "failed":
        permit.fail(ConnectionError())
        other.end(context, ConnectionError())
    else:
        permit.release()
        other.end(context, asyncio.CancelledError())
