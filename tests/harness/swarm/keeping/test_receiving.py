"""Reports at the master: each counts once, and is answered when it is settled, again if it comes again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from locust.event import EventHook
from locust.exception import RPCError
from recorded import delta_of

from harness.record.run_directory import create_run_directory
from harness.swarm.keeping.collector import Collector
from harness.swarm.keeping.receiving import OnceOnly, Receiving
from harness.swarm.wire.messages import ACK, DELTA, SENT
from harness.words.errors import RecordError


class Master:
    """A master whose connection notes answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, dict[str, Any]]] = []
        self.down = False

    def send_message(self, kind: str, answer: dict[str, Any], client_id: str) -> None:
        assert kind == ACK
        if self.down:
            raise RPCError("down")
        self.answers.append((client_id, answer))


class Keeping:
    def __init__(self, folder: Path) -> None:
        self.now_ns = 0
        self.full = False
        self.master = Master()
        self.run = create_run_directory(folder, "t.py")
        self.collector = Collector(
            self.run, lambda _: None, lambda: 10.0, self, lambda call, arguments: call(*arguments)
        )
        self.receiving = Receiving(self.master, self.run.run_id, self.collector, lambda: self.now_ns)  # type: ignore[arg-type]

    def write(self, table: str, worker: int, part: bytes) -> None:
        if self.full:
            raise RecordError("full")

    def report(self, seq: int, *, client: str = "a", run_id: str | None = None, sent_ns: int = 3) -> bool:
        """Let a report arrive; return whether Locust is to count it."""
        delta = delta_of(run_id or self.run.run_id, seq, 10.0, history={"operations": b"o"})
        wanted = self.receiving.wants(client, {DELTA: delta, SENT: sent_ns})
        if wanted:
            self.collector.receive(delta)
        return wanted

    def settled(self) -> list[tuple[str, int, bool]]:
        """Write what was received, and return the answers so far."""
        self.collector.close()
        return [(client, answer["seq"], answer["kept"]) for client, answer in self.master.answers]


@pytest.fixture
def keeping(tmp_path: Path) -> Keeping:
    return Keeping(tmp_path)


def test_a_report_is_answered_when_its_history_is_on_disk_and_not_before(keeping: Keeping) -> None:
    keeping.now_ns = 7
    assert keeping.report(0)
    assert keeping.master.answers == []
    keeping.now_ns = 9
    assert keeping.settled() == [("a", 0, True)]
    ((_, answer),) = keeping.master.answers
    assert (answer["sent_ns"], answer["received_ns"], answer["answered_ns"]) == (3, 7, 9)


def test_what_could_not_be_written_is_answered_as_such(keeping: Keeping) -> None:
    keeping.full = True
    assert keeping.report(0)
    assert keeping.settled() == [("a", 0, False)]


def test_a_report_that_comes_again_counts_once_and_is_answered_once_for_each_time_it_is_settled(
    keeping: Keeping,
) -> None:
    assert [keeping.report(0), keeping.report(0)] == [True, False]
    assert keeping.settled() == [("a", 0, True)]
    assert not keeping.report(0, client="b")  # by another connection, after the answer was lost
    assert keeping.settled() == [("a", 0, True), ("b", 0, True)]


def test_reports_of_another_run_are_not_counted_and_those_without_anything_of_ours_are(keeping: Keeping) -> None:
    assert not keeping.report(0, run_id="before")
    assert keeping.receiving.wants("a", {"stats": []})
    assert keeping.settled() == []


def test_a_worker_that_says_hello_learns_the_clock_at_once(keeping: Keeping) -> None:
    keeping.now_ns = 5
    keeping.receiving.greet("a", 2)
    ((client, answer),) = keeping.master.answers
    assert (client, answer["seq"], answer["sent_ns"], answer["received_ns"]) == ("a", None, 2, 5)


def test_an_answer_that_cannot_be_sent_stops_nothing_and_comes_when_the_report_comes_again(keeping: Keeping) -> None:
    keeping.master.down = True
    keeping.report(0)
    assert keeping.settled() == []
    keeping.master.down = False
    keeping.report(0)
    assert keeping.settled() == [("a", 0, True)]


def test_a_sieve_keeps_what_is_not_wanted_from_those_who_listened_before_it_and_after() -> None:
    event, heard = EventHook(), []
    event.add_listener(lambda n: heard.append(("before", n)))
    sieve = OnceOnly(event, lambda n: n > 1)
    sieve.add_listener(lambda n: heard.append(("after", n)))
    for n in (1, 2):
        sieve.fire(n=n)
    assert heard == [("before", 2), ("after", 2)]
