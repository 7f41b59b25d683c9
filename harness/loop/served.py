"""How handles get run: in batches, in one greenlet, whenever the hub has a turn for it."""

from __future__ import annotations

import logging
import sys
from asyncio import base_events, format_helpers
from collections.abc import Callable
from time import monotonic
from typing import Any

from gevent.hub import Waiter, get_hub
from greenlet import GreenletExit, getcurrent
from greenlet import greenlet as RawGreenlet  # noqa: N812 - gevent's own name for it

from harness.loop.handles import Runner
from harness.loop.nested import TURN_S, NestedRuns
from harness.loop.steps import Steps

_log = logging.getLogger(__name__)


# How long the steps of one batch may take before the hub gets its turn: where each of thirty users has a step that
# blocks for a second, the hub would stand for all thirty, and they would look like one step that holds the thread.
_BATCH_S = 0.05


class ServedLoop(NestedRuns):
    """An asyncio loop that does not loop: callbacks of the gevent hub have its handles run.

    It can be served only in the thread, and so by the hub, it was made in.

    Attributes:
        broken: what the loop stopped serving for, for good; None while all is well.
        on_broken: called once with that, in the hub, when all who waited have been told.

    """

    _stopping: bool
    _asyncgen_firstiter_hook: Any
    _asyncgen_finalizer_hook: Any

    def __init__(self) -> None:
        hub = get_hub()
        self.steps = Steps()
        self.broken: BaseException | None = None
        self.on_broken: Callable[[BaseException], object] | None = None
        self._idle = True  # whether the runner waits for a turn
        self._failing: Any = None  # the handle that raised SystemExit or KeyboardInterrupt
        self._parked: Waiter | None = None  # of the greenlet in run_forever
        self._poll_timer = hub.loop.timer(0.0, ref=False)
        self._old_hooks: Any = (None, None)
        super().__init__(hub)

    # -- turns and batches ---------------------------------------------------------------------------------

    def _serve(self) -> None:
        """The body of the runner: take turns; when that fails, say so before the runner is gone."""
        runner = self._runner
        assert runner is not None
        try:
            self._take_turns(runner)
        except BaseException as error:  # noqa: BLE001 - whatever it was, somebody waits for a result
            if self.steps.since is not None:
                runner.switch_out()
            if self._runner is runner:
                self._runner = None
            self._run_callback(self._break, error)

    def _take_turns(self, runner: Runner) -> None:
        """Run turns until nobody serves the loop any more."""
        while True:
            self._idle = False
            runner.enter()
            try:
                self._run_turn()
            except (SystemExit, KeyboardInterrupt) as error:
                self._on_exit_request(error)
            runner.switch_out()
            if not self._serving:  # stopped in this turn, or while a step of it was blocked
                self._runner = None
                return
            self._schedule_next()
            if not self._await_turn(runner):
                return

    def _await_turn(self, runner: Runner) -> bool:
        """Let the hub run until the next turn; return False when there will be none."""
        self._idle = True
        while True:
            try:
                RawGreenlet.switch(self._hub)
            except BaseException as error:  # noqa: BLE001 - e.g. a gevent.Timeout that a step left running
                if not self._serving:
                    return False
                runner.switch_out()
                self._report({"message": "Thrown into the idle loop", "exception": error})
            else:
                return True

    def _run_turn(self) -> None:
        """Run batches until nothing is ready, a greenlet is to be resumed, or the turn is over."""
        self._yielding = False
        now = self._turn_at = monotonic()
        until = now + TURN_S
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
            self._process_events(self._selector.take())  # type: ignore[attr-defined]
        if self._scheduled and self._scheduled[0]._when <= now:
            self._pull_due(now)
        popleft: Callable[[], Any] = self._ready.popleft
        run = self._run_watched if self._debug else None
        until = now + _BATCH_S
        for _ in range(len(self._ready)):
            try:
                handle = popleft()
            except IndexError:  # a loop inside a step has run it
                break
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
            if monotonic() > until:  # the rest stays in its order, and the hub looks at its sockets and timers
                self._turn_at = monotonic()
                break
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
            base_events.logger.warning("Executing %s took %.3f seconds", described, took)  # type: ignore[attr-defined]
        handle = None  # from Python 3.12 on, what a step raised leads to this frame

    def _schedule_next(self) -> None:
        """After a turn: have the hub come back when there is more to do."""
        self._selector.rearm()
        if self._stopping:
            if self._parked is not None:
                self._run_callback(self._parked.switch, None)
                return
            self._stopping = False  # meant for a loop inside a step, which has ended
        if not self._ready and not self._fired:
            self._kicked = False
        else:
            self._schedule_turn()

    # -- what handles raise --------------------------------------------------------------------------------

    def _on_callback_error(self, handle: Any, error: BaseException) -> None:
        handle = self._as_handle(handle)
        source = format_helpers._format_callback_source(handle._callback, handle._args)
        context = {"message": f"Exception in callback {source}", "exception": error, "handle": handle}
        if handle._source_traceback:
            context["source_traceback"] = handle._source_traceback
        self._report(context)

    def _report(self, context: dict[str, Any]) -> None:
        """Hand ``context`` to the exception handler; what that raises ends neither the loop nor the process."""
        try:
            self.call_exception_handler(context)
        except KeyboardInterrupt as error:
            self._run_callback(self._hub.parent.throw, error)
        except BaseException:  # noqa: BLE001 - asyncio lets SystemExit of a handler pass; or the method was replaced
            _log.exception("The exception handler failed for: %s", context["message"])

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

    def _is_awaited(self, task: object) -> bool:
        """Whether a greenlet waits for ``task`` in ``drive`` and so will be given its exception."""
        raise NotImplementedError

    # -- who serves ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Have the hub serve the loop from now on; no greenlet sits in ``run_forever``. Idempotent."""
        self._check_closed()  # type: ignore[attr-defined]
        if not self._serving:
            self._begin()

    def stop_service(self) -> None:
        """Undo ``start()``: handles wait until the loop is served again. Idempotent."""
        if self._serving and self._parked is None:
            self._end()

    def run_forever(self) -> None:
        """Serve the loop until ``stop()``: the calling greenlet waits, the other greenlets of the hub run."""
        self._check_closed()  # type: ignore[attr-defined]
        if self._serving and self._may_nest():
            super().run_forever()
            return
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
        if self._serving and self._parked is None and not self._may_nest():
            raise RuntimeError("the gevent hub serves this loop: it ends with stop_service(), not with stop()")
        self._stopping = True
        self._wake()

    def close(self) -> None:
        """Stop the service and free what the loop holds; RuntimeError inside ``run_forever``, and in another thread."""
        if self._serving and self._native_ident() != self._home_ident:
            raise RuntimeError("Cannot close a running event loop")
        self.stop_service()
        self._quicken(False)
        super().close()
        self._from_threads.close()
        self._poll_timer.close()

    def _begin(self) -> None:
        if self._native_ident() != self._home_ident:
            raise RuntimeError("a HubLoop can be served only in the thread that made it")
        if self.broken is not None:
            raise RuntimeError(self._how_broken())
        self._set_coroutine_origin_tracking(self._debug)  # type: ignore[attr-defined]
        self._old_hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._asyncgen_firstiter_hook, finalizer=self._asyncgen_finalizer_hook)
        self._serving = True
        self._thread_id = self._home_ident
        self._arm_earliest_timer()
        if self._runner is None:
            self._runner = Runner(self._serve, self._hub)
            self._runner.loop = self
            self._runner.steps = self.steps
            self._enter_runner = RawGreenlet.switch.__get__(self._runner)
            self._poll_timer.start(self._on_polled)  # the first turn sees the sockets as they are, as in asyncio
        elif self._nested_waits:
            self._schedule_turn()
        # else a step of an earlier time still blocks the runner: it goes on when that ends

    def _end(self) -> None:
        self._stopping = False
        self._serving = False
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

    # -- when it ends by itself ----------------------------------------------------------------------------

    def _break(self, error: BaseException) -> None:
        """In the hub: the machinery of the loop has failed with ``error``. Nobody is left waiting."""
        if self.broken is not None:
            return
        self.broken = error
        _log.critical("%s", self._how_broken(), exc_info=error)
        if self._serving:
            if self._parked is not None:
                self._run_callback(self._parked.throw, self._broken_error())
            else:
                self._end()
        self._release(self._broken_error)
        if self.on_broken is not None:
            self._run_callback(self.on_broken, error)

    def _how_broken(self) -> str:
        kind = type(self.broken).__name__
        return f"the event loop stopped serving: {kind}: {self.broken}"

    def _broken_error(self) -> RuntimeError:
        error = RuntimeError(self._how_broken())
        error.__cause__ = self.broken
        return error

    def _release(self, error: Callable[[], BaseException]) -> None:
        """Throw into every greenlet that waits in ``drive`` an error of its own."""
        raise NotImplementedError
