"""Ending a process in spite of threads of the target that do not end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, FunctionType

from harness.watch.exits import place_of

LOOK_S = 0.1
PATIENCE_S = 2.0
"""How long threads may take to end after the process has done all it had to do."""

LAST_S = 30.0
"""How long the process may take to end in all: functions of ``atexit``, children that Python waits for."""


def end_in_spite_of_threads(
    code: int, say: Callable[[str], object], end: Callable[[int], object] = os._exit, last_s: float = LAST_S
) -> None:
    """See to it that this process ends with ``code`` soon after its main thread has, whatever other threads do.

    Python waits for all threads that are no daemons, and for those of executors: one that never returns would keep a
    run that has its verdict. What is registered by ``atexit`` does not run then, and that is said. Nor may that take
    for ever, or the child processes that ``multiprocessing`` waits for there: ``last_s`` seconds from now on in all.
    """
    last = time.monotonic() + last_s

    def leave(why: str) -> None:
        say(why)
        sys.stdout.flush()
        sys.stderr.flush()
        end(code)

    def watch() -> None:
        _await_end_of_main(last)
        until = time.monotonic() + PATIENCE_S
        for thread in _others():
            thread.join(max(until - time.monotonic(), 0.0))
        left = [thread.name for thread in _others()]
        if left:
            leave(
                f"the process ends in spite of {len(left)} of the target's threads that do not: {', '.join(left[:5])}"
            )
        time.sleep(max(last - time.monotonic(), 0.0))  # mostly for good: the thread ends with the interpreter
        leave(f"the process ends in spite of what the target does at exit: {_at_main()}")

    threading.Thread(target=watch, name="routeswarm-end", daemon=True).start()


def _at_main() -> str:
    return place_of(sys._current_frames().get(threading.main_thread().ident or 0))


def _await_end_of_main(last: float) -> None:
    """Wait until the main thread has nothing left to do but to wait for other threads.

    While it waits for those of executors it still counts as alive (``threading._shutdown``; Python 3.11 and 3.12).
    """
    main = threading.main_thread()
    while time.monotonic() < last and main.is_alive() and not _is_leaving(sys._current_frames().get(main.ident or 0)):
        main.join(LOOK_S)


def _is_leaving(frame: FrameType | None) -> bool:
    leaving: FunctionType = threading._shutdown  # type: ignore[attr-defined]
    while frame is not None:
        if frame.f_code is leaving.__code__:
            return True
        frame = frame.f_back
    return False


def _others() -> list[threading.Thread]:
    own = (threading.main_thread(), threading.current_thread())
    return [thread for thread in threading.enumerate() if thread not in own and not thread.daemon]
