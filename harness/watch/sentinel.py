"""The sentinel: a small process that watches one process of a run, run as ``python -I -S sentinel.py``.

It needs no interpreter lock of the watched process, so that it acts also while a stage holds it. The two share a page
of memory: the watched process writes down when its hub last had a turn (its heartbeat), and until when one step may
hold the thread. Where the heart has stopped, the sentinel first has all stacks written down (``faulthandler``, which
needs no lock either), and where the step has to end, it has an exception raised in it; where that does not help, it
kills the process. Whatever ends a process with a run open, the sentinel says so, in the run's ``verdict.json`` as well.

Only the standard library's smallest parts: it starts in 15 ms and takes 10 MB.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import sys
import time

BEAT, DUE, LONGEST, ASKED, EXCUSED, PARENT, DUMPED, FIELDS = range(8)
"""Fields of the page, 64 bits each; times are ``time.monotonic_ns``.

BEAT: when the hub had its last turn. DUE: from when on no step may hold the thread any more; 0: no such time. LONGEST:
how many nanoseconds one may at most; 0: no run is open, and nothing is done. ASKED: when somebody asked for the end; 0:
nobody. EXCUSED: when the process said that it is not a step of the target that holds it. PARENT: the process with which
it is to end; 0: none. DUMPED: when its own thread last wrote the stacks down.
"""

TEXT, TEXT_BYTES = 4096, 4096
"""Where the page holds JSON: run, the folder whose verdict this process gives, if any; what, the process in words; why,
what it said as it ended itself."""

PAGE_BYTES = TEXT + 2 + TEXT_BYTES

LOOK_S = 0.05
DUMPED_WITHIN_S = 0.3
"""How long the watched process's own thread may take to write its stacks down. It needs the interpreter lock: a step
that keeps it is looked at by a signal, which would cut short a system call of C code, and so comes only then."""

STACKS_AFTER_S = 0.7
"""After so many seconds without a heartbeat the stacks are written down, so that a block can be named."""

ASKED_AFTER_S = 0.9
"""How long a step may go on after somebody asked for the end, and without a heartbeat."""

AGAIN_S = 1.0
"""Time between two exceptions that are raised in a step."""

KILLED_AFTER_S = 4.0
"""How long a step may go on after the first of them: one that swallows it, or is in C code, is killed."""

INCONCLUSIVE, CHECKER = 12, 11  # exit codes, as in harness.words.errors


class Watched:
    """The process that is watched.

    Args:
        pid: its id.
        page: what it shares, ``PAGE_BYTES``.
        stacks: descriptor of the file for its stacks, the same in both processes.
        looks: where to write a byte for each time that its own thread is to write the stacks down; -1: it has none.
        ending, dumping: numbers of the signals that raise an exception in a step, and that write the stacks down.

    """

    def __init__(self, pid: int, page: mmap.mmap, stacks: int, looks: int, ending: int, dumping: int) -> None:
        self.pid = pid
        self.page = memoryview(page)
        self.words = self.page[: FIELDS * 8].cast("q")
        self.stacks = stacks
        self.looks = looks
        self.looked_ns = 0  # when its own thread was told to write the stacks down; 0: it has answered
        self.ending, self.dumping = ending, dumping
        self.dumped_for = 0  # the heartbeat after which the stacks were last written down
        self.urged = 0  # how often an exception was raised since the last heartbeat
        self.urged_ns = self.first_urged_ns = 0

    def look(self, now_ns: int) -> bool:
        """Look once and do what has to be done; return whether the process had to be killed."""
        alive_ns = max(self.words[BEAT], self.words[EXCUSED])
        if not self.words[LONGEST]:
            return (
                False  # no run is open; an interpreter that ends has no handlers any more, and a signal would kill it
            )
        if self.is_stopped():
            self.words[EXCUSED] = now_ns  # by SIGSTOP or a debugger: nothing runs, and no signal should wait for it
            return False
        silent_s = (now_ns - alive_ns) / 1e9
        if not alive_ns or silent_s < STACKS_AFTER_S:
            self.urged = 0
            return False
        if self.dumped_for != alive_ns:
            self.dumped_for = alive_ns
            self.have_dumped(now_ns)
        self.insist(now_ns)
        if not self.has_to_end(now_ns, silent_s):
            return False
        if not self.urged:
            self.first_urged_ns = now_ns
        elif (now_ns - self.first_urged_ns) / 1e9 > KILLED_AFTER_S:
            os.kill(self.pid, signal.SIGKILL)
            return True
        if not self.urged or (now_ns - self.urged_ns) / 1e9 > AGAIN_S:
            self.urged, self.urged_ns = self.urged + 1, now_ns
            os.kill(self.pid, self.ending)
        return False

    def has_to_end(self, now_ns: int, silent_s: float) -> bool:
        """Whether a step that has been silent so long has to end now."""
        due_ns, longest_ns, asked_ns = self.words[DUE], self.words[LONGEST], self.words[ASKED]
        too_long = longest_ns < silent_s * 1e9
        too_late = 0 < due_ns < now_ns
        asked = 0 < asked_ns < now_ns - ASKED_AFTER_S * 1e9
        return silent_s > ASKED_AFTER_S and (too_long or too_late or asked)

    def have_dumped(self, now_ns: int) -> None:
        """Have the process write its stacks down by its own thread."""
        self.looked_ns = now_ns
        if self.looks >= 0:
            try:
                os.write(self.looks, b".")
            except OSError:  # the target has closed the other end
                self.looks = -1

    def insist(self, now_ns: int) -> None:
        """Have the stacks written down by a signal, where its own thread was told to and has not for too long."""
        if not self.looked_ns or self.words[DUMPED] >= self.looked_ns:
            self.looked_ns = 0
        elif self.looks < 0 or (now_ns - self.looked_ns) / 1e9 > DUMPED_WITHIN_S:
            self.looked_ns = 0
            self.dump()

    def dump(self) -> None:
        """Have the stacks written down by a signal, if the target has not closed the descriptor, and opened another."""
        try:
            there = os.fstat(self.stacks)
            theirs = os.stat(f"/proc/{self.pid}/fd/{self.stacks}")  # noqa: PTH116
        except OSError:
            return
        if (there.st_dev, there.st_ino) == (theirs.st_dev, theirs.st_ino):
            os.kill(self.pid, self.dumping)

    def _status(self) -> list[str]:
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # small
                return file.read().rpartition(")")[2].split()
        except OSError:
            return []

    def is_stopped(self) -> bool:
        """Whether it is stopped, by a signal or a debugger."""
        return self._status()[:1] in (["T"], ["t"])

    def is_over(self) -> bool:
        """Whether it has ended, and only its parent has yet to ask for its exit code."""
        return self._status()[:1] == ["Z"]

    def is_orphan(self) -> bool:
        """Whether the process with which it is to end has gone."""
        parent = self.words[PARENT]
        status = self._status()
        return bool(parent) and len(status) > 1 and int(status[1]) != parent

    def ask(self, now_ns: int) -> None:
        """Take note that somebody asked for the end, where nobody has before."""
        self.words[ASKED] = self.words[ASKED] or now_ns

    def about(self) -> dict[str, str | None]:
        """Return what it said of itself."""
        length = int.from_bytes(self.page[TEXT : TEXT + 2], "little")
        try:
            found = json.loads(bytes(self.page[TEXT + 2 : TEXT + 2 + length]))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def last_stack(self) -> str:
        """Return the last stacks it wrote down, empty where there are none."""
        size = os.fstat(self.stacks).st_size
        return os.pread(self.stacks, 65536, max(size - 65536, 0)).decode(errors="replace")


def verdict(reason: str, *, hung: bool) -> dict[str, object]:
    """Return the verdict on a run whose process ended before it could give one: nothing was judged, and it says so."""
    common = {"status": "INVALID", "detail": reason, "examples": [], "required": True}
    row = {"name": "process", "actual": "ended", "target": "lives to the verdict", **common}
    hang = {"name": "hang", "actual": "1 hung", "target": None, **common}
    return {
        "verdict": "FAIL" if hung else "INCONCLUSIVE",
        "exit_code": CHECKER if hung else INCONCLUSIVE,
        "reason": reason,
        "criteria": [],
        "checks": [hang] if hung else [],
        "validity": [row],
        "hypotheses": [],
        "totals": {},
    }


def write_verdict(run: str, content: dict[str, object]) -> None:
    """Write the verdict of a run that has none yet."""
    path = os.path.join(run, "verdict.json")  # noqa: PTH118  # pathlib doubles the start-up time
    if os.path.exists(path):  # noqa: PTH110
        return
    with open(f"{path}.partial", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")
    os.replace(f"{path}.partial", path)  # noqa: PTH105


def end_of(watched: Watched, *, killed: bool) -> None:
    """Say how a process ended that had a run open; nothing where it had none."""
    about = watched.about()
    what = about.get("what")
    if not what:
        return
    if killed:
        why = "a step of the target held the thread and could not be interrupted: the process was killed"
    else:
        why = about.get("why") or "the process ended without a word: killed, or crashed in C code"
    stack = watched.last_stack()
    if killed or "Fatal Python error" in stack:
        frames = [line.strip() for line in stack.rpartition("most recent call first")[2].splitlines()[1:9]]
        why = f"{why}; last seen in {' < '.join(frames)}" if frames else why
    run = about.get("run")
    try:
        if run:
            write_verdict(run, verdict(f"{what}: {why}", hung=killed))
        if run and stack:
            logs = os.path.join(run, "logs")  # noqa: PTH118
            os.makedirs(logs, exist_ok=True)  # noqa: PTH103
            with open(os.path.join(logs, "stacks.txt"), "a", encoding="utf-8") as file:  # noqa: PTH118, PTH123
                file.write(stack)
    except OSError as error:
        why = f"{why} (and its verdict could not be written: {error.strerror})"
    where = f"; {run} holds what was recorded" if run else ""
    said = f"routeswarm: {what}: {why}{where}"  # with names of the target: what a terminal would obey is escaped
    said = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in said)
    print(said, file=sys.stderr, flush=True)


def watch(watched: Watched, asks: int) -> None:
    """Watch until the process has ended; ``asks`` is where the numbers of signals come in that ask for its end."""
    try:
        alive = os.pidfd_open(watched.pid)
    except (AttributeError, OSError):
        alive = -1
    listening = [descriptor for descriptor in (alive, asks) if descriptor >= 0]
    killed = False
    while True:
        ready, _, _ = select.select(listening, [], [], LOOK_S)
        now_ns = time.monotonic_ns()
        if asks in ready:
            numbers = os.read(asks, 256)
            if not numbers:
                listening.remove(asks)  # the target has closed the other end
            elif signal.SIGINT in numbers or signal.SIGTERM in numbers:
                watched.ask(now_ns)
        try:
            os.kill(watched.pid, 0)  # raises where it has gone
            if alive in ready or watched.is_over():
                break
            if watched.is_orphan():
                watched.ask(now_ns)
            killed = watched.look(now_ns) or killed
        except ProcessLookupError:
            break
    end_of(watched, killed=killed)


def main(arguments: list[str]) -> None:
    """Watch the process that started this one, as a child of nobody: the target may wait for all children."""
    pid, page, stacks, asks, looks, ending, dumping = map(int, arguments)
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    watch(Watched(pid, mmap.mmap(page, PAGE_BYTES), stacks, looks, ending, dumping), asks)


if __name__ == "__main__":
    main(sys.argv[1:])
