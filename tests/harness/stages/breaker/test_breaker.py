from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from harness.stages.breaker import BreakerEvent, BreakerSettings, BreakerState, Cause, CircuitBreaker
from harness.stages.breaker_presets import ENVOY, LITELLM, POLLY, PORTKEY, PRESETS, RESILIENCE4J, STAGEFLOW

CLOSED, OPEN, HALF_OPEN = BreakerState
ROOT = Path(__file__).parents[4]


class Bench:
    """A breaker on a clock that is moved by hand, with its events."""

    def __init__(self, settings: BreakerSettings) -> None:
        self.now = 0.0
        self.events: list[BreakerEvent] = []
        self.breaker = CircuitBreaker("gpu-a", settings=settings, clock=lambda: self.now, on_event=self.events.append)

    def play(self, outcomes: str, took_s: float = 0.0) -> str:
        """Make one call for each letter and return the states after each: c(losed), o(pen), h(alf open).

        ``+`` a success, ``-`` a failure, ``~`` cancelled; a rejected call is an ``x`` in the answer.
        """
        return "".join(self._call(outcome, took_s) for outcome in outcomes)

    def _call(self, outcome: str, took_s: float) -> str:
        permit = self.breaker.try_acquire()
        if permit is None:
            return "x"
        self.now += took_s
        if outcome == "+":
            permit.succeed()
        elif outcome == "-":
            permit.fail(ConnectionError("503"))
        else:
            permit.release()
        return self.breaker.state.value[0]


def bench(**settings) -> Bench:
    return Bench(BreakerSettings(**settings))


def rate(**settings) -> Bench:
    return bench(**{"failure_threshold": None, "failure_rate": 0.5, "minimum_calls": 4, "window_calls": 4, **settings})


@pytest.mark.parametrize(
    ("outcomes", "states"),
    [
        ("---", "cco"),
        ("--+--", "ccccc"),
        ("--+---", "ccccco"),
        ("--~-", "ccco"),  # a cancelled call neither counts nor breaks the row
        ("---+-", "ccoxx"),
    ],
)
def test_failures_in_a_row_open_it(outcomes, states):
    assert bench(failure_threshold=3).play(outcomes) == states


@pytest.mark.parametrize(
    ("settings", "outcomes", "states"),
    [
        ({}, "---", "ccc"),  # below the minimum
        ({}, "----", "ccco"),
        ({}, "+-+-", "ccco"),  # at the rate
        ({"above_only": True}, "+-+-", "cccc"),
        ({"above_only": True}, "+-+--", "cccco"),
        ({}, "--++", "ccco"),  # a success with which the minimum is reached opens it
        ({"successes_open": False}, "--++", "cccc"),
        ({"successes_open": False}, "--++-", "cccco"),
        ({"failure_rate": 0.75}, "--++--", "cccccc"),  # the first two failures slide out
        ({"failure_rate": 0.75}, "--++---", "cccccco"),
        ({"minimum_calls": 2}, "+-", "co"),
        ({"minimum_calls": 2, "window_calls": 9}, "++++-", "ccccc"),
        ({}, "-~-~-~-", "cccccco"),  # cancelled calls are no calls
    ],
)
def test_a_failure_rate_over_the_last_calls_opens_it(settings, outcomes, states):
    assert rate(**settings).play(outcomes) == states


def test_a_failure_rate_over_the_last_seconds_forgets_a_part_at_a_time():
    of = rate(window_calls=None, window_s=4.0, window_parts=4, minimum_calls=3)
    assert of.play("-") == "c"  # in second 0
    of.now = 3.9
    assert of.play("-") == "c"
    of.now = 4.0  # second 0 is out of the window: two calls are in it
    assert of.play("-") == "c"
    of.now = 6.9
    assert of.play("-") == "o"


def test_a_window_of_one_part_tumbles():
    of = rate(window_calls=None, window_s=60.0, window_parts=1, minimum_calls=3)
    of.now = 59.0
    assert of.play("--") == "cc"
    of.now = 60.0
    assert of.play("--") == "cc"
    of.now = 119.0
    assert of.play("-") == "o"


