"""How handles get run: in batches, in one greenlet, whenever the hub has a turn for it."""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio import base_events, events, format_helpers
from collections import deque
from collections.abc import Callable
from contextvars import Context
from time import monotonic
from types import BuiltinMethodType
from typing import Any

from gevent import monkey
from gevent.hub import Hub, Waiter, get_hub
from greenlet import GreenletExit, getcurrent
from greenlet import greenlet as RawGreenlet  # noqa: N812 - gevent's own name for it

from harness.loop.handles import QuickHandle, Runner, step_type, traced
from harness.loop.selector import HubSelector
from harness.loop.steps import Steps
from harness.loop.timers import HubTimers

_log = logging.getLogger("asyncio")  # where asyncio itself warns of slow callbacks
# How long batches may follow each other before other greenlets get their turn: the way to the hub and back costs
# 4 µs when nothing else is to be done there, and one ROUTE stage takes 7 batches.
_TURN_S = 0.0005
# How long turns may follow each other before the hub looks at its sockets and timers. gevent itself looks after
# 50 callbacks (libev/corecext.pyx, CALLBACK_CHECK_COUNT), and one callback is a whole turn here.
_POLL_EVERY_S = 0.002


class ServedLoop(HubTimers):
    """An asyncio loop that does not loop: callbacks of the gevent hub have its handles run.

    It can be served only in the thread, and so by the hub, it was made in.
    """

    _ready: deque[Any]  # of asyncio.Handle, or (context, callback, args) of a step of a C task
    _selector: HubSelector
    _stopping: bool
    _current_handle: asyncio.Handle | None
    _asyncgen_firstiter_hook: Any
    _asyncgen_finalizer_hook: Any

    def __init__(self) -> None:
        hub = get_hub()
        self._hub: Hub = hub
        self._run_callback = hub.loop.run_callback
        self._native_ident: Callable[[], int] = monkey.get_original("_thread", "get_ident")
        self._home_ident = self._native_ident()
        # True while the hub need not be told of new handles: it knows, or a turn is on, or nobody serves.
        self._kicked = True
        self._kick: Any = None
        self.steps = Steps()
        self._runner: Runner | None = None
        self._enter_runner: Callable[[], object] | None = None
        self._idle = True  # whether the runner waits for a turn
        self._yielding = False  # whether a greenlet waits to be resumed
        self._failing: Any = None  # the handle that raised SystemExit or KeyboardInterrupt
        self._parked: Waiter | None = None  # of the greenlet in run_forever
        self._poll_timer = hub.loop.timer(0.0, ref=False)
        self._step_type = step_type()
        self._polled_at = self._turn_at = 0.0
        self._old_hooks: Any = (None, None)
        self._resume: Callable[..., None] = self._on_driven_done  # bound once: call_soon knows it by identity
        selector = HubSelector(hub, self._wake)
        self._fired = selector.fired
        super().__init__(selector)

    # -- handles -------------------------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run ``callback`` in the next batch. In use where the loop is closed, or in debug mode: see ``_quicken``."""
        if callback is self._resume:  # a task of drive() is done: its greenlet needs no handle
            callback(*args)
            return None  # type: ignore[return-value]  # the task does not look at it
        self._check_call(callback, "call_soon")
        handle = traced(events.Handle(callback, args, self, context))
        self._ready.append(handle)
        self._wake()
        return handle

    def _quicken(self, enabled: bool) -> None:
        """Use a ``call_soon`` without checks, and that finds what it needs without looking at the loop.

        Called seven times per ROUTE stage: as a method it would take a third longer.
        """
        self.__dict__.pop("call_soon", None)
        if not enabled:
            return
        ready, step_type, resume = self._ready.append, self._step_type, self._resume

        def call_soon(callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
            kind = callback.__class__
            handle: Any = None
            if kind is step_type or (kind is BuiltinMethodType and callback.__name__ == "task_wakeup"):
                # The task does not look at the handle, and six in seven handles of a ROUTE stage are its steps.
                ready((context, callback, args))
            elif callback is resume:  # a task of drive() is done: its greenlet needs no handle
                callback(*args)
                return None
            else:
                handle = QuickHandle(callback, args, self, context)
                ready(handle)
            if not self._kicked:
                self._kicked = True
                self._kick = self._run_callback(self._enter_runner)
            return handle

        self.__dict__["call_soon"] = call_soon

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run ``callback`` soon; may be called from any thread and from signal handlers."""
        if self._native_ident() == self._home_ident:
            return traced(self.call_soon(callback, *args, context=context))
        return super().call_soon_threadsafe(callback, *args, context=context)  # through the self-pipe

    def _wake(self) -> None:
        """Have the hub run a turn, unless it will anyway."""
        if not self._kicked:
            self._kicked = True
            self._kick = self._run_callback(self._enter_runner)

    def _add_callback_signalsafe(self, handle: asyncio.Handle) -> None:
        self._add_callback(handle)  # type: ignore[attr-defined]
        self._wake()

    def _check_call(self, callback: Callable[..., object], method: str) -> None:
        self._check_closed()  # type: ignore[attr-defined]
        if self._debug:
            self._check_thread()
            self._check_callback(callback, method)  # type: ignore[attr-defined]

    def _check_thread(self) -> None:
        """Compare native thread ids: patched ``threading.get_ident`` differs from greenlet to greenlet."""
        if self._thread_id is not None and self._native_ident() != self._home_ident:
            raise RuntimeError("Non-thread-safe operation invoked on an event loop other than the current one")

    # -- turns and batches ---------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Run turns until nobody serves the loop any more; the body of the runner."""
        runner = self._runner
        assert runner is not None
        while True:
            self._idle = False
            runner.enter()
            try:
                self._run_turn()
            except (SystemExit, KeyboardInterrupt) as error:
                self._on_exit_request(error)
            runner.switch_out()
            if self._thread_id is None:  # stopped in this turn, or while a step of it was blocked
                self._runner = None
                return
            self._schedule_next()
            if not self._await_turn():
                return

    def _await_turn(self) -> bool:
        """Let the hub run until the next turn; return False when there will be none."""
        self._idle = True
        while True:
            try:
                RawGreenlet.switch(self._hub)
            except BaseException as error:  # noqa: BLE001 - e.g. a gevent.Timeout that a step left running
                if self._thread_id is None:
                    return False
                self._runner.switch_out()  # type: ignore[union-attr]
                self.call_exception_handler({"message": "Thrown into the idle loop", "exception": error})
            else:
                return True

    def _run_turn(self) -> None:
        """Run batches until nothing is ready, a greenlet is to be resumed, or the turn is over."""
        self._yielding = False
        now = self._turn_at = monotonic()
        until = now + _TURN_S
        while True:
            self._run_batch(now)
            if not self._ready or self._yielding or self._stopping:
                return
            now = monotonic()
            if now >= until:
                return

    def _run_batch(self, now: float) -> None:
        """Run the handles that are ready now, not those they add."""
        if self._fired:
            self._process_events(self._selector.select())  # type: ignore[attr-defined]
        if self._scheduled and self._scheduled[0]._when <= now:
            self._pull_due(now)
        popleft: Callable[[], Any] = self._ready.popleft
        run = self._run_watched if self._debug else None
        for _ in range(len(self._ready)):
            handle = popleft()
            try:
                if handle.__class__ is tuple:
                    context, callback, args = handle
                    if args:
                        context.run(callback, *args)
                    else:
                        context.run(callback)
                elif handle._cancelled:
                    continue
                elif run is None:
                    # What Handle._run does, without the call.
                    handle._context.run(handle._callback, *handle._args)
                else:
                    run(handle)
            except (SystemExit, KeyboardInterrupt):
                self._failing = handle
                raise
            except BaseException as error:  # noqa: BLE001 - as Handle._run does
                self._on_callback_error(handle, error)
        # An exception holds this frame, and the task of the last handle holds the exception.
        handle = context = callback = args = None

    def _run_watched(self, handle: Any) -> None:
        """Run ``handle`` as debug mode wants it: with a warning when it takes long."""
        self._current_handle = handle
        start = monotonic()
        try:
            handle._run()
        finally:
            self._current_handle = None
        took = monotonic() - start
        if took >= self.slow_callback_duration:
            described = base_events._format_handle(handle)  # type: ignore[attr-defined]
            _log.warning("Executing %s took %.3f seconds", described, took)

    def _schedule_next(self) -> None:
        """After a turn: have the hub come back when there is more to do."""
        self._selector.rearm()
        if self._stopping and self._parked is not None:
            self._run_callback(self._parked.switch, None)
        elif not self._ready and not self._fired:
            self._kicked = False
        elif self._turn_at - self._polled_at > _POLL_EVERY_S:
            self._poll_timer.start(self._on_polled)
        else:
            self._kick = self._run_callback(self._enter_runner)

    def _on_polled(self) -> None:
        """In the hub, which has looked at its sockets: the turn comes after all that it found there."""
        self._polled_at = monotonic()
        self._kick = self._run_callback(self._enter_runner)

    def _as_handle(self, entry: Any) -> Any:
        """Return a ready entry as the handle it stands for."""
        return QuickHandle(entry[1], entry[2], self, entry[0]) if entry.__class__ is tuple else entry

    # -- what handles raise --------------------------------------------------------------------------------

    def _on_callback_error(self, handle: Any, error: BaseException) -> None:
        handle = self._as_handle(handle)
        source = format_helpers._format_callback_source(handle._callback, handle._args)
        context = {"message": f"Exception in callback {source}", "exception": error, "handle": handle}
        if handle._source_traceback:
            context["source_traceback"] = handle._source_traceback
        self.call_exception_handler(context)

    def _on_exit_request(self, error: BaseException) -> None:
        """Hand SystemExit or KeyboardInterrupt to the one it is for: the hub and other tasks must live on."""
        handle, self._failing = self._as_handle(self._failing), None
        task = getattr(handle._callback, "__self__", None) if handle is not None else None
        if task is not None and self._is_awaited(task):
            return
        if self._parked is not None:
            self._run_callback(self._parked.throw, error)
        elif handle is not None:
            self._on_callback_error(handle, error)
        else:  # Ctrl-C in a moment between two handles
            self._run_callback(self._hub.parent.throw, error)

    def _on_driven_done(self, task: asyncio.Task[Any]) -> None:
        raise NotImplementedError

    def _is_awaited(self, task: object) -> bool:
        """Whether a greenlet waits for ``task`` in ``drive`` and so will be given its exception."""
        raise NotImplementedError

    # -- who serves ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Have the hub serve the loop from now on; no greenlet sits in ``run_forever``. Idempotent."""
        self._check_closed()  # type: ignore[attr-defined]
        if self._thread_id is None:
            self._begin()

    def stop_service(self) -> None:
        """Undo ``start()``: handles wait until the loop is served again. Idempotent."""
        if self._thread_id is not None and self._parked is None:
            self._end()

    def run_forever(self) -> None:
        """Serve the loop until ``stop()``: the calling greenlet waits, the other greenlets of the hub run."""
        self._check_closed()  # type: ignore[attr-defined]
        self._check_running()  # type: ignore[attr-defined]
        self._begin()
        self._parked = Waiter(self._hub)
        try:
            self._parked.get()
        finally:
            self._parked = None
            self._end()

    def stop(self) -> None:
        """Have ``run_forever`` return after the batch in hand; RuntimeError when the hub serves the loop."""
        if self._thread_id is not None and self._parked is None:
            raise RuntimeError("the gevent hub serves this loop: it ends with stop_service(), not with stop()")
        self._stopping = True
        self._wake()

    def close(self) -> None:
        """Stop the service and free what the loop holds; RuntimeError inside ``run_forever``."""
        self.stop_service()
        self._quicken(False)
        super().close()
        self._poll_timer.close()

    def _begin(self) -> None:
        if self._native_ident() != self._home_ident:
            raise RuntimeError("a HubLoop can be served only in the thread that made it")
        self._set_coroutine_origin_tracking(self._debug)  # type: ignore[attr-defined]
        self._old_hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
        self._thread_id = self._home_ident
        self._arm_earliest_timer()
        if self._runner is None:  # else a step of an earlier time still blocks it: it goes on when that ends
            self._runner = Runner(self._serve, self._hub)
            self._runner.loop = self
            self._runner.steps = self.steps
            self._enter_runner = RawGreenlet.switch.__get__(self._runner)
            self._poll_timer.start(self._on_polled)  # the first turn sees the sockets as they are, as in asyncio

    def _end(self) -> None:
        self._stopping = False
        self._thread_id = None
        self._kicked = True
        self._disarm_timer()
        self._poll_timer.stop()
        if self._kick is not None:
            self._kick.stop()
        self._set_coroutine_origin_tracking(False)  # type: ignore[attr-defined]
        sys.set_asyncgen_hooks(*self._old_hooks)
        runner = self._runner
        if runner is not None and self._idle:
            self._runner = None
            runner.parent = getcurrent()  # a greenlet that ends switches to its parent: come back here
            RawGreenlet.throw(runner, GreenletExit)
