"""A real Locust process of a test: started in a folder, waited for by what it says, killed with all its children."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import SystemRandom
from typing import IO

REPOSITORY = Path(__file__).resolve().parents[2]
LOCUSTFILE = REPOSITORY / "locustfiles" / "route.py"
PATIENCE_S = 45.0
"""How long anything may take: many times what it takes on an idle machine."""

LOCUST_LOG = re.compile(r"^\[\d{4}-\d\d-\d\d [\d:,]+\] \S+/INFO/")
_RANDOM = SystemRandom()  # pytest-randomly seeds the module's generator alike in all workers


def free_port() -> int:
    """Return a port nobody listens on, below those the system gives out itself."""
    while True:
        port = _RANDOM.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(condition: Callable[[], bool], what: str, more: Callable[[], str] = str) -> None:
    """Return when ``condition`` holds; fail the test, saying ``what`` and ``more``, if it never does."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"never seen: {what}\n{more()}")
        time.sleep(0.02)


class LocustProcess:
    """``python -m locust``, or another ``command``, in a process group of its own, as a terminal would start it."""

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        preexec: Callable[[], None] | None,
        *,
        command: bool = False,
    ) -> None:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "ROUTESWARM_"))
        }
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.process = subprocess.Popen(
            [*arguments] if command else [sys.executable, "-m", "locust", *arguments],
            cwd=folder,
            env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
            preexec_fn=preexec,  # noqa: PLW1509  # sets a limit, takes no lock
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.stdout), (self.process.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: IO[str], lines: list[str]) -> None:
        with stream:
            lines.extend(line.rstrip("\n") for line in stream)

    @property
    def said(self) -> str:
        """Everything written so far."""
        return "\n".join([*self.stderr, *self.stdout])

    @property
    def last_words(self) -> str:
        """The end of what was written, for an assertion's message."""
        return "\n".join(["...", *self.stderr[-40:]])

    @property
    def own_lines(self) -> list[str]:
        """The lines on standard error that are not Locust's own log of what it does."""
        return [line for line in self.stderr if line.strip() and not LOCUST_LOG.match(line)]

    def wait_for(self, pattern: str, times: int = 1) -> None:
        """Wait until the process has written ``times`` lines that hold ``pattern``."""
        wanted = re.compile(pattern)

        def seen() -> bool:
            if sum(1 for line in [*self.stderr, *self.stdout] if wanted.search(line)) >= times:
                return True
            assert self.process.poll() is None, (
                f"ended ({self.process.returncode}) before {pattern!r}:\n{self.last_words}"
            )
            return False

        wait_until(seen, repr(pattern), lambda: self.last_words)

    def interrupt(self) -> None:
        """Press Ctrl-C: SIGINT to the whole group, as a terminal sends it."""
        self.signal_group(signal.SIGINT)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and its children; nothing happens if they have ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM to the process alone, as a supervisor does."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for the end and return the exit code."""
        try:
            code = self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {patience_s:g} s:\n{self.last_words}") from None
        for reader in self._readers:
            reader.join(5)
        return code

    def assert_nothing_left(self) -> None:
        """After the end: no worker stays behind."""

        def gone() -> bool:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return True
            return False

        wait_until(gone, "the end of all workers")

    def kill(self) -> None:
        """Leave nothing behind."""
        self.signal_group(signal.SIGKILL)
        self.process.wait()
        for reader in self._readers:
            reader.join(5)
