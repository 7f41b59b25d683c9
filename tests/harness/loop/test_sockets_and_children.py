"""Readers and writers, streams, pipes, child processes, signals."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import socket
import sys
import threading

import gevent
import pytest
from gevent.hub import get_hub

from harness.loop import HubSelector


def test_reader_and_writer_of_one_socket(loop):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    async def run():
        read, wrote = loop.create_future(), loop.create_future()
        loop.add_reader(ours, lambda: read.done() or read.set_result(ours.recv(10)))
        loop.add_writer(ours, lambda: wrote.done() or wrote.set_result(ours.send(b"out")))
        await wrote
        assert loop.remove_writer(ours)
        theirs.sendall(b"in")
        result = await read
        assert loop.remove_reader(ours)
        assert not loop.remove_reader(ours)
        return result

    assert loop.drive(run(), 5) == b"in"
    assert theirs.recv(10) == b"out"
    ours.close()
    theirs.close()


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_streams_echo_a_megabyte(loop, family, tmp_path):
    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def run():
        if family == "tcp":
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        else:
            server = await asyncio.start_unix_server(echo, tmp_path / "s")
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"x" * 1_000_000)
        writer.write_eof()
        received = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return len(received)

    assert loop.drive(run(), 20) == 1_000_000


def test_pipes(loop):
    readable, writable = os.pipe()

    async def run():
        reader = asyncio.StreamReader()
        incoming = os.fdopen(readable, "rb", 0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), incoming)
        out, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(writable, "wb", 0))
        out.write(b"through")
        out.close()
        result = await reader.read()
        transport.close()
        return result

    assert loop.drive(run(), 5) == b"through"


def test_selector_reports_what_is_ready_and_only_once():
    told, waited = [], []
    selector = HubSelector(get_hub(), lambda: told.append(1), waited.append)
    ours, theirs = socket.socketpair()
    key = selector.register(ours, selectors.EVENT_READ, "data")
    assert selector.get_key(ours) == selector.get_map()[ours.fileno()] == selector.get_map()[ours] == key
    theirs.send(b"x")
    gevent.sleep(0.01)
    assert told == [1]
    assert selector.take() == [(key, selectors.EVENT_READ)]
    gevent.sleep(0.01)
    assert selector.select(0) == []
    assert waited == [0]
    selector.rearm()
    gevent.sleep(0.01)
    assert [key.data for key, _ in selector.take()] == ["data"]
    writing = selector.modify(ours, selectors.EVENT_WRITE, "other")
    gevent.sleep(0.01)
    assert selector.take() == [(writing, selectors.EVENT_WRITE)]
    selector.unregister(ours)
    with pytest.raises(KeyError):
        selector.get_key(ours)
    selector.close()
    ours.close()
    theirs.close()


def refused(error, call, *args):
    with pytest.raises(error):
        call(*args)


def test_selector_refuses_what_the_selectors_module_refuses():
    selector = HubSelector(get_hub(), int, int)
    refused(ValueError, selector.register, 0, 0)
    refused(ValueError, selector.register, 0, 8)
    refused(ValueError, selector.register, "file", selectors.EVENT_READ)
    refused(ValueError, selector.register, -1, selectors.EVENT_READ)
    refused(KeyError, selector.modify, 0, selectors.EVENT_READ)
    refused(KeyError, selector.unregister, 0)
    selector.register(0, selectors.EVENT_READ)
    refused(KeyError, selector.register, 0, selectors.EVENT_READ)
    selector.close()


def test_child_process_with_pipes(loop):
    async def run():
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('err'); sys.exit(7)",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return await child.communicate(b"shout"), child.returncode

    assert loop.drive(run(), 20) == ((b"SHOUT", b"err"), 7)


def test_shell_children_at_once_and_one_that_is_killed(loop):
    async def one(n):
        child = await asyncio.create_subprocess_shell(f"echo {n}; exit {n}", stdout=asyncio.subprocess.PIPE)
        return int((await child.communicate())[0]), child.returncode

    async def killed():
        child = await asyncio.create_subprocess_exec("sleep", "60")
        child.kill()
        return await child.wait()

    async def run():
        return await asyncio.gather(*(one(n) for n in range(5)), killed())

    assert loop.drive(run(), 20) == [*((n, n) for n in range(5)), -signal.SIGKILL]


def test_program_that_does_not_exist(loop):
    async def run():
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("no-such-program")

    loop.drive(run(), 5)


def test_signal_handler_in_the_main_thread(loop):
    assert threading.current_thread() is threading.main_thread()

    async def run():
        received = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, received.set_result, "received")
        os.kill(os.getpid(), signal.SIGUSR1)
        try:
            return await asyncio.wait_for(received, 5)
        finally:
            assert loop.remove_signal_handler(signal.SIGUSR1)

    assert loop.drive(run(), 10) == "received"
