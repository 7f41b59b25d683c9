"""A reference model of the circuit breaker, and a twin that drives it and the real one with the same steps.

The model keeps a list of all outcomes and looks at the whole list each time.
"""

from __future__ import annotations

import math
from random import Random

from harness.stages.breaker import BreakerEvent, BreakerSettings, BreakerState, CircuitBreaker, Permit

LEGAL = {("closed", "open"), ("open", "half_open"), ("half_open", "open"), ("half_open", "closed")}


class Model:
    """The states, in forty lines; outcomes are (when, failed, slow)."""

    def __init__(self, settings: BreakerSettings) -> None:
        self.s, self.state, self.era, self.edges = settings, "closed", 0, []
        self.outcomes, self.flying, self.n, self.until = [], 0, 0, 0.0

    def go(self, now: float, state: str) -> None:
        self.edges.append((now, self.state, state))
        self.state, self.era, self.outcomes, self.flying = state, self.era + 1, [], 0
        self.n = 0 if state == "closed" and not self.s.sweep_s else self.n

    def acquire(self, now: float) -> int | None:
        if self.state == "open" and now >= self.until:
            self.go(now, "half_open")
            if self.s.probes == 0:
                self.go(now, "closed")
        used = self.flying + (len(self.outcomes) if self.s.success_threshold is None else 0)
        if self.state == "open" or (self.state == "half_open" and used >= (self.s.probes or math.inf)):
            return None
        self.flying += 1
        return self.era

    def settle(self, era: int, took: float, now: float, failed: bool | None) -> None:
        self.flying -= era == self.era
        if era != self.era or failed is None:
            return
        slow = self.s.slow_call_ms is not None and took * 1000 > self.s.slow_call_ms
        self.outcomes.append((now, failed or (slow and self.s.slow_rate is None), slow))
        verdict = self.verdict(now)
        if verdict == "open":
            self.n, self.until = reopening(self.s, self.n, self.until, now, self.state)
        if verdict:
            self.go(now, verdict)

    def verdict(self, now: float) -> str | None:
        s, seen = self.s, self.outcomes
        if self.state == "half_open" and s.success_threshold is None:
            return None if len(seen) < s.probes else "open" if too_many(s, seen) else "closed"
        if self.state == "half_open":
            done = sum(not failed for _, failed, _ in seen) >= s.success_threshold
            return "open" if any(failed for _, failed, _ in seen) else "closed" if done else None
        if s.failure_threshold is not None:
            last = [failed for _, failed, _ in seen[-s.failure_threshold :]]
            return "open" if last == [True] * s.failure_threshold else None
        seen = in_window(s, seen, now)
        judged = len(seen) >= s.minimum_calls and (s.successes_open or seen[-1][1] or seen[-1][2])
        return "open" if judged and too_many(s, seen) else None


