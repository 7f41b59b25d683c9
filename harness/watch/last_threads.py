"""Ending a process in spite of threads of the target that do not end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

PATIENCE_S = 2.0
"""How long threads may take to end after the process has done all it had to do."""


def end_in_spite_of_threads(code: int, say: Callable[[str], object], end: Callable[[int], object] = os._exit) -> None:
    """See to it that this process ends with ``code`` soon after its main thread has, whatever other threads do.

    Python waits for all threads that are no daemons, and for those of executors: one that never returns would keep a
    run that has its verdict. What is registered by ``atexit`` does not run then, and that is said.
    """

    def watch() -> None:
        threading.main_thread().join()
        until = time.monotonic() + PATIENCE_S
        for thread in _others():
            thread.join(max(until - time.monotonic(), 0.0))
        left = [thread.name for thread in _others()]
        if left:
            say(f"the process ends in spite of {len(left)} of the target's threads that do not: {', '.join(left[:5])}")
            sys.stdout.flush()
            sys.stderr.flush()
            end(code)

    threading.Thread(target=watch, name="routeswarm-end", daemon=True).start()


def _others() -> list[threading.Thread]:
    own = (threading.main_thread(), threading.current_thread())
    return [thread for thread in threading.enumerate() if thread not in own and not thread.daemon]
