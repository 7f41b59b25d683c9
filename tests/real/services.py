"""The services that pipelines call: each a process of its own on a port of the loopback interface, ended for certain.

A service ends when its standard input is closed, which the system does even if this process is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pipelines.keywords import KEYWORDS, OTHERWISE

HERE = Path(__file__).resolve().parent
PATIENCE_S = 30.0
POSTGRES_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
"""Where Debian puts what it does not link into the path."""


class ServiceError(RuntimeError):
    """A service that did not come up, with what it said."""


class MissingServerError(RuntimeError):
    """A server that is not installed."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def model_settings() -> dict[str, object]:
    """Return the models: all answer by the keywords, after 20 ms; ``flaky`` fails one call in ten."""
    answers = [{"contains": keyword, "says": route} for keyword, route in KEYWORDS]
    plain = {"latency_ms": 20, "answers": answers, "otherwise": OTHERWISE}
    return {
        "router": plain,
        "backup": plain,
        "streaming": {**plain, "latency_ms": 15, "token_ms": 2},
        "flaky": {**plain, "behaviour": {"kind": "server_error", "share": 0.1}},
    }


@contextmanager
def models(folder: Path) -> Iterator[str]:
    """Run the model server; yield its URL."""
    settings = folder / "models.json"
    settings.write_text(json.dumps(model_settings()))
    with announced("-m", "model_server", "--models", str(settings)) as said:
        yield said["url"]


@contextmanager
def routing_service(_: Path) -> Iterator[str]:
    """Run the gRPC service; yield its address."""
    with announced("grpc_server.py") as said:
        yield said["address"]


@contextmanager
def announced(*arguments: str) -> Iterator[dict[str, str]]:
    """Run a Python program that says in a line of JSON where it serves; yield what it said."""
    server = subprocess.Popen(
        [sys.executable, *arguments], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        line = server.stdout.readline()
        if not line:
            raise ServiceError(f"{' '.join(arguments)} ended with {server.wait()}")
        yield json.loads(line)
    finally:
        server.stdin.close()
        _end(server)
        server.stdout.close()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a redis-server that keeps nothing; yield its URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise MissingServerError("redis-server is not installed (Debian: redis-server)")
    port = free_port()
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with _until_closed([*command, "--dir", str(folder)], folder / "redis.log", ending="TERM") as server:
        _wait_for(server, port, folder / "redis.log")
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL with the table of rules, in a folder of its own: its user cannot enter ours. Yield its URL."""
    programs = next(reversed(POSTGRES_FOLDERS), None)
    if programs is None:
        raise MissingServerError("PostgreSQL is not installed (Debian: postgresql)")
    user = "postgres" if os.geteuid() == 0 else "-"  # it refuses to run as root
    as_user: Mapping[str, object] = {} if user == "-" else {"user": user, "group": user, "extra_groups": []}
    data = Path(tempfile.mkdtemp(prefix="routeswarm-postgres-"))
    try:
        if user != "-":
            shutil.chown(data, user, user)
        made = [str(programs / "initdb"), "-D", str(data), "-U", "router", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, cwd=data, **as_user)  # type: ignore[call-overload]
        port = free_port()
        settings = ["fsync=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={data}", "max_connections=60"]
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        command += [part for setting in settings for part in ("-c", setting)]
        with _until_closed(command, folder / "postgres.log", ending="QUIT", user=user, cwd=data) as server:
            url = f"postgresql://router@127.0.0.1:{port}/postgres"
            _fill(server, programs / "psql", url, folder / "postgres.log")
            yield url
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _fill(server: subprocess.Popen[bytes], psql: Path, url: str, log: Path) -> None:
    values = ", ".join(f"({place}, '{keyword}', '{route}')" for place, (keyword, route) in enumerate(KEYWORDS))
    table = f"create table rules (place int primary key, keyword text, route text); insert into rules values {values}"
    until = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run([str(psql), "-q", "-d", url, "-c", table], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if server.poll() is not None or time.monotonic() > until:
            raise ServiceError(f"PostgreSQL: {done.stderr}{_said(log)}")
        time.sleep(0.05)


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if server.poll() is not None or time.monotonic() > until:
            raise ServiceError(f"nobody listens on {port}: {_said(log)}")
        time.sleep(0.02)


@contextmanager
def _until_closed(
    command: Sequence[str], log: Path, *, ending: str, user: str = "-", cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    wrapper = [sys.executable, str(HERE / "until_stdin_closes.py"), user, ending, *command]
    with log.open("wb") as file:
        server = subprocess.Popen(wrapper, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, cwd=cwd)
    assert server.stdin is not None
    try:
        yield server
    finally:
        server.stdin.close()
        _end(server)


def _end(server: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    try:
        server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _said(log: Path) -> str:
    return log.read_text(errors="backslashreplace")[-2000:]


SERVICES = {
    "MODELS_URL": models,
    "REDIS_URL": redis,
    "DATABASE_URL": postgres,
    "ROUTER_ADDRESS": routing_service,
}
"""What runs each service, by the variable in which pipelines find it."""


class Running:
    """Services that are started when they are first asked for, and end with the context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, str | MissingServerError] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def environment(self, names: Sequence[str]) -> dict[str, str]:
        """Return where services are, by the variables that name them; raise ``MissingServerError``."""
        found = {name: self._start(name) for name in names}
        for where in found.values():
            if isinstance(where, MissingServerError):
                raise where
        return {name: str(where) for name, where in found.items()}

    def _start(self, name: str) -> str | MissingServerError:
        if name not in self._found:
            service: AbstractContextManager[str] = SERVICES[name](self._folder)
            try:
                self._found[name] = self._stack.enter_context(service)
            except MissingServerError as missing:
                self._found[name] = missing
        return self._found[name]
