"""How handles get run: in batches, in one greenlet, whenever the hub has a turn for it."""

from __future__ import annotations

import asyncio
import heapq
import logging
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from gevent import monkey
from gevent.hub import Hub, Waiter, get_hub
from greenlet import GreenletExit, getcurrent
from greenlet import greenlet as RawGreenlet  # noqa: N812 - gevent's own name for it

from harness.loop.selector import HubSelector

if TYPE_CHECKING:
    from asyncio.events import Handle, TimerHandle

_set_running_loop = events._set_running_loop
_H = TypeVar("_H", bound=events.Handle)
_NEVER = float("inf")
# Between two looks at sockets and timers of the hub handles may run for this long. gevent itself looks only
# after 50 callbacks (libev/corecext.pyx, CALLBACK_CHECK_COUNT), and one callback is a whole batch here.
_POLL_EVERY_S = 0.002
_TURN_S = 0.0005
_MAX_TIMER_S = 24 * 3600.0
_MIN_CANCELLED_TIMERS = 100


class _Handle(events.Handle):
    """A handle made without asking the loop for its debug mode: a fifth of its cost."""

    __slots__ = ()

    def __init__(self, callback: Any, args: Any, loop: Any, context: Context | None) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


def _traced(handle: _H) -> _H:
    """Take the loop's own frame off the traceback that debug mode keeps of where a handle was made."""
    if handle._source_traceback:  # type: ignore[attr-defined]
        del handle._source_traceback[-1]  # type: ignore[attr-defined]
    return handle


class _Runner(RawGreenlet):
    """The greenlet that runs all handles of a loop, so that a step may block cooperatively.

    While a step does (patched ``time.sleep``), other greenlets run in this thread: the running loop is taken
    away when gevent switches out of the step, and given back when it switches in again.
    """

    loop: ServedLoop

    def switch_out(self) -> None:
        """Take the running loop away; called by gevent's ``Hub.switch``."""
        _set_running_loop(None)

    def switch(self, *args: Any, **kwargs: Any) -> Any:
        """Resume a step that waited for something."""
        _set_running_loop(self.loop)
        return super().switch(*args, **kwargs)

    def throw(self, *args: Any) -> Any:
        """Resume a step that waited for something, with an exception."""
        _set_running_loop(self.loop)
        return super().throw(*args)