def in_window(s: BreakerSettings, outcomes: list, now: float) -> list:
    """Return the outcomes that count: the last so many, or those of the last so many parts of the clock."""
    if s.window_calls is not None:
        return outcomes[-s.window_calls :]
    part = s.window_s / s.window_parts
    return [outcome for outcome in outcomes if outcome[0] // part > now // part - s.window_parts]


def too_many(s: BreakerSettings, seen: list) -> bool:
    """Return whether failures or slow calls reach their rate, or are above it."""
    shares = [sum(outcome[which] for outcome in seen) / len(seen) for which in (1, 2)]
    limits = (s.failure_rate, math.inf if s.slow_rate is None else s.slow_rate)
    return any(share > limit if s.above_only else share >= limit for share, limit in zip(shares, limits, strict=True))


def reopening(s: BreakerSettings, n: int, until: float, now: float, state: str) -> tuple[int, float]:
    """Return the number of an opening after ``n`` that count, and when it ends. ``until`` is when the last one did."""
    if n and s.sweep_s and state == "closed":
        n = max(0, n - max(0, math.floor((now - until) / s.sweep_s)))
    capped = s.open_max_s is not None and n * s.open_s >= s.open_max_s + s.open_s
    n = n + (not capped) if n and s.open_times_n else 1
    ends = now + min(s.open_s * n, s.open_max_s or math.inf)
    return n, math.ceil(ends / s.sweep_s) * s.sweep_s if s.sweep_s else ends


class Twin:
    """A breaker and its model, the same calls, one clock; every step ends with a comparison."""

    def __init__(self, settings: BreakerSettings) -> None:
        self.now = 0.0
        self.model = Model(settings)
        self.events: list[BreakerEvent] = []
        self.breaker = CircuitBreaker("b", settings=settings, clock=lambda: self.now, on_event=self.events.append)
        self.calls: list[tuple[Permit, int, float]] = []

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.compare()

    def acquire(self) -> None:
        permit, era = self.breaker.try_acquire(), self.model.acquire(self.now)
        assert (permit is None) == (era is None)
        if permit is not None:
            self.calls.append((permit, era, self.now))
        self.compare()

    def settle(self, index: int, failed: bool | None) -> None:
        """End a call that goes on: succeeded, failed, or (None) cancelled."""
        if not self.calls:
            return
        permit, era, began = self.calls.pop(index % len(self.calls))
        if failed is None:
            permit.release()
        elif failed:
            permit.fail(ConnectionError("503"))
        else:
            permit.succeed()
        self.model.settle(era, self.now - began, self.now, failed)
        self.compare()

    def force_open(self, for_s: float | None) -> None:
        self.breaker.force_open(for_s)
        if self.model.state != "open":
            self.model.go(self.now, "open")
        self.model.until = math.inf if for_s is None else self.now + for_s
        self.compare()

    def reset(self) -> None:
        self.breaker.reset()
        self.model.n = 0
        if self.model.state == "closed":
            self.model.era, self.model.outcomes = self.model.era + 1, []
        else:
            self.model.go(self.now, "closed")
        self.compare()

    def compare(self) -> None:
        breaker, model = self.breaker, self.model
        assert breaker.state == model.state
        remaining = max(0.0, model.until - self.now) if model.state == "open" else None
        assert breaker.opens_in_s == remaining
        assert breaker.probes_in_flight == (model.flying if model.state == "half_open" else 0)

    def check_the_whole(self) -> None:
        """What must hold over the whole trace."""
        assert [(event.at_s, event.before, event.after) for event in self.events] == self.model.edges
        assert all(event.forced or (event.before, event.after) in LEGAL for event in self.events)
        states = [BreakerState.CLOSED, *(event.after for event in self.events)]
        assert [event.before for event in self.events] == states[:-1]
        counts = self.breaker.statistics()
        assert {state: count.entered for state, count in counts.items()} == {s: states.count(s) for s in BreakerState}
        assert sum(count.spent_s for count in counts.values()) == self.now
        ended = sum(c.succeeded + c.failed + c.released + c.late for c in counts.values())
        assert sum(c.permitted for c in counts.values()) == ended + len(self.calls)
        assert counts[BreakerState.OPEN].permitted == counts[BreakerState.CLOSED].rejected == 0


def settings_from(random: Random) -> BreakerSettings:
    """Return settings with small numbers; times are quarters of a second, so that sums are exact."""
    rated = random.random() < 0.6
    by_calls = random.random() < 0.5
    size = random.randint(1, 8)
    slow = random.choice([None, None, 500.0, 1000.0])
    probes = random.choice([None, 0, 1, 2, 3])
    all_probes = rated and bool(probes) and random.random() < 0.5
    open_s = random.choice([0.25, 1.0, 3.0])
    return BreakerSettings(
        failure_threshold=None if rated else random.randint(1, 4),
        failure_rate=random.choice([0.1, 0.3, 0.5, 0.7, 1.0]) if rated else None,
        minimum_calls=random.randint(1, size),
        window_calls=size if rated and by_calls else None,
        window_s=random.choice([1.0, 2.0, 4.0]) if rated and not by_calls else None,
        window_parts=random.choice([1, 2, 4]),
        above_only=random.random() < 0.3,
        successes_open=random.random() < 0.5,
        open_s=open_s,
        open_times_n=random.random() < 0.4,
        open_max_s=random.choice([None, open_s, 3 * open_s]),
        sweep_s=random.choice([None, None, 0.5, 2.0]),
        probes=probes,
        success_threshold=None if all_probes else random.randint(1, 3),
        slow_call_ms=slow,
        slow_rate=random.choice([None, 0.5, 1.0]) if rated and slow else None,
    )
