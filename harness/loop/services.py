"""What the hub does for the loop in another way than asyncio: threads, name resolution, child processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import warnings
import weakref
from asyncio import unix_events
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from weakref import WeakKeyDictionary

import gevent.socket
import gevent.subprocess
from gevent import monkey
from gevent.hub import get_hub

from harness.loop.threads import HubThreads


class HubServices(asyncio.SelectorEventLoop):
    """The part of the loop that hands work to threads and processes."""

    _default_executor: Any
    _executor_shutdown_called: bool

    def __init__(self, *arguments: Any) -> None:
        self._native_executors: WeakKeyDictionary[ThreadPoolExecutor, HubThreads] = WeakKeyDictionary()
        super().__init__(*arguments)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run ``func`` in ``executor``, or in a native thread: blocking code there stops neither loop nor hub."""
        if executor is None and self._default_executor is None and not self._executor_shutdown_called:
            self._default_executor = HubThreads()
        elif type(executor or self._default_executor) is ThreadPoolExecutor:
            executor = self._native(executor or self._default_executor)
        return super().run_in_executor(executor, func, *args)

    def _native(self, executor: ThreadPoolExecutor) -> concurrent.futures.Executor:
        """Return native threads in the place of the target's own thread pool, whose threads gevent made greenlets."""
        made_for: Any = executor
        if made_for._shutdown or made_for._initializer or not monkey.is_module_patched("threading"):
            return executor
        threads = self._native_executors.get(executor)
        if threads is None:
            threads = self._native_executors[executor] = HubThreads(made_for._max_workers)
            weakref.finalize(executor, threads.shutdown)
        return threads

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Take no more calls and wait for those there are, up to ``timeout`` seconds (then RuntimeWarning)."""
        executor = self._default_executor
        if not isinstance(executor, HubThreads):
            await super().shutdown_default_executor(*(() if timeout is None else (timeout,)))
            return
        self._executor_shutdown_called = True
        drained = self.create_future()
        executor.shutdown(wait=False)
        executor.drained(lambda: None if drained.done() else drained.set_result(None))
        try:
            async with asyncio.timeout(timeout):
                await drained
        except TimeoutError:
            message = f"The executor did not finishing joining its threads within {timeout} seconds."
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - asyncio's signature
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Resolve in a native thread; gevent's own resolver would make a second hub there."""
        function = _unpatched("getaddrinfo")
        return await self.run_in_executor(None, function, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """Resolve in a native thread; gevent's own resolver would make a second hub there."""
        return await self.run_in_executor(None, _unpatched("getnameinfo"), sockaddr, flags)

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
            lambda child: (
                self.is_closed() or self.call_soon(self.call_soon, transport._process_exited, child.returncode)
            )
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


class _ChildTransport(unix_events._UnixSubprocessTransport):  # type: ignore[name-defined, misc]
    """A child process started and reaped by gevent: two reapers would take each other's exit codes."""

    def _start(self, args: Any, shell: bool, stdin: Any, stdout: Any, stderr: Any, bufsize: int, **kwargs: Any) -> None:
        self._proc = gevent.subprocess.Popen(
            args, shell=shell, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=bufsize, **kwargs
        )


def _unpatched(name: str) -> Callable[..., Any]:
    """Return ``socket``'s function as it was before gevent replaced it, unless somebody else has since."""
    function: Callable[..., Any] = getattr(socket, name)
    if function is getattr(gevent.socket, name):
        function = monkey.get_original("socket", name)
    return function
