"""Locust's reports on the master's side: each counts once, and is answered when what came with it is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from locust.event import EventHook
from locust.exception import RPCError
from locust.runners import MasterRunner

from harness.swarm.keeping.collector import Collector
from harness.swarm.wire.delta import Delta
from harness.swarm.wire.messages import ACK, DELTA, SENT, Answer
from harness.words.clock import Epoch

logger = logging.getLogger("harness")


class OnceOnly(EventHook):
    """An event of Locust's that fires only when it is wanted, for those who listened before and after it was put in.

    A report that arrives a second time must not reach Locust's own listener either, which would add its statistics
    again; and that listener is there first.
    """

    def __init__(self, event: EventHook, wanted: Callable[..., bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Locust's
        self._wanted = wanted
        self.add_listener(event.fire)  # type: ignore[no-untyped-call]

    def fire(self, *, reverse: bool = False, **arguments: object) -> None:
        """Fire, if it is wanted."""
        if self._wanted(**arguments):
            super().fire(reverse=reverse, **arguments)  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class _Arrival:
    client_id: str
    sent_ns: int
    received_ns: int


class Receiving:
    """The reports of one run.

    Args:
        master: Locust's.
        run_id: the run.
        collector: keeps what comes with the reports.
        now_ns: Unix nanoseconds of this host; of this process if not given.

    """

    def __init__(
        self, master: MasterRunner, run_id: str, collector: Collector, now_ns: Callable[[], int] | None = None
    ) -> None:
        self._master = master
        self._run_id = run_id
        self._collector = collector
        self._now_ns = Epoch.of_this_process().unix_ns if now_ns is None else now_ns
        self._arrivals: dict[tuple[int, int], _Arrival] = {}
        collector.on_settled = self._answer

    def wants(self, client_id: str, data: dict[str, object]) -> bool:
        """Whether a report is to be counted; one that was counted and settled before is answered again."""
        if DELTA not in data:
            return True
        delta = cast(Delta, data[DELTA])
        if delta["run_id"] != self._run_id:
            return False
        self._arrivals[delta["worker"], delta["seq"]] = _Arrival(client_id, cast(int, data[SENT]), self._now_ns())
        if self._collector.expects(delta):
            return True
        record = self._collector.workers.get(delta["worker"])
        kept = None if record is None else record.receipts.fate(delta["seq"])
        if kept is not None:
            self._answer(delta, kept)
        return False

    def greet(self, client_id: str, sent_ns: int) -> None:
        """Answer a worker's HELLO: it then knows the master's clock before its users start."""
        self._send(_Arrival(client_id, sent_ns, self._now_ns()), None, kept=True)

    def _answer(self, delta: Delta, kept: bool) -> None:
        arrival = self._arrivals.pop((delta["worker"], delta["seq"]), None)
        if arrival is not None:
            self._send(arrival, delta["seq"], kept=kept)

    def _send(self, arrival: _Arrival, seq: int | None, *, kept: bool) -> None:
        answer: Answer = {
            "run_id": self._run_id,
            "seq": seq,
            "kept": kept,
            "sent_ns": arrival.sent_ns,
            "received_ns": arrival.received_ns,
            "answered_ns": self._now_ns(),
        }
        try:
            self._master.send_message(ACK, cast(dict[str, object], answer), arrival.client_id)
        except RPCError as error:
            logger.warning("worker %s could not be answered, and will send again: %s", arrival.client_id, error)
