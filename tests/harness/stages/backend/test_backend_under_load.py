"""Priorities, ageing, effects of load, faults and the log of simulated backends."""

from __future__ import annotations

import asyncio
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stages.backend import BackendCall, BackendFull, CallOutcome, SimulatedBackend
from harness.stages.backend.load_effects import BackendOverloaded, LoadEffects
from harness.stages.backend.service_times import Bimodal, Constant

MS = 1_000_000


def backend_of(**options) -> SimulatedBackend:
    times = {} if "median_ms" in options else {"service_times": Constant(10.0)}
    backend = SimulatedBackend("model", **{"slots": 1, "seed": 1, **times, **options})
    backend.keep_log()
    return backend


async def at(when_s: float, backend: SimulatedBackend, tag: int, priority: int = 0):
    await asyncio.sleep(when_s)
    return await backend.call("hi", priority=priority, tag=tag)


def outcomes_of(virtually, *calls):
    async def main():
        return await asyncio.gather(*calls, return_exceptions=True)

    return virtually(main())


def log_of(backend: SimulatedBackend) -> list[BackendCall]:
    calls, lost = backend.take_log()
    assert lost == 0
    return calls


def order(backend: SimulatedBackend) -> list[int]:
    """Return the tags in the order in which they were served."""
    return [call.tag for call in sorted(log_of(backend), key=lambda call: call.started_ns)]


def starts_ms(backend: SimulatedBackend) -> list[float]:
    return [round(call.started_ns / MS, 6) for call in log_of(backend)]


def test_the_most_urgent_call_is_served_first_and_within_a_priority_the_first(virtually):
    backend = backend_of()
    priorities = [5, 0, 9, 5, 9, 0]
    outcomes_of(virtually, *(at(0, backend, tag, priority) for tag, priority in enumerate(priorities)))
    assert order(backend) == [0, 2, 4, 3, 1, 5]  # the first finds the slot free


def test_with_ageing_a_call_that_has_waited_is_served_before_a_more_urgent_one_that_has_not(virtually):
    def served(ageing_s: float | None) -> list[int]:
        backend = backend_of(ageing_s=ageing_s)
        # 0 holds the slot until 10 ms; 1 has waited 9 ms then, which is worth 4.5 steps of 2 ms
        outcomes_of(virtually, at(0, backend, 0), at(0.001, backend, 1, 3), at(0.009, backend, 2, 7))
        return order(backend)

    assert served(None) == [0, 2, 1]
    assert served(0.002) == [0, 1, 2]
    assert served(0.003) == [0, 2, 1]


plans = st.lists(
    # (seconds until the next arrival, priority, seconds after arrival at which the call is cancelled, or None)
    st.tuples(st.floats(0, 0.01), st.integers(0, 9), st.none() | st.floats(0, 0.08)),
    min_size=2,
    max_size=25,
)


@settings(max_examples=150)
@given(
    plan=plans,
    slots=st.integers(1, 3),
    queue_limit=st.none() | st.integers(0, 10),
    ageing_s=st.none() | st.sampled_from([0.001, 0.005, 0.05]),
    effects=st.builds(
        LoadEffects,
        cold_after_s=st.none() | st.just(0.02),
        cold_extra_ms=st.just(5.0),
        slow_down=st.sampled_from([0.0, 0.5]),
        fail_above_queue=st.none() | st.integers(0, 6),
        fail_share=st.sampled_from([0.5, 1.0]),
    ),
    times=st.sampled_from([Constant(8.0), Bimodal(2.0, 30.0, 0.3)]),
)
def test_whatever_arrives_no_slot_is_used_twice_no_order_is_broken_and_no_call_is_lost(
    virtually, plan, slots, queue_limit, ageing_s, effects, times
):
    backend = backend_of(
        slots=slots, queue_limit=queue_limit, ageing_s=ageing_s, effects=effects, service_times=times, seed=3
    )

    async def main() -> list[object]:
        calls = []
        for tag, (gap, priority, patience) in enumerate(plan):
            await asyncio.sleep(gap)
            calls.append(asyncio.create_task(backend.call("hi", priority=priority, tag=tag)))
            if patience is not None:
                asyncio.get_running_loop().call_later(patience, calls[-1].cancel)
        return await asyncio.gather(*calls, return_exceptions=True)

    ended = virtually(main())
    log = {call.tag: call for call in log_of(backend)}
    check_conservation(backend, plan, ended, log)
    check_slots(log.values(), slots)
    check_order([call for call in log.values() if call.started_ns is not None], ageing_s)


