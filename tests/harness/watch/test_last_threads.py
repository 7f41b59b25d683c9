"""A process that has done what it had to ends soon after its main thread has, whatever threads do."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = pytest.mark.slow

HELD = {
    "a thread": "threading.Thread(target=time.sleep, args=(60,)).start()",
    "an executor's": "ThreadPoolExecutor().submit(time.sleep, 60)",
    "asyncio's": "asyncio.new_event_loop().run_in_executor(None, time.sleep, 60)",
}


def run(held: str, more: str = "", last_s: float = 30) -> tuple[int, str, float]:
    """Return exit code, what was said and the seconds it took to end by sys.exit(7)."""
    code = f"""
        import asyncio, sys, threading, time
        from concurrent.futures import ThreadPoolExecutor
        from harness.watch.last_threads import end_in_spite_of_threads
        {held}
        end_in_spite_of_threads(7, lambda line: print(line, file=sys.stderr), last_s={last_s})
        {more}
        sys.exit(7)
    """
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    return ended.returncode, ended.stderr, time.monotonic() - began


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
def test_a_thread_that_does_not_end_keeps_nobody(held: str) -> None:
    code, said, took_s = run(held)
    assert code == 7
    assert "in spite of 1 of the target's threads" in said
    assert 2 <= took_s < 30


def test_nor_does_what_runs_at_exit() -> None:
    code, said, took_s = run("import atexit; atexit.register(time.sleep, 60)", last_s=1)
    assert code == 7
    assert "at exit" in said
    assert took_s < 30


def test_one_that_ends_in_time_is_waited_for() -> None:
    code, said, _ = run("threading.Timer(0.5, print, args=('done',), kwargs={'file': sys.stderr}).start()")
    assert (code, said) == (7, "done\n")


def test_the_main_thread_has_all_the_time_it_takes() -> None:
    code, said, took_s = run("atexit = __import__('atexit'); atexit.register(time.sleep, 3)", "time.sleep(1)")
    assert (code, said) == (7, "")
    assert took_s >= 4
