"""How Locust's main module waits for workers that it forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from harness.swarm.process import children
from harness.swarm.process.children import Children

pytestmark = pytest.mark.slow

Start = Callable[[str], subprocess.Popen[bytes]]
DEAF = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python on some code, which says a line when it is ready; nothing stays behind."""
    started: list[subprocess.Popen[bytes]] = []

    def make(code: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def status_of(process: subprocess.Popen[bytes], options: int = 0) -> int:
    pid, status = Children().waitpid(process.pid, options)
    assert pid == process.pid
    return os.waitstatus_to_exitcode(status)


def test_one_that_runs_has_not_ended(start: Start) -> None:
    process = start(DEAF)
    with pytest.raises(InterruptedError):
        Children().waitpid(process.pid, os.WNOHANG)
    process.kill()
    assert status_of(process) == -signal.SIGKILL


def test_one_that_ended_has_its_code(start: Start) -> None:
    assert status_of(start("print(flush=True); raise SystemExit(7)")) == 7


@pytest.mark.parametrize("options", [0, os.WNOHANG])
def test_one_that_somebody_else_has_waited_for_has_ended(start: Start, options: int) -> None:
    process = start("print(flush=True); raise SystemExit(7)")
    process.wait()
    assert status_of(process, options) == 0


def test_one_that_does_not_heed_the_interrupt_is_killed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "ENDS_WITHIN_S", 0.2)
    process, waiting = start(DEAF), Children()
    waiting.kill(process.pid, signal.SIGINT)
    _, status = waiting.waitpid(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL


def test_one_that_heeds_it_ends_by_itself(start: Start) -> None:
    process = start(
        "import time\ntry:\n    print(flush=True); time.sleep(60)\nexcept KeyboardInterrupt:\n    raise SystemExit(3)"
    )
    waiting = Children()
    waiting.kill(process.pid, signal.SIGINT)
    _, status = waiting.waitpid(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 3


def test_one_that_is_gone_cannot_be_sent_a_signal(start: Start) -> None:
    process = start("print(flush=True)")
    process.wait()
    with pytest.raises(ProcessLookupError):
        Children().kill(process.pid, signal.SIGINT)
