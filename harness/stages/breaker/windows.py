"""What a closed circuit breaker remembers of its calls, and when that opens it.

A window is a fold: ``add`` one outcome, get a ``Trip`` when it opens the breaker, else None. ``clear`` forgets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from harness.stages.breaker.events import Cause


class Trip(NamedTuple):
    """Why the calls in a window open the breaker: the cause, and its numbers in words."""

    cause: Cause
    detail: str


class Window(Protocol):
    """Outcomes of the calls of a closed breaker."""

    def add(self, failed: bool, slow: bool) -> Trip | None:
        """Count one outcome; return what opens the breaker, or None."""

    def clear(self) -> None:
        """Forget all outcomes."""


class FailuresInARow:
    """Opens after ``threshold`` failures with no success between them."""

    __slots__ = ("_count", "_threshold")

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._count = 0

    def add(self, failed: bool, slow: bool) -> Trip | None:  # noqa: ARG002 -- slow calls are failures here or nothing
        """Count one outcome; return what opens the breaker, or None."""
        if not failed:
            self._count = 0
            return None
        self._count += 1
        if self._count < self._threshold:
            return None
        return Trip(Cause.FAILURES_IN_A_ROW, f"{self._count} in a row")

    def clear(self) -> None:
        """Forget all outcomes."""
        self._count = 0


class RateLimits(NamedTuple):
    """When rates are too high. Rates are shares of all calls, 0-1; None: this rate opens nothing."""

    failure_rate: float
    slow_rate: float | None
    minimum_calls: int
    above_only: bool
    """True: a rate must be above its limit, False: at it is enough."""

    def judge(self, calls: int, failed: int, slow: int) -> Trip | None:
        """Return what opens the breaker after ``calls`` calls, or None."""
        if calls < self.minimum_calls or not (failed or slow):
            return None
        if self._too_high(failed / calls, self.failure_rate):
            return Trip(Cause.FAILURE_RATE, f"{failed} of {calls} failed")
        if self.slow_rate is not None and self._too_high(slow / calls, self.slow_rate):
            return Trip(Cause.SLOW_RATE, f"{slow} of {calls} were slow")
        return None

    def _too_high(self, rate: float, limit: float) -> bool:
        return rate > limit if self.above_only else rate >= limit


class LastCalls:
    """The last ``size`` calls: count-based sliding window."""

    __slots__ = ("_any_outcome", "_calls", "_failed", "_limits", "_slow")

    def __init__(self, size: int, limits: RateLimits, any_outcome: bool) -> None:
        self._limits = limits
        self._any_outcome = any_outcome
        self._calls: deque[tuple[bool, bool]] = deque(maxlen=size)
        self._failed = 0
        self._slow = 0

    def add(self, failed: bool, slow: bool) -> Trip | None:
        """Count one outcome; return what opens the breaker, or None."""
        calls = self._calls
        if len(calls) == calls.maxlen:
            oldest_failed, oldest_slow = calls[0]
            self._failed -= oldest_failed
            self._slow -= oldest_slow
        calls.append((failed, slow))
        if failed or slow:
            self._failed += failed
            self._slow += slow
        elif not (self._any_outcome and (self._failed or self._slow)):
            return None
        return self._limits.judge(len(calls), self._failed, self._slow)

    def clear(self) -> None:
        """Forget all outcomes."""
        self._calls.clear()
        self._failed = self._slow = 0


class LastSeconds:
    """The calls of the last ``window_s`` seconds, kept as counts of ``parts`` equal parts: time-based sliding window.

    A call is forgotten with the part it is in: it counts for more than ``window_s * (1 - 1 / parts)`` and at most
    ``window_s``. With one part the window tumbles. Parts begin at multiples of their width on the clock. When the
    clock runs backwards, calls count in the newest part there is.
    """

    __slots__ = ("_any_outcome", "_calls", "_clock", "_failed", "_limits", "_parts", "_parts_kept", "_slow", "_width_s")

    def __init__(
        self, window_s: float, parts: int, limits: RateLimits, any_outcome: bool, clock: Callable[[], float]
    ) -> None:
        self._width_s = window_s / parts
        self._parts_kept = parts
        self._limits = limits
        self._any_outcome = any_outcome
        self._clock = clock
        self._parts: deque[list[int]] = deque()  # number of the part, calls, failed, slow
        self._calls = self._failed = self._slow = 0

    def add(self, failed: bool, slow: bool) -> Trip | None:
        """Count one outcome; return what opens the breaker, or None."""
        number = int(self._clock() // self._width_s)
        parts = self._parts
        if not parts or parts[-1][0] < number:
            self._begin(number)
        newest = parts[-1]
        newest[1] += 1
        self._calls += 1
        if failed or slow:
            newest[2] += failed
            newest[3] += slow
            self._failed += failed
            self._slow += slow
        elif not (self._any_outcome and (self._failed or self._slow)):
            return None
        return self._limits.judge(self._calls, self._failed, self._slow)

    def clear(self) -> None:
        """Forget all outcomes."""
        self._parts.clear()
        self._calls = self._failed = self._slow = 0

    def _begin(self, number: int) -> None:
        """Begin part ``number`` and forget the parts that are out of the window."""
        parts = self._parts
        while parts and parts[0][0] <= number - self._parts_kept:
            _, calls, failed, slow = parts.popleft()
            self._calls -= calls
            self._failed -= failed
            self._slow -= slow
        parts.append([number, 0, 0, 0])
