"""What the hub does for the loop in other ways than asyncio: threads, name resolution, child processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import socket
import warnings
from asyncio import unix_events
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent.socket
import gevent.subprocess
from gevent import monkey
from gevent.hub import get_hub
from gevent.threadpool import ThreadPool

_Job = tuple["concurrent.futures.Future[Any]", Callable[[], Any]]


class HubThreads(concurrent.futures.Executor):
    """An executor on native threads of gevent, at most as many as asyncio's own has.

    Must be used in the thread that made it. Jobs beyond the number of threads wait here, in order, because
    ``gevent.threadpool.ThreadPool.spawn`` blocks its caller when all threads are taken (and the loop with it).
    """

    def __init__(self) -> None:
        self._size = min(32, (os.cpu_count() or 1) + 4)
        self._pool = ThreadPool(self._size, get_hub())
        self._waiting: deque[_Job] = deque()
        self._running = 0
        self._refusing = False
        self._on_drained: list[Callable[[], object]] = []

    def submit(  # type: ignore[override]
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[Any]:
        """Run ``fn`` in a native thread; RuntimeError after ``shutdown()``."""
        if self._refusing:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        self._spawn_waiting()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs. Never waits for those there are, whatever ``wait``; see ``drained()``."""
        self._refusing = True
        if cancel_futures:
            for future, _ in self._waiting:
                future.cancel()
        self._end_if_drained()

    def drained(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the hub when no job is left; at once when there is none."""
        self._on_drained.append(callback)
        self._end_if_drained()

    def _spawn_waiting(self) -> None:
        while self._waiting and self._running < self._size:
            future, call = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                self._running += 1
                self._pool.spawn(_outcome, call).rawlink(lambda done, future=future: self._on_job(future, done))

    def _on_job(self, future: concurrent.futures.Future[Any], done: Any) -> None:
        self._running -= 1
        result, error = done.get(block=False)
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        self._spawn_waiting()
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._running or self._waiting or not self._refusing:
            return
        callbacks, self._on_drained = self._on_drained, []
        for callback in callbacks:
            callback()
        if self._pool is not None:
            pool, self._pool = self._pool, None
            pool._set_maxsize(0)  # tells the idle threads to end, without waiting for them


def _outcome(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Return what ``call`` returns or raises: an exception in a pool thread would be printed by the hub."""
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001 - as concurrent.futures.thread does
        return None, error


class _ChildTransport(unix_events._UnixSubprocessTransport):  # type: ignore[name-defined, misc]
    """A child process started and reaped by gevent: two reapers would take each other's exit codes."""

    def _start(self, args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, bufsize: int, **kwargs: Any) -> None:
        self._proc = gevent.subprocess.Popen(
            args, shell=shell, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=bufsize, **kwargs
        )


class HubServices(asyncio.SelectorEventLoop):
    """The part of the loop that hands work to threads and processes."""

    _default_executor: Any
    _executor_shutdown_called: bool
    _debug: bool

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run ``func`` in ``executor``, or in a native thread: blocking code there stops neither loop nor hub."""
        if executor is None and self._default_executor is None and not self._executor_shutdown_called:
            self._default_executor = HubThreads()
        return super().run_in_executor(executor, func, *args)

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Take no more jobs and wait for those there are, up to ``timeout`` seconds (then RuntimeWarning)."""
        executor = self._default_executor
        if not isinstance(executor, HubThreads):
            await super().shutdown_default_executor(*(() if timeout is None else (timeout,)))
            return
        self._executor_shutdown_called = True
        drained = self.create_future()
        executor.shutdown(wait=False)
        executor.drained(lambda: drained.done() or drained.set_result(None))
        try:
            async with asyncio.timeout(timeout):
                await drained
        except TimeoutError:
            warnings.warn(
                f"The executor did not finishing joining its threads within {timeout} seconds.",
                RuntimeWarning,
                stacklevel=2,
            )

    async def getaddrinfo(  # type: ignore[override]
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,  # noqa: A002
    ) -> Any:
        """Resolve in a native thread; gevent's own resolver would make a second hub there."""
        function = _native("getaddrinfo")
        return await self.run_in_executor(None, function, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:  # type: ignore[override]
        """Resolve in a native thread; gevent's own resolver would make a second hub there."""
        return await self.run_in_executor(None, _native("getnameinfo"), sockaddr, flags)

    async def _make_subprocess_transport(
        self,
        protocol: Any,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        extra: Any = None,
        **kwargs: Any,
    ) -> Any:
        if not get_hub().loop.default:
            raise RuntimeError("child processes need the main thread: only its hub is told when they end")
        waiter = self.create_future()
        transport = _ChildTransport(
            self, protocol, args, shell, stdin, stdout, stderr, bufsize, waiter=waiter, extra=extra, **kwargs
        )
        # One batch later, so that what the child wrote before it ended is read first.
        transport._proc.rawlink(
            lambda child: self.call_soon(self.call_soon, transport._process_exited, child.returncode)
        )
        try:
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        return transport


def _native(name: str) -> Callable[..., Any]:
    """Return ``socket``'s function as it was before gevent patched it, unless somebody else replaced it since."""
    current: Callable[..., Any] = getattr(socket, name)
    if current is getattr(gevent.socket, name):
        current = monkey.get_original("socket", name)
    return current
