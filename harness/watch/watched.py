"""The watched side: what this process shares with its sentinel, and what the sentinel's signals do here."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import faulthandler
import json
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from harness.watch import sentinel
from harness.words.clock import now_ns
from harness.words.errors import ExitCode, StepEndedError

STACKS_READ = 1 << 16
"""Bytes of stacks that are read: those of some hundred threads."""


class Watch:
    """This process, as its sentinel sees it. One at a time, made in the main thread.

    Args:
        in_step: says whether a step of the target runs in the main thread at this moment.
        native: whether threads are the system's. gevent's would stop everything else.

    """

    def __init__(self, in_step: Callable[[], bool], *, native: bool = True) -> None:
        self._in_step = in_step
        self._native = native
        self._about: dict[str, str] = {}
        self._undo: list[Callable[[], object]] = []
        self._page: mmap.mmap | None = None
        self._words: memoryview | None = None
        self._stacks = -1
        self.ended = 0
        """How many exceptions were raised in steps so far."""

    def start(self) -> str | None:
        """Begin to be watched; return in one clause why that cannot be, None where it can."""
        try:
            self._start()
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self.stop()
            return f"nobody can watch this process: {error}"
        return None

    def _start(self) -> None:
        page, self._stacks = os.memfd_create("routeswarm-page"), os.memfd_create("routeswarm-stacks")
        os.set_blocking(self._stacks, True)
        self._page_fd = page
        os.ftruncate(page, sentinel.PAGE_BYTES)
        self._page = mmap.mmap(page, sentinel.PAGE_BYTES)
        self._words = memoryview(self._page)[: sentinel.FIELDS * 8].cast("q")
        ending, dumping = _free_signals()
        asks, told = os.pipe()
        os.set_blocking(told, False)
        look, looks = os.pipe()
        self._undo += [lambda: os.close(page), lambda: os.close(told)]
        self._listen(ending, dumping, told)
        command = [sys.executable, "-I", "-S", sentinel.__file__]
        numbers = (os.getpid(), page, self._stacks, asks, looks if self._native else -1, ending, dumping)
        try:
            # It forks, and its parent ends at once: the sentinel is nobody's child.
            subprocess.run(
                [*command, *map(str, numbers)],
                pass_fds=(page, self._stacks, asks, looks),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        finally:
            os.close(asks)
            os.close(looks)
        if self._native:
            # No threading.Thread: the target may count those. It ends when the sentinel does.
            _thread.start_new_thread(self._dump_when_told, (look,))

    def _listen(self, ending: int, dumping: int, told: int) -> None:
        """Take the sentinel's signals, pass on those that ask for the end, and guard the ways out of the process."""
        previous = signal.signal(ending, self._on_ending)
        self._undo.append(lambda: signal.signal(ending, previous))
        faulthandler.register(dumping, file=self._stacks, all_threads=True)
        self._undo.append(lambda: faulthandler.unregister(dumping))
        if not faulthandler.is_enabled():
            faulthandler.enable(file=self._stacks)
            self._undo.append(faulthandler.disable)
        # Written by CPython's own handler in C: it says that a signal came while Python's handlers cannot run.
        before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        self._undo.append(lambda: signal.set_wakeup_fd(before, warn_on_full_buffer=False))
        self._guard_exit()
        let_go = partial(
            self.limit, 0.0
        )  # whatever ends the process: an interpreter that ends has no handlers any more
        atexit.register(let_go)
        self._undo.append(lambda: atexit.unregister(let_go))

    def _guard_exit(self) -> None:
        """Have ``os._exit`` in this process say where it was called, and never leave a run with another code than 12.

        Alone among the ways to end a process it looks like success: a crash has a code of its own.
        """
        real, home = os._exit, os.getpid()

        def guarded(status: int) -> Any:
            if os.getpid() == home and self._about:
                self.tell(why=f"the target ended the process by os._exit({status!r}) at {_place(sys._getframe(1))}")
                real(int(ExitCode.INCONCLUSIVE))
            real(status)

        os._exit = guarded
        self._undo.append(lambda: setattr(os, "_exit", real))

    def stop(self) -> None:
        """Be watched no more; the sentinel ends with the process. Idempotent."""
        self.over()
        undo, self._undo = self._undo, []
        for each in reversed(undo):
            with contextlib.suppress(OSError, ValueError):
                each()
        self._words = None

    # -- what the sentinel is told -------------------------------------------------------------------------

    def _set(self, field: int, value: int) -> None:
        if self._words is not None:
            self._words[field] = value

    def beat(self, at_ns: int) -> None:
        """The hub had a turn."""
        self._set(sentinel.BEAT, at_ns)

    def limit(self, longest_s: float) -> None:
        """From now on one step may hold the thread for so many seconds; 0: for ever, whatever else is told."""
        self._set(sentinel.LONGEST, round(longest_s * 1e9))

    def until(self, due_ns: int | None) -> None:
        """From a moment of the monotonic clock on no step may hold the thread any more; None: from no moment."""
        self._set(sentinel.DUE, due_ns or 0)

    def ask(self) -> None:
        """Somebody asked for the end of the process."""
        self._set(sentinel.ASKED, now_ns())

    def end_with(self, parent: int) -> None:
        """Count the end of the parent process as asking for the end of this one."""
        self._set(sentinel.PARENT, parent)

    def tell(self, **about: str) -> None:
        """Say what this process is (``what``), whose verdict it gives (``run``), or why it ends itself (``why``)."""
        self._about |= about
        self._write_about()

    def over(self) -> None:
        """There is nothing left to say: the run has its verdict, or never began."""
        self._about = {}
        self._write_about()

    def _write_about(self) -> None:
        if self._page is None or self._words is None:
            return
        text = json.dumps(self._about).encode()[: sentinel.TEXT_BYTES]
        begin = sentinel.TEXT
        self._page[begin : begin + 2 + len(text)] = len(text).to_bytes(2, "little") + text

    # -- what the sentinel does ----------------------------------------------------------------------------

    def _on_ending(self, _number: int, frame: FrameType | None) -> None:
        """End the step that runs; where none does, or a debugger is at work in it, say so."""
        if sys.gettrace() is not None or not self._in_step():
            self._set(sentinel.EXCUSED, now_ns())
            return
        self.ended += 1
        raise StepEndedError(f"it held the thread and was ended at {_place(frame)}")

    def _dump_when_told(self, look: int) -> None:
        while os.read(look, 1):
            with contextlib.suppress(OSError, ValueError):
                faulthandler.dump_traceback(self._stacks)
                self._set(sentinel.DUMPED, now_ns())
        os.close(look)

    def take_stacks(self) -> str:
        """Return the stacks that were written down since the last call; empty where there are none."""
        try:
            text = os.pread(self._stacks, STACKS_READ, 0).decode(errors="replace")
            os.ftruncate(self._stacks, 0)
            os.lseek(self._stacks, 0, os.SEEK_SET)
        except OSError:
            return ""
        return text


def _free_signals() -> tuple[int, int]:
    """Return two real-time signals that nobody uses; ValueError where there are none."""
    numbers = range(signal.SIGRTMAX, signal.SIGRTMIN, -1)
    free = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    ending, dumping = free[:2]
    return ending, dumping


def _place(frame: FrameType | None) -> str:
    if frame is None:
        return "an unknown place"
    path = Path(frame.f_code.co_filename)
    with contextlib.suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd())
    return f"{path}:{frame.f_lineno} in {frame.f_code.co_name}"
