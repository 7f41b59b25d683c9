"""Faults that delay: the call takes longer, and ends as it would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Annotated, ClassVar

from msgspec import Meta

from harness.load.faults.kinds.what import CALLS, Count, Delay, Effect, Struck, What


class Latency(What, frozen=True, tag="latency"):
    """Delay before the call: ``ms``; log-normal around that median with ``sigma``; Pareto from it on with ``alpha``.

    A spike delays only one call in ``one_in``.
    """

    effect: ClassVar = Effect.DELAY
    does: ClassVar = "a delay before the call"
    settings: ClassVar = (
        "`ms`; `sigma` (log-normal around `ms`) or `alpha` (Pareto from `ms` on); `one_in` (only one call in so many)"
    )
    units: ClassVar = {"ms": "{:g} ms", "one_in": "one in {:g}"}
    places: ClassVar = CALLS
    ms: Delay
    sigma: Annotated[float, Meta(ge=0, le=4)] = 0.0
    alpha: Annotated[float, Meta(gt=1, le=1000)] | None = None
    one_in: Count = 1

    def draw_ms(self, draw: Random) -> float:
        """Return the delay of one call in milliseconds."""
        if self.one_in > 1 and draw.random() * self.one_in >= 1:
            return 0.0
        if self.alpha is not None:
            return self.ms * draw.paretovariate(self.alpha)
        return self.ms * draw.lognormvariate(0.0, self.sigma) if self.sigma else self.ms

    def draw(self, random: Callable[[], Random]) -> float | None:
        """Return the delay in milliseconds; None between two spikes."""
        return self.draw_ms(random()) or None

    async def before(self, call: Struck, drawn: float) -> None:
        """Wait for what was drawn."""
        await asyncio.sleep(drawn / 1000)


class Slow(What, frozen=True, tag="slow"):
    """The answer takes ``factor`` times as long as it took."""

    effect: ClassVar = Effect.DELAY
    does: ClassVar = "the answer takes so many times as long"
    settings: ClassVar = "`factor`"
    units: ClassVar = {"factor": "x {:g}"}
    places: ClassVar = CALLS
    needs_call: ClassVar = True
    factor: Annotated[float, Meta(gt=1, le=10_000)]

    async def after(self, took_s: float) -> None:
        """Wait for what the call lacks of its time."""
        await asyncio.sleep(took_s * (self.factor - 1))


class Block(What, frozen=True, tag="block"):
    """The call holds the event loop for ``ms``."""

    effect: ClassVar = Effect.DELAY
    does: ClassVar = "the call holds the event loop"
    settings: ClassVar = "`ms`"
    units: ClassVar = {"ms": "{:g} ms"}
    holds_loop: ClassVar = True
    ms: Annotated[float, Meta(gt=0, le=10_000)]

    async def before(self, call: Struck, drawn: float) -> None:
        """Hold the loop."""
        call.hold_loop(self.ms)