def test_a_clock_that_runs_backwards_loses_no_call_and_opens_nothing_twice():
    of = rate(window_calls=None, window_s=4.0, window_parts=4, minimum_calls=3)
    of.now = 10.0
    assert of.play("--") == "cc"
    of.now = 2.0
    assert of.play("-") == "o"
    assert of.breaker.opens_in_s == 30.0


def test_slow_calls_are_failures_unless_they_have_a_rate_of_their_own():
    of = bench(failure_threshold=2, slow_call_ms=500.0)
    assert of.play("++", took_s=0.5) == "cc"
    assert of.play("++", took_s=0.6) == "co"
    of = rate(failure_rate=1.0, slow_rate=0.5, slow_call_ms=500.0)
    assert of.play("++", took_s=0.6) + of.play("++") == "ccco"
    assert (of.events[0].cause, of.events[0].detail) == (Cause.SLOW_RATE, "2 of 4 were slow")
    assert of.breaker.statistics()[CLOSED].slow == 2
    assert of.breaker.statistics()[CLOSED].failed == 0


def test_open_rejects_until_the_open_time_is_over_and_the_state_changes_with_a_call_only():
    of = bench(failure_threshold=1, open_s=10.0)
    of.play("-")
    of.now = 9.9
    assert of.play("+") == "x"
    assert of.breaker.opens_in_s == pytest.approx(0.1)
    of.now = 12.0
    assert (of.breaker.state, of.breaker.opens_in_s) == (OPEN, 0.0)
    assert of.play("+") == "c"
    assert [event.at_s for event in of.events] == [0.0, 12.0, 12.0]
    assert of.breaker.opens_in_s is None


@pytest.mark.parametrize(
    ("settings", "outcomes", "states"),
    [
        ({"success_threshold": 1}, "+", "c"),
        ({"success_threshold": 3}, "+++", "hhc"),
        ({"success_threshold": 3}, "++-", "hho"),
        ({"success_threshold": 3}, "+~++", "hhhc"),
        ({"success_threshold": 1}, "-", "o"),
        ({"probes": 0}, "--", "co"),  # no probes: closed at once, with nothing remembered
    ],
)
def test_probes_close_at_the_success_threshold_and_the_first_failure_reopens(settings, outcomes, states):
    of = bench(failure_threshold=2, open_s=10.0, **settings)
    of.play("--")
    of.now = 10.0
    assert of.play(outcomes) == states


@pytest.mark.parametrize(
    ("outcomes", "states"), [("+-++", "hhhc"), ("+-+-", "hhho"), ("----", "hhho"), ("+~-++", "hhhhc")]
)
def test_with_rates_all_probes_are_judged_together(outcomes, states):
    of = rate(probes=4, success_threshold=None, open_s=10.0)
    of.play("----")
    of.now = 10.0
    assert of.play(outcomes) == states


@pytest.mark.parametrize(
    ("probes", "judged_together"),
    [(1, False), (3, False), (10, False), (None, False), (1, True), (3, True), (10, True)],
)
def test_of_fifty_callers_after_the_open_time_exactly_the_permitted_number_get_through(
    virtually, probes, judged_together
):
    settings = BreakerSettings(
        failure_threshold=None, failure_rate=1.0, window_calls=1, open_s=5.0, probes=probes,
        success_threshold=None if judged_together else 50,
    )  # fmt: skip

    async def main() -> tuple[int, int, str]:
        loop = asyncio.get_running_loop()
        breaker = CircuitBreaker("b", settings=settings, clock=loop.time)
        breaker.try_acquire().fail()
        await asyncio.sleep(5.0)
        through = most = 0

        async def caller() -> None:
            nonlocal through, most
            await asyncio.sleep(0)
            permit = breaker.try_acquire()
            if permit is None:
                return
            through += 1
            most = max(most, breaker.probes_in_flight)
            await asyncio.sleep(1.0)
            permit.succeed()

        await asyncio.gather(*(caller() for _ in range(50)))
        return through, most, breaker.state.value

    permitted = 50 if probes is None else probes
    closes = judged_together or probes is None
    assert virtually(main()) == (permitted, permitted, "closed" if closes else "half_open")


