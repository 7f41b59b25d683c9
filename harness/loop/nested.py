"""Loops inside the loop: what a target runs with nest_asyncio, in the middle of a step."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from time import monotonic
from typing import Any

from gevent.hub import Waiter
from greenlet import getcurrent

from harness.loop.calls import HubCalls
from harness.loop.handles import Runner

# How long batches may follow each other before other greenlets get their turn: the way to the hub and back costs
# 4 µs when nothing else is to be done there, and one ROUTE stage takes 7 batches.
TURN_S = 0.0005
# How long turns may follow each other before the hub looks at its sockets and timers. gevent itself looks after
# 50 callbacks (libev/corecext.pyx, CALLBACK_CHECK_COUNT), and one callback is a whole turn here.
POLL_EVERY_S = 0.002


class NestedRuns(HubCalls):
    """The part of the loop that lets others run its handles.

    ``nest_asyncio.apply()`` gives asyncio's loops, by their class, a ``run_until_complete`` that may be called in a
    step and a ``_run_once`` of its own. Whatever such code looks like, it asks the selector for events before it takes
    what is ready: that is where the hub gets its turn, and the waiting is done.
    """

    _runner: Runner | None = None
    _serving = False  # whether the hub, or a greenlet in run_forever, serves the loop
    _yielding = False  # whether a greenlet waits to be resumed
    _nested_waits = False
    _turn_at = 0.0
    _polled_at = 0.0
    _poll_timer: Any

    def _wait_nested(self, timeout: float | None) -> None:
        """Wait for up to ``timeout`` seconds until something is ready, or give the hub its turn when that is due."""
        if self._serving and getcurrent() is not self._runner:
            raise RuntimeError("the gevent hub serves this loop: nobody else may run what is ready")
        if not self._nested:
            self._begin_nesting()
        for _ in range(len(self._ready)):
            self._ready.append(self._as_handle(self._ready.popleft()))
        self._selector.rearm()
        waits = (timeout is None or timeout > 0) and not self._ready and not self._fired
        if waits or self._yielding or monotonic() - self._turn_at >= TURN_S:
            self._let_hub_run(timeout if waits else 0.0)

    def _begin_nesting(self) -> None:
        """From now on make nothing but handles, and futures of the kind that asyncio has now."""
        self._nested = True
        self._quicken(False)
        self.__dict__.pop("create_future", None)

    def _let_hub_run(self, timeout: float | None) -> None:
        """Wait in the hub, for which this greenlet is now the one to enter."""
        waiter = Waiter(self._hub)
        enter_runner, self._enter_runner = self._enter_runner, partial(waiter.switch, None)
        timer = None
        self._yielding = False
        self._kicked = timeout == 0
        if self._kicked:
            self._schedule_turn()
        elif timeout is not None:
            timer = self._hub.loop.timer(timeout, ref=False)
            timer.start(self._wake, update=True)
        self._nested_waits = True
        try:
            waiter.get()
        finally:
            self._nested_waits = False
            self._enter_runner = enter_runner
            self._kicked = True
            self._poll_timer.stop()  # else, when something was thrown, it enters the runner that waits elsewhere
            if timer is not None:
                timer.close()
            self._turn_at = monotonic()

    def _schedule_turn(self) -> None:
        """Have the hub come back, after a look at its sockets when that is due."""
        if self._turn_at - self._polled_at > POLL_EVERY_S:
            self._poll_timer.start(self._on_polled)
        else:
            self._kick = self._run_callback(self._enter_runner)

    def _on_polled(self) -> None:
        """In the hub, which has looked at its sockets: the turn comes after all that it found there."""
        self._polled_at = monotonic()
        self._kick = self._run_callback(self._enter_runner)

    def run_until_complete(self, future: Any) -> Any:
        """Run until ``future`` is done; RuntimeError in a step, but where nest_asyncio is in use."""
        if self._serving and not self._may_nest() and hasattr(asyncio, "_nest_patched"):
            # nest_asyncio2 gives its methods to a loop when its asyncio.run() makes one; here nobody calls that.
            sys.modules[asyncio.run.__module__].apply(self)
            return type(self).run_until_complete(self, future)
        return super().run_until_complete(future)

    def _may_nest(self) -> bool:
        """Whether nest_asyncio has been at work on this class of loops, or on the one it comes from."""
        return hasattr(self, "_nest_patched")
