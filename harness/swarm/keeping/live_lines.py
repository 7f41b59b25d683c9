"""Lines in the terminal while a run goes on: one per edge of a fault's window and of a circuit breaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from time import monotonic
from typing import NamedTuple

from harness.load.faults.describe import in_words
from harness.load.faults.plan import FaultPlan
from harness.swarm.wire.delta import Delta
from harness.words.operation import THE_RUN_ENDED, Edge

LINES_PER_S = 20
WAITED_FOR_NS = 2_000_000_000
"""How far the reports of a worker, of which one comes a second, may lie behind before edges are told without it."""

_VERBS = {"open": "opens", "half_open": "lets probes through", "closed": "closes"}


class Told(NamedTuple):
    """One edge as it is told; as text the line of the terminal."""

    at_s: float  # since the begin of the run, by the master's clock
    what: str  # fault or breaker
    name: str
    after: str  # the new state
    worker: int | None  # whose breaker it is, where there are several; None for a window, which is the run's
    cause: str  # of a window that opens what the fault does; empty where it closes as planned
    more: int = 0  # edges before it that were too many to be told

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s  {self._says}" + (f" (and {self.more} more edges before)" if self.more else "")

    @property
    def _says(self) -> str:
        if self.what == "breaker":
            of = "" if self.worker is None else f" of worker {self.worker}"
            return f"breaker {self.name}{of} {_VERBS.get(self.after, self.after)}: {self.cause}"
        if self.after == "open":
            return f"fault {self.name!r} begins ({self.cause})"
        return f"fault {self.name!r} ends" + (f": {self.cause}" if self.cause else "")


class Untold(NamedTuple):
    """Edges at the end that were too many to be told."""

    edges: int

    def __str__(self) -> str:
        return f"{self.edges} more edges were not shown; all are in history/edges-*.parquet"


class LiveLines:
    """Says what changes its state in a run.

    A window of a fault is one of the run, which every worker opens and closes: its first opening and its first closing
    are told. A breaker is one of its worker, which is named where there are several. More than ``LINES_PER_S`` lines a
    second are counted in the next one.

    Lines are in the order of the master's time: an edge is held until every worker has reported what it saw up to then.

    Args:
        plan: the fault plan, None where there is none.
        began_ns: Unix time of the master from which seconds count.
        tell: takes what is to be shown; its text is a line.
        several: whether the run has more than one worker.
        now_s: monotonic seconds, for the limit.

    """

    def __init__(
        self,
        plan: FaultPlan | None,
        began_ns: int,
        tell: Callable[[Told | Untold], object],
        several: Callable[[], bool],
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._words = {fault.name: in_words(fault) for fault in (() if plan is None else plan.fault)}
        self._began_ns = began_ns
        self._tell = tell
        self._several = several
        self._now_s = now_s
        self._told: set[tuple[str, str, int | None]] = set()  # fault, its new state, which of its windows
        self._reported: dict[int, int] = {}  # worker -> master's time up to which it has told its edges
        self._held: list[tuple[int, int, int, Edge]] = []  # a heap: master's time, worker, number, edge
        self._numbered = 0
        self._second = -1
        self._said = self._unsaid = 0

    def add(self, delta: Delta) -> None:
        """Take what a worker hands over."""
        offset = delta["clock_offset"]
        self.show(delta["worker"], delta["edges"], 0 if offset is None else offset[0], delta["gathered_ns"])

    def show(self, worker: int, edges: Sequence[Sequence[object]], offset_ns: int, gathered_ns: int) -> None:
        """Take the edges that a worker saw until ``gathered_ns``, and say those that no other worker can go before.

        ``offset_ns`` is what its clock lacks of the master's. What it reports late is said late.
        """
        self._reported[worker] = max(gathered_ns + offset_ns, self._reported.get(worker, 0))
        for edge in (Edge(*row) for row in edges):  # type: ignore[arg-type]
            heappush(self._held, (edge.at_ns + offset_ns, worker, self._numbered, edge))
            self._numbered += 1
        self._release(max(min(self._reported.values()), max(self._reported.values()) - WAITED_FOR_NS))

    def close(self) -> None:
        """Say the edges that are still held, and how many were not shown."""
        if self._held:
            self._release(max(at_ns for at_ns, *_ in self._held))
        if self._unsaid:
            self._tell(Untold(self._unsaid))

    def _release(self, until_ns: int) -> None:
        """Say the held edges up to a moment of the master's time that are news."""
        while self._held and self._held[0][0] <= until_ns:
            at_ns, worker, _, edge = heappop(self._held)
            at_s = (at_ns - self._began_ns) / 1e9
            if edge.what == "breaker":
                whose = worker if self._several() else None
                self._tell_of(Told(at_s, edge.what, edge.name, edge.after, whose, edge.cause))
            elif self._is_news(edge):
                self._tell_of(Told(at_s, edge.what, edge.name, edge.after, None, self._why(edge)))

    def _is_news(self, edge: Edge) -> bool:
        """Whether no other worker has told of the same edge of the same window of a fault."""
        key = edge.name, edge.after, edge.window
        known = key in self._told
        self._told.add(key)
        return not known

    def _why(self, edge: Edge) -> str:
        if edge.after == "open":
            return self._words.get(edge.name, edge.cause)
        return edge.cause if edge.cause == THE_RUN_ENDED else ""

    def _tell_of(self, told: Told) -> None:
        """Tell of an edge, unless there were too many in this second."""
        second = int(self._now_s())
        if second != self._second:
            self._second, self._said = second, 0
        if self._said >= LINES_PER_S:
            self._unsaid += 1
            return
        self._said += 1
        more, self._unsaid = self._unsaid, 0
        self._tell(told._replace(more=more))
