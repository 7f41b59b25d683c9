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
import threading
from collections.abc import Callable
from types import FrameType

from harness.watch import sentinel
from harness.watch.exits import Exits, place_of
from harness.words.clock import now_ns
from harness.words.errors import ExitCode, StepEndedError, one_line
from harness.words.output import put

STACKS_READ = 1 << 20
"""Bytes of stacks that are read: those of a hundred threads with a hundred frames each."""

FRAMES_WRITTEN = 1000
_DEBUGGERS = frozenset({"bdb", "pdb", "pydevd", "_pydevd_bundle", "_pydevd_frame_eval", "debugpy"})


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
        self._stacks = self._told = -1
        self.exits = Exits(self._tell_why)
        """The ways out of the process."""
        self.cause: str | None = None
        """What a ``sys.exit`` outside a step comes from, if that is known."""
        self._enabled = False  # whether faulthandler is enabled by this class
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
            self._enabled = True
            self._undo.append(faulthandler.disable)
        # Written by CPython's own handler in C: it says that a signal came while Python's handlers cannot run.
        self._told = told
        before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        self._undo.append(lambda: signal.set_wakeup_fd(before, warn_on_full_buffer=False))
        self.exits.guard()
        self._undo.append(self.exits.give_back)
        atexit.register(self._at_exit)
        self._undo.append(lambda: atexit.unregister(self._at_exit))

    def _at_exit(self) -> None:
        """Let the process end, but not one that has a run open with a code that looks like success.

        ``sys.exit`` outside a step of the target gets here: in a listener of Locust's, or in a thread of gevent's. What
        else is registered by ``atexit`` does not run then.
        """
        self.limit(0.0)  # an interpreter that ends has no handlers any more, and a signal would kill it
        if self._about and self._words is not None:
            error = getattr(sys, "last_value", None)  # set where one reached the top; SystemExit is none
            by = (self.cause or "sys.exit outside a step") if error is None else one_line(error)
            if isinstance(error, SystemError) and "(libev)" in str(error):
                by += " (a descriptor of the event loop's was closed, as os.closerange in the target does it)"
            self.tell(why=f"the process was ended before the run had its verdict: {by}")
            put("", sys.stdout)
            put("", sys.stderr)
            self.exits.leave(int(ExitCode.INCONCLUSIVE))

    def _tell_why(self, why: str) -> bool:
        if not self._about:
            return False
        self.tell(why=why)
        return True

    def leave_in_child(self) -> None:
        """In a forked child: what is shared is the parent's, and so are the ways in which it is ended."""
        self._page = self._words = None
        self._about = {}
        signal.set_wakeup_fd(-1)  # else a signal to the child would be one to this process for the sentinel
        if self._enabled:
            faulthandler.disable()
        for number in signal.valid_signals():
            if getattr(signal.getsignal(number), "__module__", "").startswith("harness."):
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def stop(self) -> None:
        """Be watched no more; the sentinel ends with the process. Idempotent."""
        self.over()
        self._told = -1
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

    def hear_again(self) -> None:
        """Hear of signals again where the target had that end: asyncio does when its last handler is removed."""
        if self._told < 0:
            return
        held = signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        if held not in (-1, self._told):
            signal.set_wakeup_fd(held)  # the target's loop waits there for a signal of its own

    def _on_ending(self, _number: int, frame: FrameType | None) -> None:
        """End the step that runs; where none does, or a debugger is at work in it, say so."""
        if is_debugged() or not self._in_step():
            self._set(sentinel.EXCUSED, now_ns())
            return
        self.ended += 1
        raise StepEndedError(f"it held the thread and was ended at {place_of(frame)}")

    def _dump_when_told(self, look: int) -> None:
        while os.read(look, 1):
            with contextlib.suppress(OSError, ValueError):
                faulthandler.dump_traceback(self._stacks)
                # faulthandler stops at 100 threads, the last of which is the main one, and at 100 frames of each.
                os.write(self._stacks, stack_of_main().encode(errors="replace"))
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


def is_debugged() -> bool:
    """Whether a debugger looks at what runs, and not a coverage tool or a profiler, which trace as well."""
    trace = sys.gettrace()
    kind = type(getattr(trace, "__self__", None))
    modules = [getattr(trace, "__module__", None) or "", *(base.__module__ for base in kind.__mro__)]
    return any(module.partition(".")[0] in _DEBUGGERS for module in modules)


def stack_of_main() -> str:
    """Return the main thread's frames as ``faulthandler`` writes them, however many there are up to a thousand."""
    main = threading.main_thread().ident or 0
    frame = sys._current_frames().get(main)
    lines: list[str] = []
    while frame is not None and len(lines) < FRAMES_WRITTEN:
        lines.append(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno} in {frame.f_code.co_name}\n')
        frame = frame.f_back
    return "".join([f"\nThread 0x{main:016x} (most recent call first):\n", *lines])


def _free_signals() -> tuple[int, int]:
    """Return two real-time signals that nobody uses; ValueError where there are none."""
    numbers = range(signal.SIGRTMAX, signal.SIGRTMIN, -1)
    free = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    ending, dumping = free[:2]
    return ending, dumping
