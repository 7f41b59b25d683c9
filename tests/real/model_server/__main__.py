"""``python -m model_server``: serve until standard input is closed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from model_server.app import ModelServer
from model_server.fleet import Fleet
from model_server.models import Model, SettingsError, model_from

HOST = "127.0.0.1"


def read_models(path: Path) -> list[Model]:
    """Return the models of a file: a JSON object of settings by name; raise ``SettingsError`` for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{path}: expected JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(settings, dict) for settings in found.values()):
        raise SettingsError(f"{path}: expected an object of settings by name of the model")
    try:
        return [model_from(settings, Model(name)) for name, settings in found.items()]
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None


async def serve(server: ModelServer, port: int, *, until_stdin_closes: bool) -> None:
    """Serve on the loopback interface, print where, and return at SIGTERM, SIGINT or the end of standard input."""
    # Cancelled handlers tell that a caller has left (aiohttp does not by default since 3.7).
    runner = web.AppRunner(server.app(), access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, HOST, port, backlog=1024)
    await site.start()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if until_stdin_closes:
        # A thread: epoll takes no regular file, and standard input may be one.
        threading.Thread(target=_wait_for_end_of_stdin, args=(loop, stopped), daemon=True).start()
    print(json.dumps({"url": f"http://{HOST}:{runner.addresses[0][1]}", "pid": os.getpid()}), flush=True)
    await stopped.wait()
    await runner.cleanup()


def _wait_for_end_of_stdin(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(stopped.set)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server."""
    parser = argparse.ArgumentParser(prog="model_server", description=sys.modules["model_server"].__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--models", type=Path, help="JSON file: settings by name of the model (one model, default)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: one that is free)")
    parser.add_argument("--seed", type=int, default=1, help="of what chance decides (1)")
    parser.add_argument("--stay", action="store_true", help="do not end when standard input is closed")
    asked = parser.parse_args(arguments)
    try:
        models = read_models(asked.models) if asked.models else [Model("default")]
    except SettingsError as error:
        print(f"model_server: {error}", file=sys.stderr)
        return 2
    asyncio.run(serve(ModelServer(Fleet(models, asked.seed)), asked.port, until_stdin_closes=not asked.stay))
    return 0


if __name__ == "__main__":
    sys.exit(main())
