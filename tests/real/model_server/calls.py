"""The record of calls: one row each, from when it came to what became of it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 200_000
"""Calls that are kept, about 400 bytes each; older ones are forgotten, and ``CallLog.dropped`` says how many."""


@dataclass(slots=True)
class Call:
    """One call.

    Attributes:
        ordinal: number of the call on this server, from 0.
        number: number of the call of its model, from 0; None where there is no such model.
        endpoint: path of the request.
        model: name that the caller asked for.
        caller: header ``x-caller``, else the ``user`` that the body names, else empty.
        client: header ``user-agent``.
        port: the caller's, so that calls over one connection can be told.
        stream: whether the caller asked for a stream.
        began_ns, ended_ns: wall clock; ``ended_ns`` is None while it is under way.
        status: of the answer; None where nothing was sent.
        behaviour: what the call met.
        outcome: ``answered``, ``refused`` (429, 500, 404, 400), ``cut``, ``reset``, ``abandoned`` (the caller left);
            None while it is under way.

    """

    ordinal: int
    number: int | None
    endpoint: str
    model: str
    caller: str
    client: str
    port: int
    stream: bool
    began_ns: int
    behaviour: str
    ended_ns: int | None = None
    status: int | None = None
    outcome: str | None = None

    def end(self, outcome: str, status: int | None) -> None:
        """Say what became of the call; the first word counts."""
        if self.outcome is None:
            self.outcome, self.status, self.ended_ns = outcome, status, time.time_ns()


class CallLog:
    """The calls of a server since it began, or was reset."""

    def __init__(self, kept: int = KEPT) -> None:
        self._calls: deque[Call] = deque(maxlen=kept)
        self._next = 0

    @property
    def next_ordinal(self) -> int:
        """The ordinal that the next call will have."""
        return self._next

    @property
    def dropped(self) -> int:
        """How many of the oldest calls were forgotten."""
        return self._next - len(self._calls)

    def add(self, call: Call) -> Call:
        """Keep a call, which has ``next_ordinal`` as its ordinal."""
        self._calls.append(call)
        self._next += 1
        return call

    def since(self, ordinal: int, model: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the calls from an ordinal on, of one model or of all."""
        # From the newest back: who follows the log asks for its end, again and again.
        wanted: list[Call] = []
        for call in reversed(self._calls):
            if call.ordinal < ordinal:
                break
            if model is None or call.model == model:
                wanted.append(call)
        return (asdict(call) for call in reversed(wanted))
