"""Listeners and greenlets that raise: that is logged and no more, so that a run could pass without their work."""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable
from traceback import walk_tb
from types import TracebackType
from typing import Any

import locust.event
from gevent import Greenlet
from gevent.hub import get_hub
from locust.env import Environment
from locust.event import EventHook
from locust.user.users import User

from harness.judge.validity.user_errors import GREENLET, LISTENER, SHAPE
from harness.words.errors import one_line

_TOLD = 100
"""Errors that are remembered: a greenlet ends right after Locust has told of its error."""

OnRaised = Callable[[str, BaseException], object]


class _Log:
    """``logging`` as ``locust/event.py`` sees it: it logs an error in one place, where a listener has raised.

    That is the only trace of it but for a flag (event.py, ``EventHook.fire``; locust 2.47); a filter of records would
    miss it at ``--loglevel CRITICAL`` and with ``--skip-log-setup``.
    """

    def __init__(self, on_raised: Callable[[BaseException], object]) -> None:
        self.on_raised = on_raised

    def error(self, *arguments: Any, **named: Any) -> None:
        raised = sys.exc_info()[1]
        if raised is not None:
            self.on_raised(raised)
        logging.error(*arguments, stacklevel=2, **named)  # the record stays Locust's, and is none of the target's

    def __getattr__(self, name: str) -> Any:
        return getattr(logging, name)


_before: list[tuple[object, BaseException]] = []  # who and what; the frame that tells who goes on to others


def watch_early() -> None:
    """Remember what listeners raise from now on, until ``watch_listeners`` has somebody to tell."""
    _before.clear()
    _tell(lambda error: _before.append((_listener(error), error)))


def raised_before(environment: Environment) -> list[str]:
    """Return what listeners raised since ``watch_early``, each in one line."""
    return [told_of(_which(environment, listener), error) for listener, error in _before]


def watch_listeners(environment: Environment, on_raised: OnRaised) -> None:
    """Have ``on_raised`` called with which listener raised, in words, and what."""

    def told(error: BaseException) -> None:
        on_raised(_which(environment, _listener(error)), error)

    _tell(told)


def _tell(on_raised: Callable[[BaseException], object]) -> None:
    module: Any = locust.event
    module.logging = _Log(on_raised)


def watch_greenlets(environment: Environment, on_raised: OnRaised) -> None:
    """Have ``on_raised`` called with which greenlet of this thread's hub ended by what it raised, and what.

    Not for what Locust's event ``user_error`` has told of: a user whose ``on_start`` raises ends by the same error.
    """
    hub: Any = get_hub()
    handle, told = hub.handle_error, deque[BaseException](maxlen=_TOLD)
    environment.events.user_error.add_listener(lambda exception, **_: told.append(exception))

    def handle_and_tell(context: object, kind: type[BaseException], value: Any, traceback: Any) -> None:
        handle(context, kind, value, traceback)
        raised = value if isinstance(value, BaseException) else kind()
        is_error = not issubclass(kind, (*hub.NOT_ERROR, *hub.SYSTEM_ERROR))
        if is_error and isinstance(context, Greenlet) and not any(raised is each for each in told):
            on_raised(_what(traceback), raised)

    hub.handle_error = handle_and_tell


def _what(traceback: TracebackType | None) -> str:
    """Return in words what a greenlet did: a user's, the load shape's, or that of some function.

    By its frames: what it was started with is forgotten in one that was killed (gevent 26.9).
    """
    frames = [frame for frame, _ in walk_tb(traceback) if not frame.f_code.co_filename.startswith("src/gevent/")]
    if not frames:
        return f"{GREENLET.strip()} of no known function"
    outermost = frames[0]
    if outermost.f_code.co_name == "shape_worker":
        return SHAPE
    user = outermost.f_locals.get("user")
    if isinstance(user, User):
        return f"{GREENLET}of {type(user).__name__}"
    return f"{GREENLET}{outermost.f_code.co_qualname.rpartition('<locals>.')[2]}"


def _listener(error: BaseException) -> object:
    """Return what raised, from the frame of ``EventHook.fire`` that has just caught it; None where that is not one."""
    traceback = error.__traceback__
    return None if traceback is None else traceback.tb_frame.f_locals.get("handler")


def _which(environment: Environment, handler: object) -> str:
    """Return in words which listener that is, and of which event."""
    if handler is None:
        return f"{LISTENER}of an event"
    hooks = {name: hook for name, hook in vars(environment.events).items() if isinstance(hook, EventHook)}
    event = next((name for name, hook in hooks.items() if handler in hook._handlers), None)
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    return f"{LISTENER}{name}" + ("" if event is None else f" of {event}")


def told_of(which: str, error: BaseException) -> str:
    """Return in one line what a listener or a greenlet raised."""
    return f"{which}: {one_line(error)}"
