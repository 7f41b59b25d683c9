"""Faults that decide: the call ends otherwise than by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, ClassVar, cast

from msgspec import Meta

from harness.load.faults.kinds.what import CALLS, HOUR_MS, Answers, Effect, Finder, Found, Struck, What
from harness.load.faults.kinds.where import Text


class Error(What, frozen=True, tag="error"):
    """The call raises: a builtin exception, or ``module:Class``."""

    effect: ClassVar = Effect.DECIDE
    does: ClassVar = "the call raises"
    settings: ClassVar = (
        "`type` (a builtin exception, `module:Class`, or a `module:function` of the message that returns one), "
        "`message`"
    )
    places: ClassVar = CALLS
    instead: ClassVar = True
    type: Text = "RuntimeError"
    message: str = "injected"

    def said(self) -> Iterator[str]:
        """Yield the exception, also where it is the default one."""
        yield f"{self.type}: {self.message}"

    def find(self, finder: Finder, place: str) -> Found:
        """Find what makes its exceptions."""
        return {"new": finder.exception(self.type, self.message, f"{place}: what.type")}

    async def decide(self, call: Struck) -> None:
        """Raise a new one."""
        raise cast(Exception, call.found["new"]())


class Hang(What, frozen=True, tag="hang"):
    """The call does not end until it is cancelled."""

    effect: ClassVar = Effect.DECIDE
    does: ClassVar = "the call does not end until it is cancelled, also after the window"
    places: ClassVar = CALLS
    instead: ClassVar = True

    async def decide(self, call: Struck) -> None:
        """Wait for what never comes."""
        await asyncio.get_running_loop().create_future()


class Timeout(What, frozen=True, tag="timeout"):
    """The call raises ``TimeoutError`` after ``after_ms``."""

    effect: ClassVar = Effect.DECIDE
    does: ClassVar = "the call raises `TimeoutError`"
    settings: ClassVar = "`after_ms`"
    units: ClassVar = {"after_ms": "after {:g} ms"}
    places: ClassVar = CALLS
    instead: ClassVar = True
    after_ms: Annotated[float, Meta(ge=0, le=HOUR_MS)] = 0.0

    async def decide(self, call: Struck) -> None:
        """Wait, and raise."""
        await asyncio.sleep(self.after_ms / 1000)
        raise TimeoutError(f"injected: no answer within {self.after_ms:g} ms")


class Cancel(What, frozen=True, tag="cancel"):
    """The task of the operation is cancelled."""

    effect: ClassVar = Effect.DECIDE
    does: ClassVar = "the task of the operation is cancelled"

    async def decide(self, call: Struck) -> None:
        """Cancel it."""
        # As a caller that goes away does. The stage itself goes on: Stageflow passes no cancellation down to it
        # (stageflow-core 1.2.0), and what becomes of it is the target's.
        call.cancel_operation()


class Empty(What, frozen=True, tag="empty"):
    """The call answers ok, with nothing in it."""

    effect: ClassVar = Effect.DECIDE
    does: ClassVar = "it answers ok, with nothing in it"

    def answer(self, given: object, answers: Answers) -> object:
        """Return an answer without content."""
        return answers.empty()


class Nothing(What, frozen=True, tag="none"):
    """The call returns None."""

    effect: ClassVar = Effect.DECIDE
    does: ClassVar = "it returns None"

    def answer(self, given: object, answers: Answers) -> object:
        """Return no answer."""
        return None
