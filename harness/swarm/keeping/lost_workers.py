"""Noticing that a worker is gone, and not taking one for gone whose stage holds its thread.

A worker sends Locust's heartbeats from its hub, so none come while a stage holds the thread. Its connection lives on
all the same: ZeroMQ's own threads keep it up on both sides (``cooperation.py``). So the master asks the connection.
"""

from __future__ import annotations

from typing import Any

import gevent
import locust.runners
import zmq
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner, WorkerNode

from harness.measure.blocks import ENDED_WITHIN_S

LIVENESS_S = 60
"""Seconds after which a worker of which nothing is heard is missing although its connection lives, at least. Locust's
own 3 (``runners.HEARTBEAT_LIVENESS``, locust 2.47) are less than what a stage may hold the thread for."""

UNCONNECTED_S = 3
"""The same for one without a connection: Locust's own."""


class WorkerWatch:
    """Has Locust take a worker for missing when its connection is gone, and not before ``LIVENESS_S`` while it lives.

    What is heard counts in Locust's own turns, one a second, as Locust counts it: in a master whose hub stands, no
    worker grows silent.
    """

    def __init__(self, master: MasterRunner) -> None:
        self._master = master
        self._unconnected: set[str] = set()
        self.expect_blocks_of(0.0)

    def expect_blocks_of(self, seconds: float) -> None:
        """Wait for a worker of which nothing is heard as long as a step of its target may take, and some more."""
        # Read wherever a worker is heard of; only the default of WorkerNode's argument is the old one, and nobody
        # leaves it out (runners.py; locust 2.47).
        locust.runners.HEARTBEAT_LIVENESS = max(LIVENESS_S, round(seconds + ENDED_WITHIN_S) + LIVENESS_S // 2)

    def start(self) -> None:
        """Look once a second, as long as Locust listens to workers."""
        self._master.greenlet.spawn(self._watch)

    def _watch(self) -> None:
        while True:
            gevent.sleep(locust.runners.HEARTBEAT_INTERVAL)
            self._look()

    def _look(self) -> None:
        before, self._unconnected = self._unconnected, set()
        for client in self._master.clients.all:
            if client.state == STATE_MISSING or self._is_connected(client):
                continue
            self._unconnected.add(client.id)
            if client.id in before:  # not one that is about to connect again, as ZeroMQ does within 0.1 s
                silent = locust.runners.HEARTBEAT_LIVENESS - client.heartbeat
                client.heartbeat = min(client.heartbeat, UNCONNECTED_S - silent)

    def _is_connected(self, client: WorkerNode) -> bool:
        """Whether a message to a worker has a connection to go by; it is a heartbeat, which Locust sends it anyway.

        A socket that must route says so, where one that need not drops the message. None is lost between the two
        options: nothing here waits.
        """
        socket: Any = self._master.server.socket  # another one after Locust has reset its connections
        if socket.closed:
            return True  # nothing is known
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        try:
            socket.send_multipart([client.id.encode(), Message("heartbeat", None, client.id).serialize()], zmq.NOBLOCK)
        except zmq.ZMQError as error:
            return error.errno != zmq.EHOSTUNREACH
        finally:
            socket.setsockopt(zmq.ROUTER_MANDATORY, 0)
        return True
