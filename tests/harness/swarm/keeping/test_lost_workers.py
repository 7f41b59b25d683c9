"""Which workers a master calls missing: those whose connection is gone, not those whose stage holds their thread."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import gevent
import locust.runners
import pytest
import zmq
from locust import __version__
from locust.env import Environment
from locust.rpc import Message, zmqrpc
from locust.rpc.zmqrpc import Client
from locust.runners import STATE_INIT, STATE_MISSING, MasterRunner

from harness.swarm.keeping.lost_workers import UNCONNECTED_S, WorkerWatch
from harness.swarm.process.cooperation import cooperate

pytestmark = pytest.mark.slow

TURN_S = 0.05
"""One of Locust's turns, which are seconds otherwise."""


class FakeWorker:
    """The connection of a worker, which says what it is told to."""

    def __init__(self, port: int, name: str) -> None:
        self.name = name
        self.port = port
        self.connect()

    def connect(self) -> None:
        self.client = Client("127.0.0.1", self.port, self.name)
        # As short to a turn of the test as ZeroMQ's 100 ms are to one of Locust's.
        self.client.socket.setsockopt(zmq.RECONNECT_IVL, 5)

    def say(self, kind: str, data: object) -> None:
        self.client.send(Message(kind, data, self.name))

    def join(self) -> None:
        self.say("client_ready", __version__)

    def beat(self) -> None:
        self.say("heartbeat", {"state": STATE_INIT, "current_cpu_usage": 1})

    def close(self) -> None:
        self.client.close(linger=0)


Join = Callable[[str], FakeWorker]


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One context for all sockets: those that Locust makes, one for each, it never ends."""
    made = zmqrpc.zmq.Context()
    monkeypatch.setattr(zmqrpc.zmq, "Context", lambda: made)
    yield
    made.destroy(linger=0)


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch, context: None) -> Iterator[MasterRunner]:
    monkeypatch.setattr(locust.runners, "HEARTBEAT_INTERVAL", TURN_S)
    monkeypatch.setattr(locust.runners, "FALLBACK_INTERVAL", TURN_S * locust.runners.FALLBACK_INTERVAL)
    monkeypatch.setattr(locust.runners, "HEARTBEAT_LIVENESS", locust.runners.HEARTBEAT_LIVENESS)
    cooperate()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    runner = Environment().create_master_runner("127.0.0.1", port)
    WorkerWatch(runner).start()
    yield runner
    runner.greenlet.kill()
    runner.server.close(linger=0)


@pytest.fixture
def join(master: MasterRunner) -> Iterator[Join]:
    """Have a worker join."""
    joined: list[FakeWorker] = []

    def make(name: str) -> FakeWorker:
        worker = FakeWorker(master.master_bind_port, name)
        joined.append(worker)
        worker.join()
        eventually(lambda: name in master.clients)
        return worker

    yield make
    for worker in joined:
        worker.close()


def eventually(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(TURN_S / 5)


def turns(count: int) -> None:
    """Let Locust take some turns."""
    gevent.sleep(TURN_S * count)


def is_missing(master: MasterRunner, worker: FakeWorker) -> bool:
    return master.clients[worker.name].state == STATE_MISSING


def test_one_of_whom_nothing_is_heard_is_there_while_its_connection_lives(master: MasterRunner, join: Join) -> None:
    silent = join("silent")
    turns(20)
    assert not is_missing(master, silent)
    assert master.clients["silent"].heartbeat < locust.runners.HEARTBEAT_LIVENESS - 10


def test_one_whose_connection_is_gone_is_missing_after_locusts_own_time(master: MasterRunner, join: Join) -> None:
    gone, silent = join("gone"), join("silent")
    turns(10)  # both are silent already
    gone.close()
    eventually(lambda: is_missing(master, gone))
    turns(10)
    assert not is_missing(master, silent)


def test_one_that_was_heard_before_its_connection_broke_has_some_turns_left(master: MasterRunner, join: Join) -> None:
    gone = join("gone")
    turns(10)
    heard = master.clients["gone"]
    gone.beat()
    eventually(lambda: heard.heartbeat >= locust.runners.HEARTBEAT_LIVENESS - 1)
    gone.close()
    eventually(lambda: heard.heartbeat <= UNCONNECTED_S)
    assert not is_missing(master, gone)
    eventually(lambda: is_missing(master, gone))


def test_one_that_connects_again_heals(master: MasterRunner, join: Join) -> None:
    worker = join("back")
    worker.close()
    eventually(lambda: is_missing(master, worker))
    worker.connect()
    worker.beat()
    eventually(lambda: not is_missing(master, worker))
    turns(20)
    assert not is_missing(master, worker)


def test_a_connection_made_anew_takes_the_place_of_one_that_still_seems_to_live(
    master: MasterRunner, join: Join
) -> None:
    worker = join("back")
    old = worker.client
    worker.connect()
    reports: list[str] = []
    master.environment.events.worker_report.add_listener(lambda client_id, **_: reports.append(client_id))
    worker.say("stats", {"user_classes_count": {}, "stats": [], "stats_total": {}, "errors": {}})
    eventually(lambda: reports == ["back"])
    old.close(linger=0)
    turns(20)
    assert not is_missing(master, worker)


def test_locusts_new_socket_is_looked_at_once_it_has_made_its_connections_anew(
    master: MasterRunner, join: Join
) -> None:
    stays, goes = join("stays"), join("goes")
    goes.close()
    before, master.connection_broken = master.server, True
    eventually(lambda: master.server is not before)
    stays.beat()  # by a connection that ZeroMQ makes
    eventually(lambda: is_missing(master, goes))
    eventually(lambda: not is_missing(master, stays))
    turns(20)
    assert not is_missing(master, stays)


def test_it_is_told_how_long_a_step_may_hold_the_thread(master: MasterRunner) -> None:
    watch = WorkerWatch(master)
    assert locust.runners.HEARTBEAT_LIVENESS > 35
    watch.expect_blocks_of(600.0)
    assert locust.runners.HEARTBEAT_LIVENESS > 605


def test_a_worker_hears_of_its_master_without_asking(join: Join) -> None:
    worker = join("silent")
    with gevent.Timeout(10):
        kinds = {worker.client.recv().type for _ in range(4)}
    assert "heartbeat" in kinds
