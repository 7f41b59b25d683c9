from __future__ import annotations

import asyncio
import gc
import math
import random
import statistics
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stages.backend import BackendFull, BackendReply, SimulatedBackend

# (seconds until the next arrival, seconds after arrival at which the call is cancelled, or None)
arrivals = st.lists(st.tuples(st.floats(0, 0.02), st.none() | st.floats(0, 0.1)), min_size=1, max_size=25)


def backend_of(**options) -> SimulatedBackend:
    return SimulatedBackend("model", **{"slots": 1, "median_ms": 10.0, "sigma": 0.0, "seed": 1, **options})


def close(expected: float):
    return pytest.approx(expected, abs=1e-6)


async def settle() -> None:
    """Let every task that can run do so; no time passes."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_an_idle_backend_serves_at_once(virtually):
    backend = backend_of()
    reply = virtually(backend.call("hi"))
    assert reply == BackendReply("model", 0.0, close(10.0))
    assert (backend.in_service, backend.queued, backend.served) == (0, 0, 1)


def test_calls_beyond_the_slots_queue_in_order_of_arrival(virtually):
    backend = backend_of(slots=2)

    async def main():
        return await asyncio.gather(*(backend.call("hi") for _ in range(6)))

    assert [reply.queued_ms for reply in virtually(main())] == [close(wait) for wait in (0, 0, 10, 10, 20, 20)]


def test_counters_show_who_is_served_and_who_waits(virtually):
    backend = backend_of(slots=2)

    async def main():
        calls = [asyncio.create_task(backend.call("hi")) for _ in range(5)]
        await settle()
        now = (backend.in_service, backend.queued, backend.served)
        await asyncio.gather(*calls)
        return now

    assert virtually(main()) == (2, 3, 0)
    assert (backend.in_service, backend.queued, backend.served) == (0, 0, 5)


@settings(deadline=None, max_examples=60)
@given(slots=st.integers(1, 4), sigma=st.floats(0, 1), plan=arrivals)
def test_service_is_fifo_within_the_slots_and_nothing_is_lost_whoever_is_cancelled(virtually, slots, sigma, plan):
    backend = backend_of(slots=slots, sigma=sigma)
    changes: list[tuple[float, int]] = []  # (time, +1 or -1 in service)
    begun: list[tuple[float, int]] = []

    async def one(index: int) -> None:
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        reply = await backend.call("hi")
        started = round(arrived + reply.queued_ms / 1000, 9)
        begun.append((started, index))
        changes.extend([(started, 1), (round(loop.time(), 9), -1)])

    async def main() -> int:
        loop = asyncio.get_running_loop()
        calls = []
        for index, (gap, patience) in enumerate(plan):
            await asyncio.sleep(gap)
            calls.append(asyncio.create_task(one(index)))
            if patience is not None:
                loop.call_later(patience, calls[-1].cancel)
            await asyncio.sleep(0)
            assert backend.in_service <= slots
            assert backend.queued == 0 or backend.in_service == slots
        ended = await asyncio.gather(*calls, return_exceptions=True)
        return sum(outcome is None for outcome in ended)

    assert virtually(main()) == backend.served
    assert max(accumulate(change for _, change in sorted(changes)), default=0) <= slots
    assert (backend.in_service, backend.queued) == (0, 0)
    assert [index for _, index in sorted(begun)] == sorted(index for _, index in begun)


def test_a_cancelled_waiter_leaves_the_queue_at_once(virtually):
    backend = backend_of()

    async def main():
        first, second, third = (asyncio.create_task(backend.call("hi")) for _ in range(3))
        await settle()
        second.cancel()
        await settle()
        assert backend.queued == 1
        return (await first, await third)

    assert [reply.queued_ms for reply in virtually(main())] == [close(0), close(10)]


def test_a_cancelled_holder_hands_its_slot_on_at_once(virtually):
    backend = backend_of()

    async def main():
        first, second = (asyncio.create_task(backend.call("hi")) for _ in range(2))
        await asyncio.sleep(0.004)
        first.cancel()
        return await second

    assert virtually(main()).queued_ms == close(4)
    assert (backend.in_service, backend.queued, backend.served) == (0, 0, 1)


def test_a_slot_handed_to_a_call_that_is_cancelled_in_the_same_step_goes_to_the_next(virtually):
    backend = backend_of()

    async def main():
        first, second, third = (asyncio.create_task(backend.call("hi")) for _ in range(3))
        await settle()
        first.cancel()
        await asyncio.sleep(0)  # first has handed its slot over, second has not run yet
        assert backend.queued == 1
        second.cancel()
        return await third

    assert virtually(main()).queued_ms == close(0)
    assert (backend.in_service, backend.queued, backend.served) == (0, 0, 1)


def test_waiters_cancelled_in_the_step_of_a_release_are_passed_over(virtually):
    backend = backend_of()

    async def main():
        first, second, third = (asyncio.create_task(backend.call("hi")) for _ in range(3))
        await settle()
        first.cancel()  # runs before second: it finds second cancelled and still in the queue
        second.cancel()
        ended = await asyncio.gather(first, second, third, return_exceptions=True)
        assert [type(outcome) for outcome in ended[:2]] == [asyncio.CancelledError] * 2
        return ended[2]

    assert virtually(main()).service_ms == close(10)
    assert (backend.in_service, backend.queued) == (0, 0)


def test_a_full_queue_refuses(virtually):
    backend = backend_of(queue_limit=1)

    async def main():
        return await asyncio.gather(*(backend.call("hi") for _ in range(3)), return_exceptions=True)

    served, waited, refused = virtually(main())
    assert (served.queued_ms, waited.queued_ms) == (close(0), close(10))
    assert isinstance(refused, BackendFull)
    assert str(refused) == "backend 'model' has 1 calls waiting already"
    assert (backend.in_service, backend.queued, backend.served) == (0, 0, 2)


def test_service_times_are_log_normal_and_determined_by_seed_name_and_order(virtually):
    async def times(backend: SimulatedBackend) -> list[float]:
        return [(await backend.call("hi")).service_ms for _ in range(4_000)]

    drawn = virtually(times(backend_of(sigma=0.5)))
    assert drawn[:50] == [close(value) for value in virtually(times(backend_of(sigma=0.5)))[:50]]
    assert drawn[:50] != virtually(times(backend_of(sigma=0.5, seed=2)))[:50]
    logs = [math.log(value) for value in drawn]
    assert math.exp(statistics.fmean(logs)) == pytest.approx(10.0, rel=0.03)
    assert statistics.stdev(logs) == pytest.approx(0.5, rel=0.05)
    assert statistics.fmean(drawn) == pytest.approx(backend_of(sigma=0.5).mean_ms, rel=0.04)


def test_a_queue_of_one_server_waits_as_pollaczek_and_khinchine_say(virtually):
    backend, gaps = backend_of(sigma=0.5), random.Random(3)
    rate = 0.7 / (backend.mean_ms / 1000)

    async def main():
        calls = []
        for _ in range(20_000):
            await asyncio.sleep(gaps.expovariate(rate))
            calls.append(asyncio.create_task(backend.call("hi")))
        return await asyncio.gather(*calls)

    waits = [reply.queued_ms for reply in virtually(main())]
    squared_variation = math.exp(0.5**2) - 1
    expected = backend.mean_ms * 0.7 / (1 - 0.7) * (1 + squared_variation) / 2
    assert statistics.fmean(waits) == pytest.approx(expected, rel=0.15)


def test_one_backend_serves_one_loop_after_the_other():
    backend = backend_of(slots=1, median_ms=0.2)

    async def main():
        return await asyncio.gather(*(backend.call("hi") for _ in range(3)))

    asyncio.run(main())
    asyncio.run(main())
    assert (backend.in_service, backend.queued, backend.served) == (0, 0, 6)


def test_calls_left_behind_when_a_run_ends_do_not_block_the_next_one(virtually):
    backend = backend_of()

    async def leave():
        calls = [asyncio.create_task(backend.call("hi")) for _ in range(3)]
        await settle()
        assert not any(call.done() for call in calls)
        assert (backend.in_service, backend.queued) == (1, 2)

    virtually(leave())
    assert (backend.in_service, backend.queued) == (0, 0)
    assert virtually(backend.call("hi")).queued_ms == 0.0


def test_a_slot_is_not_handed_to_a_call_of_a_loop_that_was_closed(virtually, virtual_loop, caplog):
    backend = backend_of()
    calls = [virtual_loop.create_task(backend.call("hi")) for _ in range(3)]
    virtual_loop.run_until_complete(settle())
    virtual_loop.close()
    calls.pop(0)  # the holder of the slot goes, as it does when its task is collected
    gc.collect()
    assert "Task was destroyed but it is pending" in caplog.text
    assert (backend.in_service, backend.queued) == (0, 0)
    assert virtually(backend.call("hi")).queued_ms == 0.0


@pytest.mark.parametrize(
    "wrong", [{"slots": 0}, {"median_ms": 0.0}, {"median_ms": math.nan}, {"sigma": -0.1}, {"queue_limit": -1}]
)
def test_impossible_backends_are_refused(wrong):
    with pytest.raises(ValueError, match="expected at least 1 slot, a positive median"):
        backend_of(**wrong)
