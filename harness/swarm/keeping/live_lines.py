"""Lines in the terminal while a run goes on: one per edge of a fault's window and of a circuit breaker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from time import monotonic

from harness.load.faults.describe import in_words
from harness.load.faults.plan import FaultPlan
from harness.swarm.wire.delta import Delta
from harness.words.operation import THE_RUN_ENDED, Edge

LINES_PER_S = 20
WAITED_FOR_NS = 2_000_000_000
"""How far the reports of a worker, of which one comes a second, may lie behind before edges are told without it."""

_VERBS = {"open": "opens", "half_open": "lets probes through", "closed": "closes"}


class LiveLines:
    """Says what changes its state in a run.

    A window of a fault is one of the run, which every worker opens and closes: its first opening and its first closing
    are told. A breaker is one of its worker, which is named where there are several. More than ``LINES_PER_S`` lines a
    second are counted in the next one.

    Lines are in the order of the master's time: an edge is held until every worker has reported what it saw up to then.

    Args:
        plan: the fault plan, None where there is none.
        began_ns: Unix time of the master from which seconds count.
        say: shows a line.
        several: whether the run has more than one worker.
        now_s: monotonic seconds, for the limit.

    """

    def __init__(
        self,
        plan: FaultPlan | None,
        began_ns: int,
        say: Callable[[str], None],
        several: Callable[[], bool],
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        self._words = {fault.name: in_words(fault) for fault in (() if plan is None else plan.fault)}
        self._began_ns = began_ns
        self._say = say
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
            self._say(f"{self._unsaid} more edges were not shown; all are in history/edges-*.parquet")

    def _release(self, until_ns: int) -> None:
        """Say the held edges up to a moment of the master's time that are news."""
        while self._held and self._held[0][0] <= until_ns:
            at_ns, worker, _, edge = heappop(self._held)
            line = self._breaker(worker, edge) if edge.what == "breaker" else self._fault(edge)
            if line is not None:
                self._line(f"{(at_ns - self._began_ns) / 1e9:.1f} s  {line}")

    def _breaker(self, worker: int, edge: Edge) -> str:
        of = f" of worker {worker}" if self._several() else ""
        return f"breaker {edge.name}{of} {_VERBS.get(edge.after, edge.after)}: {edge.cause}"

    def _fault(self, edge: Edge) -> str | None:
        if (edge.name, edge.after, edge.window) in self._told:
            return None
        self._told.add((edge.name, edge.after, edge.window))
        if edge.after == "open":
            return f"fault {edge.name!r} begins ({self._words.get(edge.name, edge.cause)})"
        return f"fault {edge.name!r} ends" + (f": {edge.cause}" if edge.cause == THE_RUN_ENDED else "")

    def _line(self, line: str) -> None:
        second = int(self._now_s())
        if second != self._second:
            self._second, self._said = second, 0
        if self._said >= LINES_PER_S:
            self._unsaid += 1
            return
        self._said += 1
        more, self._unsaid = self._unsaid, 0
        self._say(line + (f" (and {more} more edges before)" if more else ""))
