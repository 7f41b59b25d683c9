"""The watched side of a process: whom it excuses, and that it goes on hearing of signals."""

from __future__ import annotations

import bdb
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from harness.loop import HubLoop
from harness.watch.watched import Watch, is_debugged


@pytest.fixture
def told() -> Iterator[int]:
    """A descriptor that a watch may have signals written to; afterwards all is as before."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(-1)
    yield writing
    signal.set_wakeup_fd(before)
    os.close(reading)
    os.close(writing)


def test_a_watch_hears_of_signals_again_once_the_last_handler_of_the_loop_is_gone(told: int) -> None:
    loop = HubLoop()
    watch = Watch(bool)
    watch._told = told
    loop.on_deaf = watch.hear_again
    watch.hear_again()
    try:
        loop.add_signal_handler(signal.SIGUSR1, print)
        loop.add_signal_handler(signal.SIGUSR2, print)
        loop.remove_signal_handler(signal.SIGUSR1)
        watch.hear_again()
        assert signal.set_wakeup_fd(-1) not in (-1, told), "the loop's own, which it needs"
        loop.remove_signal_handler(signal.SIGUSR2)
        assert signal.set_wakeup_fd(-1) == told
    finally:
        loop.close()


def test_debuggers_are_excused_and_other_tracers_are_not() -> None:
    before = sys.gettrace()
    try:
        sys.settrace(lambda *_: None)
        assert not is_debugged()
        debugger = bdb.Bdb()
        debugger.reset()
        sys.settrace(debugger.trace_dispatch)
        assert is_debugged()
    finally:
        sys.settrace(before)
