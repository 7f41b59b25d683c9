"""Calls that wait for a slot: by priority, then by arrival, with optional ageing."""

from __future__ import annotations

import asyncio
import heapq


class Turn:
    """The place of one call in the line. Its future is done when it is the call's turn."""

    __slots__ = ("future", "waiting")

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future
        self.waiting = True


class WaitingLine:
    """A priority queue of calls, 9 most urgent, first in first out within a priority.

    With ``ageing_s`` a call's effective priority rises by one for every so many seconds that it has waited:
    ``priority + waited_s / ageing_s``, without a cap. Of two calls the same one is always ahead, so that the order is
    kept by ``priority - arrived_s / ageing_s`` and nothing is sorted anew. No call is overtaken by one that arrived
    ``ageing_s`` times the difference of their priorities later: waiting is bounded.
    """

    def __init__(self, ageing_s: float | None = None) -> None:
        self._ageing_s = ageing_s
        self._heap: list[tuple[float, int, Turn]] = []
        self._arrivals = 0
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def join(self, priority: int, arrived_s: float) -> Turn:
        """Return a place in the line of the running loop."""
        turn = Turn(asyncio.get_running_loop().create_future())
        rank = -priority if self._ageing_s is None else arrived_s / self._ageing_s - priority
        heapq.heappush(self._heap, (rank, self._arrivals, turn))
        self._arrivals += 1
        self._waiting += 1
        return turn

    def leave(self, turn: Turn) -> None:
        """Give up a place; nothing happens if it was given up or called before."""
        if not turn.waiting:
            return
        turn.waiting = False
        self._waiting -= 1
        if len(self._heap) > 2 * self._waiting + 8:  # places given up are dropped before they outnumber the others
            self._heap = [entry for entry in self._heap if entry[2].waiting]
            heapq.heapify(self._heap)

    def call_next(self) -> bool:
        """Tell the next call that it is its turn; return False if none waits."""
        while self._heap:
            turn = heapq.heappop(self._heap)[2]
            if not turn.waiting:
                continue
            turn.waiting = False
            self._waiting -= 1
            # A loop that was closed with calls in the line never runs them again.
            if not turn.future.done() and not turn.future.get_loop().is_closed():
                turn.future.set_result(None)
                return True
        return False
