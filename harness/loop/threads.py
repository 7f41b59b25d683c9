"""Native threads for blocking calls: ``asyncio.to_thread`` and name resolution."""

from __future__ import annotations

import concurrent.futures
import os
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from gevent.hub import get_hub
from gevent.threadpool import ThreadPool

_Future = concurrent.futures.Future[Any]
_Call = Callable[[], Any]


class HubThreads(concurrent.futures.Executor):
    """An executor on native threads of gevent, at most ``size`` of them: as many as asyncio's own has by default.

    To be used in the thread that made it. Calls beyond the number of threads wait here, in order, because
    ``gevent.threadpool.ThreadPool.spawn`` blocks its caller (the loop) when all threads are taken.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size or min(32, (os.cpu_count() or 1) + 4)
        self._pool = ThreadPool(self._size, get_hub())
        self._waiting: deque[tuple[_Future, _Call]] = deque()
        self._running = 0
        self._refusing = False
        self._on_drained: list[Callable[[], object]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> _Future:
        """Run ``fn`` in a native thread; RuntimeError after ``shutdown()``."""
        if self._refusing:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: _Future = concurrent.futures.Future()
        self._waiting.append((future, partial(fn, *args, **kwargs)))
        self._spawn_waiting()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Take no more calls. Does not wait for those there are, whatever ``wait``; see ``drained()``."""
        self._refusing = True
        if cancel_futures:
            for future, _ in self._waiting:
                future.cancel()
        self._end_if_drained()

    def drained(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` once, after ``shutdown()``, when no call is left; at once when there is none."""
        self._on_drained.append(callback)
        self._end_if_drained()

    def _spawn_waiting(self) -> None:
        while self._waiting and self._running < self._size:
            future, call = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                self._running += 1
                self._pool.spawn(_outcome, call).rawlink(partial(self._on_outcome, future))

    def _on_outcome(self, future: _Future, done: Any) -> None:
        self._running -= 1
        result, error = done.get(block=False)
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        self._spawn_waiting()
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if not self._refusing or self._running or self._waiting:
            return
        self._pool.maxsize = 0  # tells the threads to end, without waiting for them
        callbacks, self._on_drained = self._on_drained, []
        for callback in callbacks:
            callback()


def _outcome(call: _Call) -> tuple[Any, BaseException | None]:
    """Return what ``call`` returns or raises: gevent prints what a thread of its pool raises."""
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001 - as concurrent.futures.thread does
        return None, error