def test_a_cancelled_probe_frees_its_place_and_counts_as_nothing():
    of = bench(failure_threshold=1, open_s=1.0, probes=1, success_threshold=2)
    of.play("-")
    of.now = 1.0
    first = of.breaker.try_acquire()
    assert of.play("+") == "x"
    first.release()
    assert of.play("++") == "hc"
    counts = of.breaker.statistics()[HALF_OPEN]
    assert (counts.permitted, counts.rejected, counts.succeeded, counts.failed, counts.released) == (3, 1, 2, 0, 1)


def test_a_late_outcome_is_counted_as_late_and_as_nothing_else():
    of = bench(failure_threshold=1, open_s=1.0, success_threshold=2)
    late = [of.breaker.try_acquire() for _ in range(4)]
    of.play("-")
    late[0].succeed()
    assert of.breaker.state is OPEN
    of.now = 1.0
    probe = of.breaker.try_acquire()
    late[1].succeed()
    late[2].fail(OSError())
    late[3].release()
    assert (of.breaker.state, of.breaker.probes_in_flight) == (HALF_OPEN, 1)
    probe.succeed()
    assert of.breaker.state is HALF_OPEN
    counts = of.breaker.statistics()
    assert [counts[state].late for state in (CLOSED, OPEN, HALF_OPEN)] == [0, 1, 3]


def test_an_outcome_from_before_a_reset_does_not_count_against_the_new_window():
    of = bench(failure_threshold=2)
    permits = [of.breaker.try_acquire() for _ in range(2)]
    of.breaker.reset()
    for permit in permits:
        permit.fail(OSError())
    assert of.breaker.state is CLOSED
    assert of.events == []
    assert of.breaker.statistics()[CLOSED].late == 2


@pytest.mark.parametrize("first", ["succeed", "fail", "release"])
@pytest.mark.parametrize("second", ["succeed", "fail", "release"])
def test_a_permit_is_used_once(first, second):
    permit = CircuitBreaker("gpu-a").try_acquire()
    getattr(permit, first)()
    with pytest.raises(RuntimeError, match="breaker 'gpu-a': a permit was used twice"):
        getattr(permit, second)()


def test_every_edge_has_one_event_with_its_cause_and_the_last_error():
    of = bench(failure_threshold=2, open_s=10.0)
    of.play("--")
    of.now = 10.0
    of.play("-")
    of.now = 20.0
    of.play("+")
    assert of.events == [
        ("gpu-a", 0.0, CLOSED, OPEN, Cause.FAILURES_IN_A_ROW, "2 in a row; last: ConnectionError: 503"),
        ("gpu-a", 10.0, OPEN, HALF_OPEN, Cause.OPEN_TIME_OVER, ""),
        ("gpu-a", 10.0, HALF_OPEN, OPEN, Cause.PROBE_FAILED, "1 failed; last: ConnectionError: 503"),
        ("gpu-a", 20.0, OPEN, HALF_OPEN, Cause.OPEN_TIME_OVER, ""),
        ("gpu-a", 20.0, HALF_OPEN, CLOSED, Cause.PROBES_SUCCEEDED, "1 succeeded"),
    ]
    assert not any(event.forced for event in of.events)


def test_forced_edges_are_marked_and_nothing_else_is():
    of = bench(failure_threshold=1, open_s=10.0)
    of.breaker.force_open()
    assert of.breaker.opens_in_s == math.inf
    of.now = 1e9
    assert of.play("+") == "x"
    of.breaker.reset()
    assert of.play("+") == "c"
    of.breaker.force_open(for_s=5.0)
    of.now += 5.0
    assert of.play("+") == "c"
    assert [(event.before, event.after, event.forced) for event in of.events] == [
        (CLOSED, OPEN, True),
        (OPEN, CLOSED, True),
        (CLOSED, OPEN, True),
        (OPEN, HALF_OPEN, False),
        (HALF_OPEN, CLOSED, False),
    ]


