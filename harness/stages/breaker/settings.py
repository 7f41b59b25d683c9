"""When a circuit breaker opens, for how long, and what closes it again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.stages.breaker.windows import FailuresInARow, LastCalls, LastSeconds, RateLimits, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """Settings of a breaker; presets with published defaults are in ``harness.stages.breaker_presets``.

    It opens after ``failure_threshold`` failures in a row, **or** (``failure_threshold=None``) when ``failure_rate``
    of the calls in a window failed: the last ``window_calls`` calls, or the calls of the last ``window_s`` seconds.

    Raises:
        ValueError: a number is out of its range, or two settings contradict each other.
    """

    failure_threshold: int | None = 5
    """Failures in a row that open it; None: the rate decides."""
    failure_rate: float | None = None
    """Share of failures, above 0 to 1, that opens it; None: failures in a row decide."""
    minimum_calls: int = 1
    """Calls in the window below which the rates decide nothing."""
    window_calls: int | None = None
    """Length of a count-based window."""
    window_s: float | None = None
    """Length of a time-based window."""
    window_parts: int = 10
    """Parts a time-based window is kept in: calls are forgotten a part at a time; 1: it tumbles."""
    above_only: bool = False
    """True: rates must be above their limits; False: at them is enough."""
    successes_open: bool = True
    """False: only a failure or a slow call opens it; True: also a success with which the minimum is reached."""

    open_s: float = 30.0
    """Time OPEN before probes are allowed."""
    open_times_n: bool = False
    """True: the n-th opening lasts n times as long. n goes back to 1 when it closes; with ``sweep_s`` one step at a
    time, one for each sweep it was closed."""
    open_max_s: float | None = None
    """Cap of the open time."""
    sweep_s: float | None = None
    """Time between sweeps: the open time ends with the first sweep after it. Counted from the breaker's making."""

    probes: int | None = 1
    """Calls let through HALF_OPEN at once; None: no limit; 0: none, the breaker closes when the open time is over."""
    success_threshold: int | None = 1
    """Successful probes that close it, while the first one that fails reopens it. None: ``probes`` is also their
    number, and their rates decide when all have an outcome."""

    slow_call_ms: float | None = None
    """A call that took longer is slow; None: no call is, and the clock is not read."""
    slow_rate: float | None = None
    """Share of slow calls, above 0 to 1, that opens it; None: a slow call is a failure."""

    use_all_when_all_open: bool = False
    """Read by a chain: when the breakers of all its routes are open and have this, it calls them as if all were
    closed. Its own ``all_open`` says otherwise for all of them."""

    def __post_init__(self) -> None:
        for wrong, expected in self._contradictions():
            if wrong:
                raise ValueError(f"breaker settings: expected {expected}; found {self}")

    def window(self, clock: Callable[[], float]) -> Window:
        """Return an empty window as these settings describe it; a time-based one reads ``clock`` (seconds)."""
        if self.failure_threshold is not None:
            return FailuresInARow(self.failure_threshold)
        limits = self.limits(self.minimum_calls)
        if self.window_calls is not None:
            return LastCalls(self.window_calls, limits, self.successes_open)
        assert self.window_s is not None
        return LastSeconds(self.window_s, self.window_parts, limits, self.successes_open, clock)

    def limits(self, minimum_calls: int) -> RateLimits:
        """Return the limits of the rates. Needs a ``failure_rate``."""
        assert self.failure_rate is not None
        return RateLimits(self.failure_rate, self.slow_rate, minimum_calls, self.above_only)

    def next_opening(self, openings: int) -> int:
        """Return the number of an opening after ``openings`` that count; it stops growing at the cap."""
        if openings == 0 or not self.open_times_n:
            return 1
        # As Envoy counts: one more while the last time was below the cap plus one.
        grows = self.open_max_s is None or openings * self.open_s < self.open_max_s + self.open_s
        return openings + 1 if grows else openings

    def open_for_s(self, opening: int) -> float:
        """Return how long opening number ``opening`` (1, 2, …) lasts, before any sweep."""
        return min(self.open_s * opening, math.inf if self.open_max_s is None else self.open_max_s)

    def _contradictions(self) -> list[tuple[bool, str]]:
        rated = self.failure_rate is not None
        windows = (self.window_calls is not None) + (self.window_s is not None)
        return [
            (rated == (self.failure_threshold is not None), "either failure_threshold or failure_rate, the other None"),
            (not _whole(self.failure_threshold), "a failure_threshold of 1 or more"),
            (not _share(self.failure_rate) or not _share(self.slow_rate), "rates above 0 and at most 1"),
            (rated and windows != 1, "either window_calls or window_s with a failure_rate"),
            (not rated and windows > 0, "no window with a failure_threshold"),
            (not _whole(self.window_calls) or not _whole(self.window_parts), "a window of 1 or more calls or parts"),
            (not _positive(self.window_s), "a positive window_s"),
            (self.minimum_calls < 1, "minimum_calls of 1 or more"),
            (0 < (self.window_calls or 0) < self.minimum_calls, "minimum_calls of at most window_calls"),
            (not _positive(self.open_s) or not _positive(self.sweep_s), "a positive open_s and sweep_s"),
            (self.open_max_s is not None and not self.open_max_s >= self.open_s, "an open_max_s of open_s or more"),
            ((self.probes or 0) < 0, "probes of 0 or more"),
            (not _whole(self.success_threshold), "a success_threshold of 1 or more"),
            (self.success_threshold is None and not (rated and self.probes), "a rate and probes to judge probes by"),
            (not _positive(self.slow_call_ms), "a positive slow_call_ms"),
            (self.slow_rate is not None and not (rated and self.slow_call_ms), "failure_rate and slow_call_ms with it"),
        ]


def _whole(number: int | None) -> bool:
    return number is None or number >= 1


def _share(number: float | None) -> bool:
    return number is None or 0 < number <= 1


def _positive(number: float | None) -> bool:
    return number is None or 0 < number < math.inf
