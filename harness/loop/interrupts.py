"""Ctrl-C goes to the main greenlet, never into the code of the target."""

from __future__ import annotations

import signal
from collections.abc import Callable
from time import monotonic
from types import FrameType

from gevent.hub import get_hub
from greenlet import getcurrent

PATIENCE_S = 1.0
"""How long the hub may take to deliver a Ctrl-C before a further one is taken to mean that the target blocks it."""


def deliver_interrupts_to_main(on_asked: Callable[[], object] = bool) -> Callable[[], None]:
    """Have SIGINT raise KeyboardInterrupt in the main greenlet, where Locust waits; return what undoes it.

    Python raises it wherever the main thread happens to be: mostly in a stage of the target, which may swallow
    it, or whose operation would then be blamed. If the first one is still undelivered after ``PATIENCE_S``, because
    the target blocks the thread, the next one is raised there and then. ``on_asked`` is called at each, wherever the
    thread is: somebody else may have to end the step. Call it in the main thread (ValueError elsewhere).
    """
    hub = get_hub()
    undelivered_since: float | None = None

    delivered_at = -PATIENCE_S  # one that follows at once would cut short what the first one set off

    def deliver() -> None:
        nonlocal undelivered_since, delivered_at
        undelivered_since = None
        delivered_at = monotonic()
        hub.parent.throw(KeyboardInterrupt())

    def on_sigint(_signum: int, _frame: FrameType | None) -> None:
        nonlocal undelivered_since, delivered_at
        on_asked()
        if monotonic() - delivered_at < PATIENCE_S:
            return
        if getcurrent() is hub.parent:
            delivered_at = monotonic()
            raise KeyboardInterrupt
        if undelivered_since is None:
            undelivered_since = monotonic()
            hub.loop.run_callback_threadsafe(deliver)
        elif monotonic() - undelivered_since > PATIENCE_S:
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, on_sigint)

    def undo() -> None:
        signal.signal(signal.SIGINT, previous)

    return undo
