"""The loop's timers: asyncio's heap, behind one timer of the hub."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from time import monotonic
from typing import Any

from gevent.hub import Hub

from harness.loop.handles import QuickTimerHandle, traced

_NEVER = float("inf")
_LONGEST_S = 24 * 3600.0  # libev counts in doubles; asyncio's own limit
_FEWEST_CANCELLED = 100  # asyncio's own limit


class HubTimers(asyncio.SelectorEventLoop):
    """The part of the loop that knows about time.

    Stageflow makes a 30 s timer per stage and cancels it at once. So the hub's timer is armed anew only for a
    timer that is due before it, and the heap is purged when most of it is cancelled.
    """

    _hub: Hub
    _ready: deque[Any]
    _scheduled: list[Any]  # of asyncio.TimerHandle
    _timer_cancelled_count: int
    _thread_id: int | None
    _serving: bool
    _debug: bool
    _closed: bool
    _clock_resolution: float
    _hub_timer: Any = None
    _hub_timer_due = _NEVER
    time = staticmethod(monotonic)  # saves a Python call per timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` after ``delay`` seconds."""
        if delay is None:
            raise TypeError("delay must not be None")
        when = monotonic() + delay
        if self._closed or self._debug or (when < self._hub_timer_due and self._serving):
            handle = self.call_at(when, callback, *args, context=context)
            return traced(handle) if self._debug else handle
        quick = QuickTimerHandle(when, callback, args, self, context)  # as call_at does, without the call
        heapq.heappush(self._scheduled, quick)
        return quick

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` when ``time()`` is ``when`` seconds."""
        if when is None:
            raise TypeError("when cannot be None")
        handle: Any
        if self._closed or self._debug:
            self._check_call(callback, "call_at")
            handle = traced(events.TimerHandle(when, callback, args, self, context))
            handle._scheduled = True
        else:
            handle = QuickTimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, handle)
        if when < self._hub_timer_due and self._serving:
            self._arm_timer(when)
        return handle  # type: ignore[no-any-return]

    def _check_call(self, callback: Callable[..., object], method: str) -> None:
        raise NotImplementedError

    def _wake(self) -> None:
        raise NotImplementedError

    def _break(self, error: BaseException) -> None:
        raise NotImplementedError

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """Note that ``handle`` is about to be cancelled."""
        if handle._scheduled:
            self._timer_cancelled_count += 1
            if self._timer_cancelled_count > max(_FEWEST_CANCELLED, len(self._scheduled) // 2):
                self._purge_timers(handle)

    def _purge_timers(self, cancelled: Any) -> None:
        kept = []
        for handle in self._scheduled:
            if handle._cancelled or handle is cancelled:
                handle._scheduled = False
            else:
                kept.append(handle)
        heapq.heapify(kept)
        self._scheduled = kept
        self._timer_cancelled_count = 0

    def _arm_timer(self, when: float) -> None:
        """Have the hub call ``_on_timer`` at ``when``, and not at any other time."""
        self._disarm_timer()
        self._hub_timer_due = when
        self._hub_timer = self._hub.loop.timer(min(max(0.0, when - monotonic()), _LONGEST_S), ref=False)
        self._hub_timer.start(self._on_timer, update=True)  # libev's cached time lags while the target computes

    def _arm_earliest_timer(self) -> None:
        if self._scheduled:
            self._arm_timer(self._scheduled[0]._when)

    def _disarm_timer(self) -> None:
        if self._hub_timer is not None:
            self._hub_timer.close()
        self._hub_timer = None
        self._hub_timer_due = _NEVER

    def _on_timer(self) -> None:
        """In the hub: something is due, or cancelled, or due in a moment, as libev may be early."""
        self._disarm_timer()
        try:
            self._pull_due(monotonic())
            self._arm_earliest_timer()
        except Exception as error:  # noqa: BLE001 - e.g. a moment that was no number: no timer will fire any more
            self._break(error)
        if self._ready:
            self._wake()

    def _pull_due(self, now: float) -> None:
        """Make ready the timers that are due, and drop the cancelled ones before them."""
        scheduled = self._scheduled
        end = now + self._clock_resolution
        while scheduled and (scheduled[0]._cancelled or scheduled[0]._when < end):
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)