def test_forcing_an_open_breaker_open_makes_no_edge_but_holds_it():
    of = bench(failure_threshold=1, open_s=10.0)
    of.play("-")
    of.breaker.force_open()
    of.now = 100.0
    assert of.play("+") == "x"
    assert len(of.events) == 1


def test_all_listeners_are_told_in_order_and_may_force_the_breaker():
    of, told = bench(failure_threshold=1, open_s=1.0, probes=0), []
    of.breaker.listen(lambda event: told.append(event.after))
    of.breaker.listen(lambda event: of.breaker.force_open() if event.after is HALF_OPEN else None)
    of.play("-")
    of.now = 1.0
    assert of.play("+") == "x"
    assert of.breaker.state is OPEN
    assert told == [OPEN, HALF_OPEN, OPEN]


def test_time_spent_is_counted_by_state_up_to_now():
    of = bench(failure_threshold=1, open_s=10.0, success_threshold=2)
    of.now = 3.0
    of.play("-")
    of.now = 15.0
    of.play("+")
    of.now = 16.0
    spent = {state: counts.spent_s for state, counts in of.breaker.statistics().items()}
    assert spent == {CLOSED: 3.0, OPEN: 12.0, HALF_OPEN: 1.0}


def test_the_clock_of_a_breaker_without_slow_calls_and_time_window_is_read_at_edges_only():
    def clock() -> float:
        nonlocal reads
        reads += 1
        return 0.0

    reads = 0
    breaker = CircuitBreaker("b", settings=RESILIENCE4J_FAST, clock=clock)
    before = reads
    for _ in range(10):
        breaker.try_acquire().succeed()
    assert reads == before


RESILIENCE4J_FAST = BreakerSettings(failure_threshold=None, failure_rate=0.5, window_calls=100, minimum_calls=100)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"failure_rate": 0.5}, "either failure_threshold or failure_rate"),
        ({"failure_threshold": None}, "either failure_threshold or failure_rate"),
        ({"failure_threshold": 0}, "a failure_threshold of 1 or more"),
        ({"failure_threshold": None, "failure_rate": 1.5, "window_calls": 5}, "rates above 0 and at most 1"),
        ({"failure_threshold": None, "failure_rate": 0.5}, "either window_calls or window_s"),
        ({"failure_threshold": None, "failure_rate": 0.5, "window_s": math.inf}, "a positive window_s"),
        ({"window_s": 5.0}, "no window with a failure_threshold"),
        (
            {"failure_threshold": None, "failure_rate": 0.5, "window_calls": 5, "minimum_calls": 6},
            "minimum_calls of at most window_calls",
        ),
        ({"minimum_calls": 0}, "minimum_calls of 1 or more"),
        ({"window_parts": 0}, "a window of 1 or more calls or parts"),
        ({"open_s": 0.0}, "a positive open_s"),
        ({"open_s": math.nan}, "a positive open_s"),
        ({"open_max_s": 29.0}, "an open_max_s of open_s or more"),
        ({"probes": -1}, "probes of 0 or more"),
        ({"success_threshold": 0}, "a success_threshold of 1 or more"),
        ({"success_threshold": None}, "a rate and probes to judge probes by"),
        ({"slow_call_ms": 0.0}, "a positive slow_call_ms"),
        ({"slow_rate": 0.5}, "failure_rate and slow_call_ms with it"),
    ],
)
def test_impossible_settings_are_refused_with_what_was_expected(wrong, expected):
    with pytest.raises(ValueError, match=expected) as refused:
        BreakerSettings(**wrong)
    assert "\n" not in str(refused.value)


def test_a_negative_time_cannot_be_forced():
    with pytest.raises(ValueError, match="for_s=-1"):
        CircuitBreaker("b").force_open(for_s=-1.0)


def opened(preset: BreakerSettings, outcomes: str) -> list[int]:
    """Return the numbers of the calls with which a breaker opened."""
    of = Bench(preset)
    states = of.play(outcomes)
    return [number for number, state in enumerate(states, start=1) if state == "o"]


