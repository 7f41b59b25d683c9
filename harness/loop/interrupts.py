"""Ctrl-C goes to the main greenlet, never into the code of the target."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

from gevent.hub import get_hub
from greenlet import getcurrent


def deliver_interrupts_to_main() -> Callable[[], None]:
    """Have SIGINT raise KeyboardInterrupt in the main greenlet, where Locust waits; return what undoes it.

    Python raises it wherever the main thread happens to be: mostly in a stage of the target, which may swallow
    it, or whose operation would then be blamed. A second SIGINT while the first is undelivered, because the
    target blocks the thread, is raised there and then. Call it in the main thread (ValueError elsewhere).
    """
    hub = get_hub()
    undelivered = False

    def deliver() -> None:
        nonlocal undelivered
        undelivered = False
        hub.parent.throw(KeyboardInterrupt())

    def on_sigint(_signum: int, _frame: FrameType | None) -> None:
        nonlocal undelivered
        if undelivered or getcurrent() is hub.parent:
            raise KeyboardInterrupt
        undelivered = True
        hub.loop.run_callback_threadsafe(deliver)

    previous = signal.signal(signal.SIGINT, on_sigint)

    def undo() -> None:
        signal.signal(signal.SIGINT, previous)

    return undo
