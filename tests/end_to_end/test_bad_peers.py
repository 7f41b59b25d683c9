"""A master whose port gets what no worker sends: it drops and names the sender, and goes on with its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgpack
import pytest
import zmq
from locust_process import free_port
from user_folder import Folder

pytestmark = pytest.mark.slow


class Peer:
    """Somebody who connects to a master's port."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], name: str, port: str) -> None:
        self.name = name
        self._socket = context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, name.encode())
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVTIMEO, 45_000)
        self._socket.connect(f"tcp://127.0.0.1:{port}")

    def send(self, *frames: bytes) -> None:
        self._socket.send_multipart(frames)

    def close(self) -> None:
        self._socket.close()

    def say(self, kind: str, data: object, name: str | None = None) -> None:
        self.send(msgpack.dumps((kind, data, name or self.name)))

    def wait_for(self, kind: str) -> object:
        """Return what a message of a kind holds, when it comes."""
        while True:
            found, data, _ = msgpack.loads(self._socket.recv(), strict_map_key=False)
            if found == kind:
                return data


Connect = Callable[[str, str], Peer]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect somebody of a name to a port of this host."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    peers: list[Peer] = []

    def connected(name: str, port: str) -> Peer:
        peers.append(Peer(context, name, port))
        return peers[-1]

    try:
        yield connected
    finally:
        for peer in peers:
            peer.close()
        context.term()


def test_what_no_worker_sends_is_dropped_and_the_workers_are_heard(folder: Folder, connect: Connect) -> None:
    port = str(free_port())
    bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port)
    process = folder.headless("--processes", 2, *bound, "-u", 4, "-r", 20, "--baseline-size", 5)
    folder.wait_for_history(parts=1)
    folder.wait_for_workers(2)
    junk = {
        "bytes": (b"\xc1",),
        "nothing": (b"",),
        "frames": (b"a", b"b"),
        "no-list": (msgpack.dumps(5),),
        "impostor": (msgpack.dumps(("quit", None, "another")),),
        "hook": (msgpack.dumps(("stats", {"__datetime__": 1, "as_str": "x"}, "hook")),),
        "statistics": (msgpack.dumps(("stats", {"stats": None}, "statistics")),),
        "heartbeat": (msgpack.dumps(("heartbeat", {"state": []}, "heartbeat")),),
        "ready": (msgpack.dumps(("client_ready", 5, "ready")),),
        "hello": (msgpack.dumps(("routeswarm-hello", {}, "hello")),),
        "refused": (msgpack.dumps(("routeswarm-refused", {"worker": 0, "error": "no"}, "refused")),),
    }
    for name, frames in junk.items():
        connect(name, port).send(*frames)
        process.wait_for(f"^routeswarm: {name} is not listened to any more: ")
    before = len(folder.run.parts("operations"))
    folder.wait_for_history(parts=before + 4)  # two more seconds of both
    process.interrupt()
    code = process.wait()
    folder.run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    run = folder.run
    run.assert_complete()
    run.assert_conserved(least=20)
    assert {row["worker"] for row in run.operations} == {0, 1}
    assert [row["fate"] for row in run.manifest["workers"]] == ["finished", "finished"]
    assert "Traceback" not in process.said


def test_a_worker_whose_table_would_be_a_path_is_dropped_and_counts_as_lost(folder: Folder, connect: Connect) -> None:
    port = str(free_port())
    bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    master = folder.headless("--master", "--expect-workers", 2, *bound, "-u", 4, "-r", 20, "--baseline-size", 5)
    master.wait_for("baseline: ")
    bad = connect("bad-worker", port)
    bad.say("client_ready", -1)
    bad.wait_for("ack")
    folder.start("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    spawned = bad.wait_for("spawn")
    assert isinstance(spawned, dict)
    run_id = spawned["parsed_options"]["routeswarm_run"]["run_id"]
    entry = dict.fromkeys(("last_request_timestamp", "min_response_time", "method"))
    entry |= dict.fromkeys(
        ("num_requests", "num_none_requests", "num_failures", "total_response_time", "max_response_time"), 0
    )
    entry |= {"name": "x", "start_time": 0.0, "total_content_length": 0}
    entry |= {name: {} for name in ("response_times", "num_reqs_per_sec", "num_fail_per_sec")}
    delta = {
        "run_id": run_id,
        "worker": 0,
        "seq": 0,
        "gathered_ns": int(spawned["timestamp"] * 1e9),
        "arrivals": 0,
        "series": [],
        "users": {},
        "history": {"../../../written-by-a-peer": b"x"},
        "edges": [],
        "log_records": {},
        "schedule": {},
        "held_back_s": 0.0,
        "clock_offset": None,
        "vitals": [],
        "blocks": [],
        "broken": None,
        "final": False,
    }
    report = {"stats": [], "stats_total": entry, "errors": {}, "user_classes_count": {}, "user_count": 0}
    bad.say("stats", {**report, "routeswarm": delta, "routeswarm_sent": 0})
    master.wait_for("^routeswarm: worker 0 .bad-worker. is not listened to any more: .*written-by-a-peer")
    bad.wait_for("quit")
    before = len(folder.run.parts("operations"))
    folder.wait_for_history(parts=before + 2)
    master.interrupt()
    assert master.wait() == 12, master.last_words
    run = folder.run
    assert list(folder.path.rglob("*written-by-a-peer*")) == []
    assert list(folder.path.parent.glob("*written-by-a-peer*")) == []
    assert (run.status("workers"), run.status("recording")) == ("INVALID", "VALID")
    assert {row["index"]: row["fate"] for row in run.manifest["workers"]} == {0: "lost", 1: "finished"}
    assert {row["worker"] for row in run.operations} == {1}
