"""How handles come to the loop: from its own thread without ceremony, from other threads through the hub."""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context
from types import BuiltinMethodType
from typing import Any

from gevent import monkey
from gevent.hub import Hub

from harness.loop.handles import QuickHandle, step_type, traced
from harness.loop.selector import HubSelector
from harness.loop.timers import HubTimers


class HubCalls(HubTimers):
    """The part of the loop that takes callbacks, and has the hub know of them."""

    _ready: deque[Any]  # of asyncio.Handle, or (context, callback, args) of a step of a C task
    _selector: HubSelector
    _current_handle: asyncio.Handle | None

    def __init__(self, hub: Hub) -> None:
        self._hub: Hub = hub
        self._run_callback = hub.loop.run_callback
        self._native_ident: Callable[[], int] = monkey.get_original("_thread", "get_ident")
        self._home_ident = self._native_ident()
        # True while the hub need not be told of new handles: it knows, or a turn is on, or nobody serves.
        self._kicked = True
        self._kick: Any = None
        self._enter_runner: Callable[[], object] | None = None
        self._step_type = step_type()
        self._quick_call_soon: Any = None
        self._nested = False  # whether anybody else's _run_once has taken handles
        self._resume: Callable[..., None] = self._on_driven_done  # bound once: call_soon knows it by identity
        self._from_threads: Any = hub.loop.async_(ref=False)
        self._from_threads.start(self._wake)
        selector = HubSelector(hub, self._wake, self._wait_nested)
        self._fired = selector.fired
        super().__init__(selector)

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

        Called seven times per ROUTE stage: as a method it would take a third longer. One that the target has put in
        its place stays.
        """
        if self.__dict__.get("call_soon") is not self._quick_call_soon:
            return
        self.__dict__.pop("call_soon", None)
        self._quick_call_soon = None
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

        self.__dict__["call_soon"] = self._quick_call_soon = call_soon

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Run ``callback`` soon; may be called from any thread and from signal handlers."""
        if self._native_ident() == self._home_ident:
            return traced(self.call_soon(callback, *args, context=context))
        self._check_closed()  # type: ignore[attr-defined]
        handle: asyncio.Handle
        if self._debug:
            self._check_callback(callback, "call_soon_threadsafe")  # type: ignore[attr-defined]
            handle = traced(events.Handle(callback, args, self, context))
        else:
            handle = QuickHandle(callback, args, self, context)
        self._ready.append(handle)
        # Always: a look at _kicked here would race with the turn that ends in the other thread.
        self._from_threads.send()
        return handle

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

    def _as_handle(self, entry: Any) -> Any:
        """Return a ready entry as the handle it stands for."""
        return QuickHandle(entry[1], entry[2], self, entry[0]) if entry.__class__ is tuple else entry

    def _on_driven_done(self, task: asyncio.Task[Any]) -> None:
        raise NotImplementedError

    def _wait_nested(self, timeout: float | None) -> None:
        raise NotImplementedError