def check_conservation(backend, plan, ended, log) -> None:
    begun = [tag for tag, outcome in enumerate(ended) if tag in log]
    unbegun = [outcome for tag, outcome in enumerate(ended) if tag not in log]
    # a task cancelled before its first step never called
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in unbegun)
    counts = (backend.served, backend.refused, backend.failed, backend.cancelled)
    assert (backend.arrived, backend.in_service, backend.queued) == (sum(counts), 0, 0)
    assert len(begun) == backend.arrived
    seen = [call.outcome for call in log.values()]
    assert counts == tuple(seen.count(outcome) for outcome in CallOutcome)
    expected = {
        CallOutcome.REFUSED: BackendFull,
        CallOutcome.FAILED: BackendOverloaded,
        CallOutcome.CANCELLED: asyncio.CancelledError,
    }
    for tag, call in log.items():
        assert (call.backend, call.priority) == ("model", plan[tag][1])
        if call.outcome is CallOutcome.SERVED:
            assert ended[tag].queued_ms == pytest.approx((call.started_ns - call.arrived_ns) / MS, abs=1e-3)
            assert ended[tag].service_ms == pytest.approx((call.ended_ns - call.started_ns) / MS, abs=1e-3)
        else:
            assert isinstance(ended[tag], expected[call.outcome])
        assert (call.error is None) == (call.outcome in (CallOutcome.SERVED, CallOutcome.CANCELLED))


def check_slots(log, slots: int) -> None:
    served = [call for call in log if call.started_ns is not None]
    changes = [(call.started_ns, 1) for call in served] + [(call.ended_ns, -1) for call in served]
    assert max(accumulate(change for _, change in sorted(changes)), default=0) <= slots


def check_order(served: list[BackendCall], ageing_s: float | None) -> None:
    """No call was dispatched while another waited that was ahead of it."""
    for ahead in served:
        for behind in served:
            waits = ahead.arrived_ns < behind.started_ns < ahead.started_ns
            if not waits:
                continue
            if ageing_s is None:
                assert ahead.priority <= behind.priority
                assert ahead.priority < behind.priority or behind.arrived_ns <= ahead.arrived_ns
            else:
                steps = (behind.arrived_ns - ahead.arrived_ns) / 1e9 / ageing_s
                assert behind.priority - ahead.priority >= steps - 1e-3
                assert steps <= 9 + 1e-3  # so no call waits for those that arrive later than that


def test_without_ageing_a_call_waits_as_long_as_more_urgent_ones_come_and_with_it_it_does_not(virtually):
    def waited_ms(ageing_s: float | None) -> float:
        backend = backend_of(ageing_s=ageing_s)
        urgent = (at(0.009 * number, backend, number, 9) for number in range(60))
        outcomes_of(virtually, *urgent, at(0.0005, backend, 99, 0))
        (call,) = (call for call in log_of(backend) if call.tag == 99)
        return (call.started_ns - call.arrived_ns) / MS

    assert waited_ms(None) > 590
    assert waited_ms(0.01) < 9 * 10 + 2 * 10


def test_a_cold_backend_takes_longer_for_its_first_calls_and_again_after_an_idle_time(virtually):
    backend = backend_of(effects=LoadEffects(cold_after_s=1.0, cold_calls=2, cold_extra_ms=100.0))

    async def main():
        times = [(await backend.call("hi")).service_ms for _ in range(3)]
        await asyncio.sleep(0.9)
        times.append((await backend.call("hi")).service_ms)
        await asyncio.sleep(1.0)
        return [*times, *[(await backend.call("hi")).service_ms for _ in range(3)]]

    assert virtually(main()) == pytest.approx([110, 110, 10, 10, 110, 110, 10])


def test_service_slows_down_with_the_slots_in_use(virtually):
    backend = backend_of(slots=4, effects=LoadEffects(slow_down=1.0))
    replies = outcomes_of(virtually, *(at(0.001 * tag, backend, tag) for tag in range(4)))
    assert [reply.service_ms for reply in replies] == pytest.approx([12.5, 15.0, 17.5, 20.0])


def test_calls_fail_when_more_wait_than_declared_with_the_declared_error(virtually):
    effects = LoadEffects(fail_above_queue=1, error=lambda message: ConnectionError(f"503: {message}"))
    backend = backend_of(effects=effects)
    ended = outcomes_of(virtually, *(at(0, backend, tag) for tag in range(5)))
    assert [type(outcome).__name__ for outcome in ended] == ["BackendReply"] * 3 + ["ConnectionError"] * 2
    assert str(ended[3]) == "503: backend 'model' failed with 2 calls waiting"
    assert backend.failed == 2


def test_a_share_of_the_calls_fails_and_the_seed_says_which(virtually):
    def failed(seed: int) -> list[int]:
        backend = backend_of(effects=LoadEffects(fail_above_queue=0, fail_share=0.3), seed=seed)
        outcomes_of(virtually, *(at(0, backend, tag) for tag in range(300)))
        return [call.tag for call in log_of(backend) if call.outcome is CallOutcome.FAILED]

    assert 60 < len(failed(1)) < 120
    assert failed(1) == failed(1) != failed(2)


