"""Child processes: asyncio's own, watched also where the target's policy knows no child watchers."""

from __future__ import annotations

import asyncio
import warnings
from asyncio import events, unix_events
from typing import Any


class HubChildren(asyncio.SelectorEventLoop):
    """The part of the loop that starts child processes.

    No child watcher of libev may be in the process (``gevent.subprocess`` makes one): it reaps every child, and those
    of the target then seem to have exited with 0.
    """

    async def _make_subprocess_transport(self, protocol: Any, *args: Any, **kwargs: Any) -> Any:
        if _policy_watches_children():
            return await super()._make_subprocess_transport(protocol, *args, **kwargs)  # type: ignore[misc]
        # As there, with the watcher that asyncio has by default: uvloop's policy leaves children to uvloop's loops.
        waiter = self.create_future()
        transport: Any = unix_events._UnixSubprocessTransport(  # type: ignore[attr-defined]
            self, protocol, *args, waiter=waiter, **kwargs
        )
        unix_events.ThreadedChildWatcher().add_child_handler(
            transport.get_pid(),
            self._child_watcher_callback,  # type: ignore[attr-defined]
            transport,
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


def _policy_watches_children() -> bool:
    """Whether asyncio finds a child watcher where it looks for one, up to Python 3.13; later it looks nowhere."""
    find = getattr(events, "get_child_watcher", None)
    if find is None:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            find()
        except NotImplementedError:
            return False
    return True
