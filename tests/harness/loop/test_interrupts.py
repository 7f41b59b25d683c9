"""Ctrl-C, in a real process with real signals."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import harness

PREAMBLE = """
from gevent import monkey; monkey.patch_all()
import asyncio, os, signal, sys, time
import gevent
from harness.loop import HubLoop, deliver_interrupts_to_main

undo = deliver_interrupts_to_main()
loop = HubLoop()
loop.start()
log = []

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

def user(coro):
    try:
        loop.drive(coro, 30.0)
    except BaseException as error:
        log.append(type(error).__name__)
"""


def run(body: str) -> str:
    child = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(harness.__file__).parents[1])},
    )
    assert child.returncode == 0, child.stderr
    return child.stdout


pytestmark = pytest.mark.slow


def test_interrupt_during_a_step_reaches_main_and_not_the_target():
    out = run("""
        async def stage():
            try:
                interrupt()
                for _ in range(10000):
                    pass
                log.append("step went on")
                await asyncio.sleep(60)
            except KeyboardInterrupt:
                log.append("in the target!")

        waits = gevent.spawn(user, stage())
        try:
            waits.join()
        except KeyboardInterrupt:
            print("main", log, loop.in_flight)
        waits.kill()
        print(log, loop.settle(1))
        """)
    assert out == "main ['step went on'] 1\n['step went on', 'GreenletExit'] 0\n"


def test_interrupt_while_everything_sleeps_reaches_main():
    out = run("""
        import threading
        from gevent.threadpool import ThreadPool
        sleep = monkey.get_original("time", "sleep")
        ThreadPool(1).spawn(lambda: (sleep(0.1), interrupt()))
        waits = gevent.spawn(user, asyncio.sleep(60))
        try:
            waits.join()
        except KeyboardInterrupt:
            print("main", log)
        """)
    assert out == "main []\n"


def test_an_impatient_second_interrupt_does_not_end_the_target():
    out = run("""
        async def stage():
            interrupt()
            interrupt()
            log.append("both kept for main")

        waits = gevent.spawn(user, stage())
        try:
            waits.join()
        except KeyboardInterrupt:
            log.append("main")
        print(sorted(log))
        """)
    assert out == "['both kept for main', 'main']\n"


def test_an_interrupt_that_waited_for_the_target_too_long_ends_it_with_the_next():
    out = run("""
        import time
        from harness.loop import interrupts
        interrupts.PATIENCE_S = 0.02

        async def stage():
            interrupt()
            log.append("first ignored")
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                pass
            interrupt()
            log.append("unreachable")

        waits = gevent.spawn(user, stage())
        for _ in range(2):
            try:
                waits.join()
            except KeyboardInterrupt:
                log.append("main")
        print(sorted(log))
        """)
    assert out == "['KeyboardInterrupt', 'first ignored', 'main']\n"


def test_interrupt_in_main_itself_is_raised_there_and_ends_its_drive():
    out = run("""
        from harness.loop import interrupts
        interrupts.PATIENCE_S = 0.02
        try:
            interrupt()
            log.append("unreachable")
        except KeyboardInterrupt:
            log.append("in main")
        gevent.spawn_later(0.05, interrupt)
        try:
            loop.drive(asyncio.sleep(60))
        except KeyboardInterrupt:
            log.append("in drive of main")
        print(log, loop.settle(1))
        """)
    assert out == "['in main', 'in drive of main'] 0\n"


def test_undo_restores_the_handler_there_was():
    out = run("""
        undo()
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        """)
    assert out == "True\n"
