"""A master that goes on listening whatever is sent to it: who sends what no worker does is dropped, and named.

Locust's own listener ends with the first message that it cannot read or does not expect, and with it everything that
workers report from then on (``client_listener``, ``handle_message`` in runners.py; locust 2.47).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

import zmq
from locust.exception import RPCError
from locust.rpc import Message
from locust.rpc.zmqrpc import Server
from locust.runners import MasterRunner

from harness.swarm.terminal import say
from harness.swarm.wire.peer_messages import objection, read
from harness.words.errors import printable

logger = logging.getLogger("harness")

REMEMBERED = 10_000
"""Peers that are known to be dropped; the rest would be dropped again."""

NAMED = 20
"""Peers that are named in the terminal; who opens connections without end must not fill it."""

_Handle = Callable[[MasterRunner, str, Message], None]


class _Unreadable(Message):
    """Stands for a message that cannot be read, until its sender can be dropped; ``data`` says why."""


class Peers:
    """Who was dropped by one master."""

    def __init__(self) -> None:
        self._dropped: deque[str] = deque(maxlen=REMEMBERED)
        self._named = 0
        self._since: dict[str, float] = {}

    def known_s(self, worker: str) -> float:
        """Return for how many seconds a worker has been asked about, which is about each message of it."""
        return time.monotonic() - self._since.setdefault(worker, time.monotonic())

    def __contains__(self, peer: str) -> bool:
        return peer in self._dropped

    def drop(self, peer: str | None, index: int | None, reason: str) -> None:
        """Listen to a peer no more, and say so; one that cannot be told from others is only named."""
        if peer is not None and peer not in self._dropped:
            self._dropped.append(peer)
        who = "somebody" if peer is None else printable(peer[:100])
        line = f"{who if index is None else f'worker {index} ({who})'} is not listened to any more: {reason}"
        self._named += 1
        if self._named <= NAMED:
            say(line)
        else:
            logger.debug(line)


_of_master: WeakKeyDictionary[MasterRunner, Peers] = WeakKeyDictionary()
_of_server: WeakKeyDictionary[Server, Peers] = WeakKeyDictionary()


def listen_safely() -> None:
    """Have masters of this process read and handle messages so, once; before there is one."""
    if Server.recv_from_client is _receive:
        return
    handle: _Handle = MasterRunner.handle_message

    def handle_checked(master: MasterRunner, client_id: str, msg: Message) -> None:
        _check_and_handle(handle, master, client_id, msg)

    setattr(Server, "recv_from_client", _receive)  # noqa: B010  # a method, which an assignment may not replace
    setattr(MasterRunner, "handle_message", handle_checked)  # noqa: B010


def _receive(server: Server) -> tuple[str, Message]:
    """Return the next message, and who sent it; stands for ``recv_from_client``, and raises what that does."""
    while True:
        try:
            frames = server.socket.recv_multipart()
        except zmq.ZMQError as error:
            raise RPCError("ZMQ network broken") from error
        peer, found = read(frames)
        if isinstance(found, Message) and peer is not None:
            return peer, found
        # The master, which knows its worker, drops it: in the place of a message that it has no words for.
        if peer is not None:
            return peer, _Unreadable("", str(found), peer)  # type: ignore[no-untyped-call]  # Locust's
        _of_server.setdefault(server, Peers()).drop(None, None, str(found))


def _check_and_handle(handle: _Handle, master: MasterRunner, client_id: str, msg: Message) -> None:
    peers = _of_master.setdefault(master, Peers())
    if client_id in peers:
        return
    index = master.worker_indexes.get(client_id)  # of one that said it was ready, also when it has stopped
    if isinstance(msg, _Unreadable):
        reason: str | None = str(msg.data)
    else:
        reason = objection(msg.type, msg.data, index, time.time(), 0 if index is None else peers.known_s(client_id))
    try:
        if reason is None:
            handle(master, client_id, msg)
            return
        peers.drop(client_id, index, reason)
        if client_id in master.clients:
            handle(master, client_id, Message("quit", None, client_id))  # it takes no part any more
        master.server.send_to_client(Message("quit", None, client_id))
    except Exception:
        # Not the peer's doing: its message was one. The others must be heard all the same.
        logger.exception("while handling %r of %s", msg.type, client_id)
