"""A simulated model backend: a few slots, a first-in-first-out queue, log-normal service times.

Latency under load comes out of queueing for a slot, as it does in front of a real model server; nothing in
here knows the load.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from contextlib import suppress
from typing import NamedTuple


class BackendFull(Exception):  # noqa: N818 -- an answer of the simulated backend, not an error of this project
    """The queue of a backend was at its limit when a call arrived."""


class BackendReply(NamedTuple):
    """What a call got: who served it, and how long it waited and was served, in milliseconds."""

    backend: str
    queued_ms: float
    service_ms: float


class SimulatedBackend:
    """A model server of ``slots`` concurrent calls and a queue.

    The k-th call to arrive takes the k-th service time of a log-normal sequence (median ``median_ms``, standard
    deviation of the logarithm ``sigma``) that ``(seed, name)`` determines: equal arrivals, equal service. Calls
    wait in order of arrival. A cancelled call leaves the queue, or frees its slot, at once.

    It holds no loop between calls, so that one backend may serve several event loops one after the other. All
    calls must come from one thread.
    """

    def __init__(
        self,
        name: str,
        *,
        slots: int,
        median_ms: float,
        sigma: float,
        seed: int,
        queue_limit: int | None = None,
    ) -> None:
        """Make an idle backend; ``queue_limit`` None means that calls queue without bound.

        Raises:
            ValueError: a number is out of its range.
        """
        if slots < 1 or not median_ms > 0 or not sigma >= 0 or (queue_limit is not None and queue_limit < 0):
            raise ValueError(
                f"backend {name!r}: {slots=}, {median_ms=}, {sigma=}, {queue_limit=}: expected at least 1 slot, "
                "a positive median, and a sigma and a queue limit of 0 or more"
            )
        self.name = name
        self.slots = slots
        self.median_ms = median_ms
        self.sigma = sigma
        self.queue_limit = queue_limit
        self.in_service = 0
        """Calls being served."""
        self.served = 0
        """Calls served to their end since the start."""
        self._log_median_s = math.log(median_ms / 1000)
        self._draws = random.Random(f"{seed}/{name}")
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def queued(self) -> int:
        """Calls waiting for a slot."""
        return len(self._waiting)

    @property
    def mean_ms(self) -> float:
        """The mean service time: of a log-normal, ``median * exp(sigma² / 2)``."""
        return self.median_ms * math.exp(self.sigma**2 / 2)

    async def call(self, prompt: str) -> BackendReply:  # noqa: ARG002 -- as a model would be called
        """Wait for a slot, hold it for one service time, and reply.

        Raises:
            BackendFull: ``queue_limit`` calls were waiting already.
        """
        clock = asyncio.get_running_loop().time
        service_s = self._draws.lognormvariate(self._log_median_s, self.sigma)
        arrived = clock()
        await self._enter()
        try:
            started = clock()
            await asyncio.sleep(service_s)
            ended = clock()
        finally:
            self._leave()
        self.served += 1
        return BackendReply(self.name, (started - arrived) * 1000, (ended - started) * 1000)

    async def _enter(self) -> None:
        """Take a slot, waiting in the queue for one if need be."""
        if self.in_service < self.slots:
            self.in_service += 1
            return
        if self.queue_limit is not None and len(self._waiting) >= self.queue_limit:
            raise BackendFull(f"backend {self.name!r} has {len(self._waiting)} calls waiting already")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            # The slot may have been handed over in the very step in which the call was cancelled.
            if turn.done() and not turn.cancelled():
                self._leave()
            else:
                with suppress(ValueError):  # _leave passed over it between the cancellation and this step
                    self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        """Hand the slot to the call that has waited longest, or free it."""
        while self._waiting:
            turn = self._waiting.popleft()
            # A loop that was closed with calls in the queue never runs them again.
            if not turn.done() and not turn.get_loop().is_closed():
                turn.set_result(None)
                return
        self.in_service -= 1
