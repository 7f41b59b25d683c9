"""When an attempt is tried again, after how long, and how many retries a stage may make in all.

The strategies are tenacity's, so that any of its waits will do. Its driver ``AsyncRetrying`` is not used: it keeps the
state of a call on itself, so each operation would need a copy of it, also those that never retry (70 µs, tenacity
9.2), and it knows neither a deadline nor a budget that operations share.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
)
from tenacity.wait import wait_base

from harness.words.errors import ChainError

Wait = Callable[[RetryCallState], float]
"""Seconds to wait before the next try: any wait strategy of tenacity."""


class FullJitter(wait_exponential):
    """Wait between 0 and ``base_ms * 2**(tries - 1)``, at most ``cap_ms``, evenly at random.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. As tenacity's ``wait_random_exponential``,
    with a generator of its own, so that equal seeds give equal waits.
    """

    def __init__(self, base_ms: float = 10.0, cap_ms: float = 1000.0, *, seed: int | None = None) -> None:
        """Raise ChainError unless 0 < ``base_ms`` <= ``cap_ms``; ``seed`` None draws one."""
        _check_window(base_ms, cap_ms)
        super().__init__(multiplier=base_ms / 1000, max=cap_ms / 1000)
        self._random = random.Random(seed)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds to wait."""
        return self._random.uniform(0.0, super().__call__(retry_state))


class DecorrelatedJitter(wait_base):
    """Wait between ``base_ms`` and three times the wait before, at most ``cap_ms``, evenly at random.

    Source: as for ``FullJitter``.
    """

    def __init__(self, base_ms: float = 10.0, cap_ms: float = 1000.0, *, seed: int | None = None) -> None:
        """Raise ChainError unless 0 < ``base_ms`` <= ``cap_ms``; ``seed`` None draws one."""
        _check_window(base_ms, cap_ms)
        self._base_s, self._cap_s = base_ms / 1000, cap_ms / 1000
        self._random = random.Random(seed)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds to wait."""
        before_s = retry_state.upcoming_sleep or self._base_s
        return min(self._cap_s, self._random.uniform(self._base_s, 3 * before_s))


def _check_window(base_ms: float, cap_ms: float) -> None:
    if not 0 < base_ms <= cap_ms < math.inf:
        raise ChainError(f"backoff with {base_ms=}, {cap_ms=}: expected 0 < base_ms <= cap_ms")


class RetryPolicy:
    """Which errors of a route are tried again, how often, and after how long.

    Args:
        on: the declared errors. A timeout of the route is a ``TimeoutError``, an answer that was not taken a
            ``NoAnswerError``, ``StageOutput.retry`` a ``RouteRetryError``.
        retries: tries after the first one, at most.
        wait: seconds before each of them; ``FullJitter()`` by default.

    Raises:
        ChainError: no error is declared, something declared is no error, or ``retries`` is negative.

    """

    def __init__(self, *on: type[Exception], retries: int = 1, wait: Wait | None = None) -> None:
        declared: tuple[object, ...] = on
        if not on or not all(isinstance(error, type) and issubclass(error, Exception) for error in declared):
            raise ChainError(f"retry on {on!r}: expected at least one type of Exception")
        if type(retries) is not int or retries < 0:
            raise ChainError(f"{retries=}: expected a whole number of 0 or more")
        self.on = on
        self.retries = retries
        self._rules = Retrying(
            retry=retry_if_exception_type(on),
            stop=stop_after_attempt(retries + 1),
            wait=FullJitter() if wait is None else wait,
        )

    def begin(self) -> RetryCallState:
        """Return the state of one route within one operation, for ``next_wait_s``."""
        return RetryCallState(self._rules, None, (), {})

    def next_wait_s(self, state: RetryCallState, error: Exception) -> float | None:
        """Return the seconds to wait before the next try after ``error``, None where there is to be none."""
        state.set_exception((type(error), error, None))
        if not self._rules.retry(state) or self._rules.stop(state):
            return None
        state.upcoming_sleep = float(self._rules.wait(state))
        wait_s = state.upcoming_sleep
        state.prepare_for_next_attempt()
        return wait_s


class RetryBudget:
    """A token bucket that bounds the retries of a stage: at most ``reserve + ratio * calls``, whatever fails.

    Each call puts ``ratio`` tokens in, up to ``reserve``; each retry takes one out; none left, no retry. Without it,
    two retries per call triple the load of a backend that fails because it is overloaded.
    Source: Finagle's RetryBudget (20 % of the calls), gRPC's retry throttling (proposal A6).
    """

    def __init__(self, ratio: float = 0.2, reserve: float = 10.0) -> None:
        """Begin with ``reserve`` tokens; raise ChainError unless 0 <= ``ratio`` <= 1 <= ``reserve``."""
        if not 0 <= ratio <= 1 or not 1 <= reserve < math.inf:
            raise ChainError(f"retry budget with {ratio=}, {reserve=}: expected 0 <= ratio <= 1 and reserve >= 1")
        self.ratio = ratio
        self.reserve = reserve
        self.tokens = reserve

    def call(self) -> None:
        """Note a call of the stage."""
        self.tokens = min(self.reserve, self.tokens + self.ratio)

    def take(self) -> bool:
        """Take the token of one retry; False where there is none."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
