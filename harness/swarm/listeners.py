"""Listeners that raise: Locust logs that and goes on, so that a run could pass without what they were for."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

import locust.event
from locust.env import Environment
from locust.event import EventHook

from harness.judge.user_errors import LISTENER
from harness.words.errors import one_line

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


def watch_listeners(environment: Environment, on_raised: OnRaised) -> None:
    """Have ``on_raised`` called with which listener raised, in words, and what."""

    def told(error: BaseException) -> None:
        on_raised(_which(environment, error.__traceback__), error)

    module: Any = locust.event
    module.logging = _Log(told)


def _which(environment: Environment, traceback: TracebackType | None) -> str:
    """Return the listener and its event, from the frame of ``EventHook.fire`` that caught what it raised."""
    handler = None if traceback is None else traceback.tb_frame.f_locals.get("handler")
    if handler is None:
        return f"{LISTENER}of an event"
    hooks = {name: hook for name, hook in vars(environment.events).items() if isinstance(hook, EventHook)}
    event = next((name for name, hook in hooks.items() if handler in hook._handlers), None)
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    return f"{LISTENER}{name}" + ("" if event is None else f" of {event}")


def told_of(which: str, error: BaseException) -> str:
    """Return in one line what a listener raised."""
    return f"{which}: {one_line(error)}"