def test_failures_and_priorities_leave_the_service_times_of_the_calls_as_they_are(virtually):
    async def times(backend: SimulatedBackend, priority: int = 0) -> list[float]:
        calls = [backend.call("hi", priority=priority) for _ in range(30)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        return [getattr(outcome, "service_ms", None) for outcome in ended]

    options = {"median_ms": 10.0, "sigma": 0.5}
    plain = virtually(times(backend_of(**options)))
    failing = virtually(times(backend_of(effects=LoadEffects(fail_above_queue=0, fail_share=0.5), **options), 5))
    kept = [(a, b) for a, b in zip(plain, failing, strict=True) if b is not None]
    assert 5 < len(kept) < 30
    assert all(a == pytest.approx(b) for a, b in kept)


def test_slots_removed_at_run_time_are_not_used_again_and_slots_added_are_used_at_once(virtually):
    backend = backend_of(slots=3)

    async def main():
        calls = [asyncio.create_task(at(0, backend, tag)) for tag in range(8)]
        await asyncio.sleep(0.005)
        backend.slots = 1
        assert backend.in_service == 3  # those go on
        await asyncio.sleep(0.020)  # at 10 ms the first three end, at 20 ms the fourth
        assert (backend.in_service, backend.queued) == (1, 3)
        backend.slots = 3
        assert (backend.in_service, backend.queued) == (3, 1)
        await asyncio.gather(*calls)

    virtually(main())
    assert starts_ms(backend) == [0, 0, 0, 10, 20, 25, 25, 30]


def test_a_backend_without_slots_serves_nothing_until_it_gets_one(virtually):
    backend = backend_of()

    async def main():
        backend.slots = 0
        calls = [asyncio.create_task(at(0, backend, tag)) for tag in range(2)]
        await asyncio.sleep(1.0)
        assert (backend.in_service, backend.queued) == (0, 2)
        backend.slots = 1
        await asyncio.gather(*calls)

    virtually(main())
    assert starts_ms(backend) == [1000, 1010]
    with pytest.raises(ValueError, match="slots=-1, expected 0 or more"):
        backend.slots = -1


def test_a_fault_stands_around_the_service_in_its_slot(virtually):
    async def disturb(info, serve):
        loop = asyncio.get_running_loop()
        if info.tag == 0:
            await asyncio.sleep(0.1)  # latency
            await serve()
        elif info.tag == 1:
            began = loop.time()
            await serve()
            await asyncio.sleep(2 * (loop.time() - began))  # three times as slow
        elif info.tag == 2:
            raise ConnectionError("injected")
        elif info.tag == 3:
            await loop.create_future()  # hangs
        else:
            await serve()

    backend = backend_of()
    backend.fault = disturb

    async def main():
        calls = [asyncio.create_task(at(0, backend, tag)) for tag in range(5)]
        asyncio.get_running_loop().call_later(1.0, calls[3].cancel)
        return await asyncio.gather(*calls, return_exceptions=True)

    virtually(main())
    assert [(call.tag, call.outcome, call.error, round(call.ended_ns / MS)) for call in log_of(backend)] == [
        (0, CallOutcome.SERVED, None, 110),
        (1, CallOutcome.SERVED, None, 140),
        (2, CallOutcome.FAILED, "ConnectionError: injected", 140),
        (3, CallOutcome.CANCELLED, None, 1000),
        (4, CallOutcome.SERVED, None, 1010),
    ]


def test_the_log_is_off_until_asked_for_is_handed_over_once_and_says_what_it_lost(virtually):
    backend = SimulatedBackend("model", slots=1, seed=1, service_times=Constant(1.0))
    outcomes_of(virtually, at(0, backend, 0))
    assert backend.take_log() == ([], 0)
    backend.keep_log(limit=3)
    outcomes_of(virtually, *(at(0, backend, tag) for tag in range(1, 6)))
    calls, lost = backend.take_log()
    assert ([call.tag for call in calls], lost) == ([3, 4, 5], 2)
    assert backend.take_log() == ([], 0)
    outcomes_of(virtually, at(0, backend, "last", 7))
    assert backend.take_log() == ([BackendCall("model", "last", 7, 0, 0, MS, CallOutcome.SERVED, None)], 0)


def test_many_who_give_up_leave_nothing_behind_in_the_line(virtually):
    backend = backend_of()

    async def main():
        calls = [asyncio.create_task(at(0, backend, tag, tag % 10)) for tag in range(500)]
        await asyncio.sleep(0.005)
        for call in calls[1:]:
            call.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert backend.queued == 0
        assert len(backend._line._heap) < 10
        await asyncio.gather(*calls, return_exceptions=True)

    virtually(main())
    assert (backend.served, backend.cancelled) == (1, 499)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cold_after_s": -1.0},
        {"cold_calls": 0},
        {"slow_down": -0.1},
        {"fail_above_queue": -1},
        {"fail_share": 1.1},
    ],
)
def test_impossible_effects_are_refused(wrong):
    with pytest.raises(ValueError, match="load effects: expected"):
        LoadEffects(**wrong)


@pytest.mark.parametrize("times", [{}, {"median_ms": 10.0, "service_times": Constant(10.0)}])
def test_a_backend_needs_service_times_once(times):
    with pytest.raises(ValueError, match="expected either median_ms or service_times"):
        SimulatedBackend("model", slots=1, seed=1, **times)


def test_ageing_takes_time():
    with pytest.raises(ValueError, match="ageing_s=0"):
        backend_of(median_ms=10.0, ageing_s=0)