def test_resilience4j_opens_at_half_of_100_calls_and_judges_10_probes():
    assert opened(RESILIENCE4J, "-" * 99) == []
    assert opened(RESILIENCE4J, "+" * 50 + "-" * 50) == [100]
    assert opened(RESILIENCE4J, "-" * 49 + "+" * 51) == []
    of = Bench(RESILIENCE4J)
    of.play("-" * 100)
    of.now = 59.9
    assert of.play("+") == "x"
    of.now = 60.0
    assert of.play("-" * 4 + "+" * 6) == "h" * 9 + "c"


def test_polly_opens_at_a_tenth_of_100_calls_in_30_s_with_a_failure():
    assert opened(POLLY, "-" * 10 + "+" * 90) == []
    assert opened(POLLY, "-" * 10 + "+" * 90 + "-") == [101]
    assert opened(POLLY, "-" * 9 + "+" * 90 + "-") == [100]
    of = Bench(POLLY)
    of.play("-" * 99)
    of.now = 30.0
    assert of.play("-") == "c"  # the others were in the part that has gone
    of.play("-" * 99)
    of.now = 34.9
    assert of.play("+") == "x"
    of.now = 35.0
    first = of.breaker.try_acquire()
    assert of.play("+") == "x"  # one probe
    first.succeed()
    assert of.breaker.state is CLOSED


def test_envoy_ejects_for_n_times_30_s_up_to_300_s_returns_with_a_sweep_and_forgets_one_a_sweep():
    of, lasted = Bench(ENVOY), []
    for _ in range(12):
        of.play("-----")
        lasted.append(of.breaker.opens_in_s)
        of.now += of.breaker.opens_in_s
    assert lasted == [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]
    of.now += 90.0  # in service for 9 sweeps: 11 ejections count as 2
    of.play("-----")
    assert of.breaker.opens_in_s == 90.0
    of.now = of.now // 1000 * 1000 + 10_003.0
    of.play("-----")
    assert of.breaker.opens_in_s == 37.0  # 30 s, and 7 s to the next sweep


def test_litellm_cools_down_above_half_of_5_calls_of_a_minute_for_5_s_without_probes():
    assert opened(LITELLM, "----") == []
    assert opened(LITELLM, "++--+--") == [7]  # 3 of 6 is half, 4 of 7 above it
    of = Bench(LITELLM)
    of.play("-----")
    of.now = 5.0
    assert of.play("+") == "c"
    assert [event.after for event in of.events] == [OPEN, HALF_OPEN, CLOSED]


def test_portkey_closes_after_30_s_and_asks_the_chain_to_use_all_when_all_are_open():
    of = Bench(PORTKEY)
    of.play("-" * 10)
    of.now = 29.9
    assert of.play("+") == "x"
    of.now = 30.0
    assert of.play("+") == "c"
    assert [name for name, preset in PRESETS.items() if preset.use_all_when_all_open] == ["portkey"]


def test_stageflow_opens_after_5_failures_for_30_s_and_probes_without_limit():
    of = Bench(STAGEFLOW)
    assert of.play("----+-----") == "ccccccccco"
    of.now = 30.0
    permits = [of.breaker.try_acquire() for _ in range(50)]
    assert None not in permits
    permits[0].succeed()
    assert of.breaker.state is CLOSED


def test_the_example_in_the_docs_rejects_after_five_failures_and_releases_what_is_cancelled(virtually, capsys):
    blocks = (ROOT / "docs/fallback.md").read_text().split("```python\n")[1:]
    (example,) = (block.split("```")[0] for block in blocks if 'CircuitBreaker("premium"' in block)
    names: dict[str, object] = {}
    exec(example, names)

    async def fails():
        raise ConnectionError("503")

    async def cancelled():
        raise asyncio.CancelledError

    async def main():
        for call, error in [(cancelled, asyncio.CancelledError), *[(fails, ConnectionError)] * 5]:
            with pytest.raises(error):
                await names["answer"](call)
        return await names["answer"](fails)

    assert virtually(main()) is None
    counts = names["breaker"].statistics()[CLOSED]
    assert (counts.permitted, counts.failed, counts.released) == (6, 5, 1)
    assert "5 in a row; last: ConnectionError: 503" in capsys.readouterr().out
