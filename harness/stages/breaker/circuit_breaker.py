"""A circuit breaker: stops calling what keeps failing, and finds out with a few probes whether it has recovered.

CLOSED lets every call through; OPEN rejects every call for a time; HALF_OPEN lets a limited number of probes
through, whose outcomes close or reopen it. Nothing in here needs Stageflow, Locust or an event loop:

    breaker = CircuitBreaker("gpu-a", settings=BreakerSettings(failure_threshold=3, open_s=10.0))
    permit = breaker.try_acquire()
    if permit is None:
        ...  # rejected: use the next route
    try:
        answer = await call()
    except Exception as error:
        permit.fail(error)
        raise
    except BaseException:  # cancelled: says nothing about what was called
        permit.release()
        raise
    permit.succeed()

One thread only; tasks of an event loop may interleave at will, since no method awaits anything.

**Late outcomes.** A breaker's every edge, and ``reset``, begins a new generation. A permit belongs to the generation
it was given in, and its outcome is counted in that one only; an outcome that comes after is counted as ``late`` and
has no other effect. So a slow call from before the breaker opened neither closes nor reopens it.

The states and edges are those of the Circuit Breaker pattern (Nygard, *Release It!*, 2007; Azure Architecture
Center, "Circuit Breaker pattern"); rates, windows and probes as in resilience4j.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from harness.stages.breaker.events import BreakerEvent, BreakerState, Cause, OnEvent, StateCounts
from harness.stages.breaker.settings import BreakerSettings
from harness.words.components import BREAKER, announce
from harness.words.errors import one_line

_SETTLED: Final = -1  # generation of a permit that has been used


# Enum members are looked up anew at each use: 0.04 us, three times a call.
_CLOSED: Final = BreakerState.CLOSED
_OPEN: Final = BreakerState.OPEN
_HALF_OPEN: Final = BreakerState.HALF_OPEN


class Permit:
    """Leave for one call. Exactly one of ``succeed``, ``fail`` and ``release`` must be called, once.

    Raises (all three):
        RuntimeError: the permit has been used before.
    """

    __slots__ = ("_began_s", "_breaker", "_generation")

    def __init__(self, breaker: CircuitBreaker, generation: int, began_s: float) -> None:
        self._breaker = breaker
        self._generation = generation
        self._began_s = began_s

    def succeed(self) -> None:
        """Say that the call succeeded."""
        self._breaker._settle(self, False, None)

    def fail(self, error: BaseException | None = None) -> None:
        """Say that the call failed; ``error`` is quoted in the event if this opens the breaker."""
        self._breaker._settle(self, True, error)

    def release(self) -> None:
        """Say that the call was cancelled: it counts neither as success nor as failure, and frees its probe."""
        self._breaker._release(self)


class CircuitBreaker:
    """Decides for each call whether it may go through.

    ``clock`` gives monotonic seconds. Two breakers with equal settings, given equal calls at equal times, are in
    equal states.
    """

    __slots__ = (
        "__weakref__",
        "_admitted",
        "_all_counts",
        "_clock",
        "_counts",
        "_generation",
        "_listeners",
        "_made_s",
        "_openings",
        "_probes",
        "_probes_failed",
        "_probes_slow",
        "_probes_succeeded",
        "_retry_at_s",
        "_since_s",
        "_slow_fails",
        "_slow_s",
        "_state",
        "_window",
        "name",
        "settings",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        *,
        settings: BreakerSettings | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_event: OnEvent | None = None,
    ) -> None:
        """Make a closed breaker; ``settings`` None means the defaults of ``BreakerSettings``."""
        self.name = name
        self.settings = settings if settings is not None else BreakerSettings()
        self._clock = clock
        self._listeners: list[OnEvent] = [on_event] if on_event is not None else []
        self._window = self.settings.window(clock)
        slow_ms = self.settings.slow_call_ms
        self._slow_s = slow_ms / 1000 if slow_ms is not None else None
        self._slow_fails = self.settings.slow_rate is None
        self._state = _CLOSED
        self._generation = 0
        self._made_s = self._since_s = clock()
        self._retry_at_s = self._since_s
        self._openings = 0
        self._all_counts = {state: StateCounts() for state in BreakerState}
        self._counts = self._all_counts[self._state]
        self._counts.entered = 1
        self._probes = self._admitted = 0
        self._probes_failed = self._probes_slow = self._probes_succeeded = 0
        announce(BREAKER, self)

    def __repr__(self) -> str:
        return f"<CircuitBreaker {self.name!r} {self._state.value}>"

    @property
    def state(self) -> BreakerState:
        """The state after the last edge. Reading it changes nothing.

        OPEN becomes HALF_OPEN with the first call that is asked for after the open time, not by itself: with
        ``opens_in_s`` 0.0 the next ``try_acquire`` makes that edge.
        """
        return self._state

    @property
    def opens_in_s(self) -> float | None:
        """Seconds until probes are allowed; 0.0 when they are, inf when forced open, None when not OPEN."""
        if self._state is not _OPEN:
            return None
        return max(0.0, self._retry_at_s - self._clock())

    @property
    def probes_in_flight(self) -> int:
        """Probes without an outcome; 0 when not HALF_OPEN."""
        return self._probes

    def listen(self, on_event: OnEvent) -> Callable[[], None]:
        """Tell ``on_event`` of every edge from now on, after those who listened before; return what ends that."""
        self._listeners.append(on_event)
        return lambda: self._listeners.remove(on_event)

    def statistics(self) -> dict[BreakerState, StateCounts]:
        """Return a copy of what was counted in each state until now."""
        counts = {state: replace(counts) for state, counts in self._all_counts.items()}
        counts[self._state].spent_s += self._clock() - self._since_s
        return counts

    def try_acquire(self) -> Permit | None:
        """Return leave for one call, or None: rejected. After the open time this makes the breaker HALF_OPEN."""
        if self._state is not _CLOSED and not self._admit():
            self._counts.rejected += 1
            return None
        self._counts.permitted += 1
        return Permit(self, self._generation, 0.0 if self._slow_s is None else self._clock())

    def force_open(self, for_s: float | None = None) -> None:
        """Open now, whatever the calls: for ``for_s`` seconds, or with None until ``reset``. No edge if it was OPEN.

        Raises:
            ValueError: ``for_s`` is negative.
        """
        if for_s is not None and not for_s >= 0:
            raise ValueError(f"breaker {self.name!r}: {for_s=}, expected 0 or more")
        now_s = self._clock()
        self._retry_at_s = math.inf if for_s is None else now_s + for_s
        if self._state is not _OPEN:
            self._move(_OPEN, now_s, Cause.FORCED, "until reset" if for_s is None else f"for {for_s:g} s")

    def reset(self) -> None:
        """Close now, with nothing remembered: no outcome so far counts, late ones neither. Statistics are kept."""
        self._openings = 0
        if self._state is _CLOSED:
            self._window.clear()
            self._generation += 1
        else:
            self._move(_CLOSED, self._clock(), Cause.RESET)

    def _admit(self) -> bool:
        """Whether a call may go through a breaker that was not closed; counts it as a probe if it is one."""
        if self._state is _OPEN and (now_s := self._clock()) >= self._retry_at_s:
            self._end_open_time(now_s)
        if self._state is not _HALF_OPEN:
            return self._state is _CLOSED
        limit = self.settings.probes
        if limit is not None and max(self._probes, self._admitted) >= limit:
            return False
        self._probes += 1
        if self.settings.success_threshold is None:
            self._admitted += 1
        return True

    def _end_open_time(self, now_s: float) -> None:
        self._move(_HALF_OPEN, now_s, Cause.OPEN_TIME_OVER)
        if self.settings.probes == 0 and self._state is _HALF_OPEN:  # a listener may have forced it elsewhere
            self._move(_CLOSED, now_s, Cause.NO_PROBES)

    def _settle(self, permit: Permit, failed: bool, error: BaseException | None) -> None:
        """Count the outcome of a call."""
        if not self._use(permit):
            return
        counts = self._counts
        slow = self._slow_s is not None and self._clock() - permit._began_s > self._slow_s
        if slow:
            counts.slow += 1
            failed = failed or self._slow_fails
        if failed:
            counts.failed += 1
        else:
            counts.succeeded += 1
        if self._state is _HALF_OPEN:
            self._probe_ended(failed, slow, error)
            return
        trip = self._window.add(failed, slow)
        if trip is not None:
            self._open(trip.cause, trip.detail, error)

    def _release(self, permit: Permit) -> None:
        """Count a call that was cancelled."""
        if not self._use(permit):
            return
        self._counts.released += 1
        if self._state is _HALF_OPEN:
            self._probes -= 1
            self._admitted = max(0, self._admitted - 1)

    def _use(self, permit: Permit) -> bool:
        """Mark a permit as used; return whether its outcome counts."""
        generation = permit._generation
        permit._generation = _SETTLED
        if generation == self._generation:
            return True
        if generation == _SETTLED:
            raise RuntimeError(f"breaker {self.name!r}: a permit was used twice; use each once")
        self._counts.late += 1
        return False

    def _probe_ended(self, failed: bool, slow: bool, error: BaseException | None) -> None:
        """Close or reopen if this probe decides it."""
        self._probes -= 1
        self._probes_failed += failed
        self._probes_slow += slow
        self._probes_succeeded += not failed
        threshold = self.settings.success_threshold
        if threshold is None:
            self._judge_all_probes(error)
        elif failed:
            self._open(Cause.PROBE_FAILED, "1 failed", error)
        elif self._probes_succeeded >= threshold:
            self._move(_CLOSED, self._clock(), Cause.PROBES_SUCCEEDED, f"{self._probes_succeeded} succeeded")

    def _judge_all_probes(self, error: BaseException | None) -> None:
        """Close or reopen by the rates over all probes, once each has an outcome."""
        ended = self._probes_failed + self._probes_succeeded
        if ended < (self.settings.probes or 0):
            return
        trip = self.settings.limits(minimum_calls=ended).judge(ended, self._probes_failed, self._probes_slow)
        if trip is None:
            detail = f"{self._probes_succeeded} of {ended} succeeded"
            self._move(_CLOSED, self._clock(), Cause.PROBES_SUCCEEDED, detail)
        else:
            self._open(Cause.PROBE_FAILED, trip.detail, error)

    def _open(self, cause: Cause, detail: str, error: BaseException | None) -> None:
        """Open for the time the settings say."""
        now_s = self._clock()
        settings = self.settings
        if settings.sweep_s is not None and self._state is _CLOSED and self._openings:
            healthy_sweeps = math.floor((now_s - self._retry_at_s) / settings.sweep_s)
            self._openings = max(0, self._openings - max(0, healthy_sweeps))
        self._openings = settings.next_opening(self._openings)
        until_s = now_s + settings.open_for_s(self._openings)
        if settings.sweep_s is not None:
            sweeps = math.ceil((until_s - self._made_s) / settings.sweep_s)
            until_s = self._made_s + sweeps * settings.sweep_s
        self._retry_at_s = until_s
        if error is not None:
            detail = f"{detail}; last: {one_line(error)}"
        self._move(_OPEN, now_s, cause, detail)

    def _move(self, after: BreakerState, now_s: float, cause: Cause, detail: str = "") -> None:
        """Make an edge and tell of it."""
        before = self._state
        self._counts.spent_s += now_s - self._since_s
        self._since_s = now_s
        self._state = after
        self._generation += 1
        self._counts = self._all_counts[after]
        self._counts.entered += 1
        self._forget_probes()
        if after is _CLOSED:
            self._window.clear()
            if self.settings.sweep_s is None:
                self._openings = 0
        event = BreakerEvent(self.name, now_s, before, after, cause, detail)
        for tell in self._listeners:
            tell(event)

    def _forget_probes(self) -> None:
        self._probes = self._admitted = 0
        self._probes_failed = self._probes_slow = self._probes_succeeded = 0