class ServedLoop(asyncio.SelectorEventLoop):
    """An asyncio loop without a loop: callbacks of the gevent hub run its handles.

    It must be used in the thread, and so with the hub, it was made in.
    """

    _ready: deque[Handle]
    _scheduled: list[TimerHandle]
    _timer_cancelled_count: int
    _thread_id: int | None
    _debug: bool
    _closed: bool
    _stopping: bool
    _clock_resolution: float
    _current_handle: Handle | None
    _selector: HubSelector
    time: ClassVar[Callable[[], float]] = monotonic  # type: ignore[assignment]  # saves a Python call per timer

    def __init__(self) -> None:
        hub = get_hub()
        self._hub: Hub = hub
        self._run_callback = hub.loop.run_callback
        self._native_ident: Callable[[], int] = monkey.get_original("_thread", "get_ident")
        self._home_ident = self._native_ident()
        # True while the hub need not be told of new handles: it knows, or a batch is running, or nobody serves.
        self._kicked = True
        self._kick: Any = None
        self._idle = True
        self._runner: _Runner | None = None
        self._enter: Callable[[], object] | None = None
        self._parked: Waiter | None = None
        self._old_hooks: Any = None
        self._timer: Any = None
        self._timer_due = _NEVER
        self._poll_timer = hub.loop.timer(0.0, ref=False)
        self._polled_at = 0.0
        self._turn_at = 0.0
        self._yielding = False
        self._failing: Any = None
        selector = HubSelector(hub, self._wake)
        self._fired = selector.fired
        super().__init__(selector)

    # -- handles -------------------------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """Run ``callback`` in the next batch."""
        if callback is self._resume:  # a task of drive() is done: its greenlet needs no handle
            callback(*args)
            return None  # type: ignore[return-value]  # the task does not look at it
        if self._closed or self._debug:
            self._check_call(callback, "call_soon")
            handle = _traced(events.Handle(callback, args, self, context))
        else:
            handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        if not self._kicked:
            self._kicked = True
            self._kick = self._run_callback(self._enter)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Handle:
        """Run ``callback`` soon; may be called from any thread and from signal handlers."""
        if self._native_ident() == self._home_ident:
            if self._closed or self._debug:
                self._check_call(callback, "call_soon_threadsafe")
            handle = _traced(events.Handle(callback, args, self, context))
            self._ready.append(handle)
            self._wake()
            return handle
        return super().call_soon_threadsafe(callback, *args, context=context)  # writes to the self-pipe

    def _check_call(self, callback: Callable[..., object], method: str) -> None:
        self._check_closed()  # type: ignore[attr-defined]
        if self._debug:
            if self._native_ident() != self._home_ident:
                self._check_thread()
            self._check_callback(callback, method)  # type: ignore[attr-defined]

    def _check_thread(self) -> None:
        """Compare native thread ids: monkey-patched ``threading.get_ident`` differs from greenlet to greenlet."""
        if self._thread_id is not None and self._native_ident() != self._home_ident:
            raise RuntimeError("Non-thread-safe operation invoked on an event loop other than the current one")

    def _add_callback(self, handle: Handle) -> None:
        if not handle._cancelled:  # type: ignore[attr-defined]
            self._ready.append(handle)

    def _add_callback_signalsafe(self, handle: Handle) -> None:
        self._add_callback(handle)
        self._wake()

    def _wake(self) -> None:
        """Have the hub run a batch, unless it will anyway."""
        if not self._kicked:
            self._kicked = True
            self._kick = self._run_callback(self._enter)

    # -- batches -------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Run batches until nobody serves the loop any more; the body of the runner greenlet."""
        to_hub = RawGreenlet.switch.__get__(self._hub)
        while True:
            self._idle = False
            _set_running_loop(self)
            try:
                self._run_turn()
            except (SystemExit, KeyboardInterrupt) as error:
                self._on_exit_request(error)
            _set_running_loop(None)
            self._schedule_next()
            if self._thread_id is None:
                self._runner = None
                return
            self._idle = True
            try:
                to_hub()
            except BaseException as error:  # noqa: BLE001 - e.g. a gevent.Timeout a step left running
                if self._thread_id is None:
                    return
                _set_running_loop(None)
                self.call_exception_handler({"message": "thrown into the idle loop", "exception": error})

    def _run_turn(self) -> None:
        """Run batches until a greenlet is to be resumed, or nothing is ready, or the hub wants its turn.

        Each way to the hub and back costs 4 µs; a single ROUTE stage takes 7 batches.
        """
        self._yielding = False
        now = monotonic()
        until = now + _TURN_S
        while True:
            self._run_batch(now)
            if not self._ready or self._yielding or self._stopping:
                break
            now = monotonic()
            if now >= until:
                break
        self._turn_at = now

    def _run_batch(self, now: float) -> None:
        """Run the handles that are ready now, not those they add."""
        if self._fired:
            self._process_events(self._selector.select())  # type: ignore[attr-defined]
        scheduled = self._scheduled
        if scheduled and scheduled[0]._when <= now:  # type: ignore[attr-defined]
            self._pull_due()
        if self._debug:
            self._run_batch_debug()
            return
        popleft = self._ready.popleft
        for _ in range(len(self._ready)):
            handle: Any = popleft()
            if handle._cancelled:
                continue
            # Handle._run without its Python call: 60 ns of 1 µs.
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                self._failing = handle
                raise
            except BaseException as error:  # noqa: BLE001 - as Handle._run
                self._on_callback_error(handle, error)

    def _run_batch_debug(self) -> None:
        for _ in range(len(self._ready)):
            handle: Any = self._ready.popleft()
            if handle._cancelled:
                continue
            self._current_handle = self._failing = handle
            try:
                start = monotonic()
                handle._run()
                took = monotonic() - start
                if took >= self.slow_callback_duration:
                    described = asyncio.base_events._format_handle(handle)  # type: ignore[attr-defined]
                    logging.getLogger("asyncio").warning("Executing %s took %.3f seconds", described, took)
            finally:
                self._current_handle = None

    def _on_callback_error(self, handle: Any, error: BaseException) -> None:
        source = asyncio.format_helpers._format_callback_source(handle._callback, handle._args)  # type: ignore[attr-defined]
        context: dict[str, Any] = {"message": f"Exception in callback {source}", "exception": error, "handle": handle}
        if handle._source_traceback:
            context["source_traceback"] = handle._source_traceback
        self.call_exception_handler(context)

    def _on_exit_request(self, error: BaseException) -> None:
        """Hand SystemExit and KeyboardInterrupt to whom they are for; the hub must live on."""
        handle, self._failing = self._failing, None
        task = getattr(getattr(handle, "_callback", None), "__self__", None)
        if isinstance(task, asyncio.Future) and self._is_awaited(task):
            return
        if self._parked is not None:
            self._run_callback(self._parked.throw, error)
        else:
            self._on_callback_error(handle, error)

    def _is_awaited(self, task: asyncio.Future[Any]) -> bool:
        """Whether a greenlet waits for ``task`` and will be given its exception."""
        raise NotImplementedError

    def _schedule_next(self) -> None:
        """After a batch: let the hub's other greenlets run, then the next batch if one is due."""
        self._selector.rearm()
        if self._thread_id is None:
            self._kicked = True
        elif self._stopping and self._parked is not None:
            self._run_callback(self._parked.switch, None)
        elif not self._ready and not self._fired:
            self._kicked = False
        elif self._turn_at - self._polled_at > _POLL_EVERY_S:
            self._poll_timer.start(self._on_polled)
        else:
            self._kick = self._run_callback(self._enter)

    def _on_polled(self) -> None:
        """Run the next batch after all else that the hub's look at sockets and timers has found."""
        self._polled_at = monotonic()
        self._kick = self._run_callback(self._enter)

    # -- timers --------------------------------------------------------------------------------------------

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """Run ``callback`` after ``delay`` seconds."""
        if delay is None:
            raise TypeError("delay must not be None")
        return _traced(self.call_at(self.time() + delay, callback, *args, context=context))

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """Run ``callback`` when ``time()`` is ``when`` seconds."""
        if when is None:
            raise TypeError("when cannot be None")
        if self._closed or self._debug:
            self._check_call(callback, "call_at")
        handle = _traced(events.TimerHandle(when, callback, args, self, context))
        heapq.heappush(self._scheduled, handle)
        handle._scheduled = True  # type: ignore[attr-defined]
        if when < self._timer_due and self._thread_id is not None:
            self._arm_timer(when)
        return handle

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Purge the heap when most of it is cancelled: a 30 s timer per stage, cancelled microseconds later."""
        if not handle._scheduled:  # type: ignore[attr-defined]
            return
        self._timer_cancelled_count += 1
        if self._timer_cancelled_count > _MIN_CANCELLED_TIMERS:
            if self._timer_cancelled_count * 2 > len(self._scheduled):
                handle._cancelled = True  # type: ignore[attr-defined]  # told before it sets it itself
                self._purge_timers()
                handle._cancelled = False  # type: ignore[attr-defined]

    def _purge_timers(self) -> None:
        kept: list[Any] = []
        for handle in self._scheduled:
            if handle._cancelled:  # type: ignore[attr-defined]
                handle._scheduled = False  # type: ignore[attr-defined]
            else:
                kept.append(handle)
        heapq.heapify(kept)
        self._scheduled = kept
        self._timer_cancelled_count = 0

    def _arm_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.close()
        self._timer_due = when
        delay = min(max(0.0, when - monotonic()), _MAX_TIMER_S)
        self._timer = self._hub.loop.timer(delay, ref=False)
        self._timer.start(self._on_timer, update=True)  # libev's cached time lags while the target computes

    def _disarm_timer(self) -> None:
        if self._timer is not None:
            self._timer.close()
        self._timer = None
        self._timer_due = _NEVER

    def _on_timer(self) -> None:
        self._disarm_timer()
        self._pull_due()
        if self._scheduled:
            self._arm_timer(self._scheduled[0]._when)  # type: ignore[attr-defined]
        if self._ready:
            self._wake()

    def _pull_due(self) -> None:
        """Move the timers that are due, and the cancelled ones before them, out of the heap."""
        scheduled: list[Any] = self._scheduled
        end = monotonic() + self._clock_resolution
        while scheduled and (scheduled[0]._cancelled or scheduled[0]._when < end):
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            if handle._cancelled:
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(handle)

    # -- who serves ----------------------------------------------------------------------------------------

    @property
    def _serving(self) -> bool:
        return self._thread_id is not None

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
        """Serve the loop until ``stop()``; the calling greenlet waits, other greenlets of the hub run."""
        self._check_closed()  # type: ignore[attr-defined]
        self._check_running()  # type: ignore[attr-defined]
        self._parked = Waiter(self._hub)
        self._begin()
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
        super().close()
        self._poll_timer.close()

    def _begin(self) -> None:
        if self._native_ident() != self._home_ident:
            raise RuntimeError("a HubLoop can only be served by the hub of the thread that made it")
        self._set_coroutine_origin_tracking(self._debug)  # type: ignore[attr-defined]
        self._old_hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(
            firstiter=self._asyncgen_firstiter_hook,  # type: ignore[attr-defined]
            finalizer=self._asyncgen_finalizer_hook,  # type: ignore[attr-defined]
        )
        self._thread_id = self._home_ident
        if self._scheduled:
            self._arm_timer(self._scheduled[0]._when)  # type: ignore[attr-defined]
        if self._runner is not None:  # a step of an earlier run still blocks it
            return
        self._runner = _Runner(self._serve, self._hub)
        self._runner.loop = self
        self._idle = True
        self._enter = RawGreenlet.switch.__get__(self._runner)
        # The first batch comes after a look at the sockets, as in asyncio.
        self._poll_timer.start(self._on_polled)

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
            # Ends it here and now, and comes back: a greenlet that ends switches to its parent.
            self._runner = None
            runner.parent = getcurrent()
            RawGreenlet.throw(runner, GreenletExit)
