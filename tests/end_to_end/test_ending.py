"""A run ends, and says how, whatever the target does to its thread, its process and its interpreter."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest
from locust_process import LocustProcess, wait_until
from user_folder import Folder, ports

pytestmark = pytest.mark.slow

HOLDING = r"""
import asyncio, ctypes, itertools, os, re, signal, subprocess, sys, threading, time
from pathlib import Path
from stageflow import Pipeline, StageKind, StageOutput
from fast import Router, pipeline_of

AT = 15  # which call misbehaves: after the baseline, under load


def spin():
    while True:
        pass


def deadlock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def holding_the_interpreter_lock():
    sum(range(10**13))  # one call of C: hours without a look at signals


def swallowing():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass


def background():
    async def endless():
        await asyncio.sleep(0.05)
        spin()
    asyncio.get_running_loop().create_task(endless())


def thread_without_end():
    threading.Thread(target=time.sleep, args=(3600,), name="forever").start()


def handle_signals_for_a_while():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, print)
    loop.remove_signal_handler(signal.SIGUSR1)
    holding_the_interpreter_lock()


ways = {
    "spin": spin,
    "deadlock": deadlock,
    "regex": lambda: re.match(r"(a+)+$", "a" * 40 + "b"),
    "number": lambda: 3 ** 10 ** 9,
    "child": lambda: subprocess.run(["sleep", "3600"]),
    "background": background,
    "sleeping": lambda: time.sleep(6),
    "c": holding_the_interpreter_lock,
    "swallowing": swallowing,
    "exit0": lambda: os._exit(0),
    "crash": lambda: ctypes.string_at(0),
    "thread": thread_without_end,
    "execv": lambda: os.execv("/bin/true", ["true"]),
    "traced": lambda: (sys.settrace(lambda *_: None), spin()),
    "signals": handle_signals_for_a_while,
    "elsewhere": lambda: os.chdir("/"),
    "loop": lambda: setattr(asyncio.get_running_loop(), "_scheduled", 7),
}


def made(way, at=AT):
    count = itertools.count(1)

    class Holding(Router):
        async def execute(self, ctx):
            if next(count) == at:
                Path("held").touch()
                ways[way]()
            return await super().execute(ctx)

    return pipeline_of(Holding)


def __getattr__(name):
    _, _, rest = name.partition("with_")
    way, _, at = rest.partition("_at_")
    if way not in ways:
        raise AttributeError(name)
    return made(way, int(at or AT))
"""

QUICK = ("-u", 4, "-r", 4, "-t", "2s", "--stop-timeout", 1, "--deadline-ms", 2000, "--baseline-size", 4)
LONGEST_S = 7  # deadline and grace


@pytest.fixture
def holding(folder: Folder) -> Folder:
    (folder.path / "holding.py").write_text(HOLDING)
    return folder


def sentinels() -> set[int]:
    """The processes of this machine that watch one."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if any(word.endswith("watch/sentinel.py") for word in process.info["cmdline"] or ()):
            found.add(process.pid)
    return found


def assert_nothing_left(process: LocustProcess, before: set[int]) -> None:
    """Neither workers nor watching processes stay behind; those of other tests of this machine do not count."""
    process.assert_nothing_left()
    watching = [pid for pid in sentinels() - before if _watches(pid, process.process.pid)]
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in watching), "the end of the sentinels")


def _watches(sentinel: int, group: int) -> bool:
    try:
        watched = int(psutil.Process(sentinel).cmdline()[4])
        return os.getpgid(watched) == group
    except (psutil.Error, ProcessLookupError, ValueError, IndexError):
        return False


def row(folder: Folder, kind: str, name: str) -> dict[str, object]:
    return next(entry for entry in folder.run.verdict[kind] if entry["name"] == name)


@pytest.mark.parametrize("way", ["spin", "deadlock", "regex", "number", "child", "traced"])
def test_a_stage_that_never_returns_is_ended_and_named(holding: Folder, way: str) -> None:
    before = sentinels()
    process = holding.headless(*QUICK, target=f"holding:with_{way}")
    assert process.wait() == 11
    assert row(holding, "checks", "hang")["status"] == "INVALID"
    (block,) = [block for block in holding.run.totals["blocks"] if block["interrupted"]]
    assert block["stage"] == "router"
    assert block["place"].startswith("holding.py")
    stacks = (holding.run.path / "logs" / "stacks.txt").read_text()
    assert "holding.py" in stacks
    assert "stage router" in stacks
    holding.run.assert_conserved()
    assert_nothing_left(process, before)


def test_the_same_on_two_workers(holding: Folder) -> None:
    before = sentinels()
    process = holding.headless("--processes", 2, *ports(), *QUICK, target="holding:with_spin_at_6")
    assert process.wait() == 11
    assert row(holding, "checks", "hang")["status"] == "INVALID"
    assert [worker["fate"] for worker in holding.run.manifest["workers"]] == ["finished"] * 2
    assert_nothing_left(process, before)


def test_in_the_baseline(holding: Folder) -> None:
    process = holding.headless(*QUICK, target="holding:with_spin_at_2")
    assert process.wait() == 11
    assert row(holding, "checks", "hang")["status"] == "INVALID"
    assert any(block["interrupted"] for block in holding.run.totals["blocks"])


def test_in_a_task_of_the_background(holding: Folder) -> None:
    process = holding.headless(*QUICK, target="holding:with_background_at_4")
    assert process.wait() == 11
    assert row(holding, "checks", "hang")["status"] == "INVALID"


def test_in_golden(holding: Folder) -> None:
    words = ("-m", "harness", "golden", "--target", "holding:with_spin_at_2", "--corpus", "corpus.jsonl")
    process = LocustProcess([sys.executable, *words, "--deadline-ms", "500"], holding.path, {}, None, command=True)
    holding.track.append(process)
    assert process.wait() == 11
    assert any("holding.py" in line for line in process.stdout)


@pytest.mark.parametrize("way", ["c", "swallowing"])
def test_one_that_cannot_be_ended_is_killed_and_has_its_verdict(holding: Folder, way: str) -> None:
    before = sentinels()
    process = holding.headless(*QUICK, "-t", "5s", target=f"holding:with_{way}_at_200")
    assert process.wait() == -signal.SIGKILL
    assert holding.run.verdict["exit_code"] == 11
    assert row(holding, "checks", "hang")["status"] == "INVALID"
    assert "holding.py" in str(row(holding, "checks", "hang")["detail"])
    assert len(holding.run.operations) >= 1
    assert_nothing_left(process, before)


@pytest.mark.parametrize(
    ("way", "number"),
    [("spin", signal.SIGINT), ("spin", signal.SIGTERM), ("c", signal.SIGTERM), ("signals", signal.SIGINT)],
)
def test_signals_work_while_a_stage_holds_the_thread(holding: Folder, way: str, number: signal.Signals) -> None:
    process = holding.headless(*QUICK, "-t", "1h", "--deadline-ms", 600_000, target=f"holding:with_{way}")
    wait_until((holding.path / "held").exists, "the stage that holds the thread")
    begun = time.monotonic()
    process.process.send_signal(number)
    code = process.wait()
    took = time.monotonic() - begun
    assert holding.run.verdict["exit_code"] == 11
    assert code == (11 if way == "spin" else -signal.SIGKILL)
    (first,) = [line for line in process.stderr if "judging the run" in line or "was killed" in line]
    assert first
    assert took < 30


@pytest.mark.parametrize(
    ("way", "code", "named"),
    [("exit0", 12, "holding.py"), ("execv", 12, "holding.py"), ("crash", -signal.SIGSEGV, "string_at")],
)
def test_sudden_death_has_a_verdict_and_a_code(holding: Folder, way: str, code: int, named: str) -> None:
    before = sentinels()
    process = holding.headless(*QUICK, target=f"holding:with_{way}")
    assert process.wait() == code
    assert holding.run.verdict["verdict"] == "INCONCLUSIVE"
    wait_until(lambda: any(named in line for line in process.stderr), named, lambda: process.last_words)
    assert_nothing_left(process, before)


@pytest.mark.parametrize("words", [("harness", "run", *QUICK[:-2]), ("harness", "golden")])
def test_a_target_that_ends_the_process_as_it_is_imported_is_named(folder: Folder, words: tuple[str, ...]) -> None:
    (folder.path / "ending.py").write_text("import os\nos._exit(0)\n")
    given = [*map(str, words), "--target", "ending:pipeline", "--corpus", "corpus.jsonl"]
    headless = ["--headless"] if "run" in words else []
    process = LocustProcess([sys.executable, "-m", *given, *headless], folder.path, {}, None, command=True)
    folder.track.append(process)
    assert process.wait() == 12
    assert any("ending.py:2" in line for line in process.stderr)


def test_a_target_that_changes_the_current_folder_keeps_its_run(holding: Folder) -> None:
    code = holding.headless(*QUICK, target="holding:with_elsewhere").wait()
    holding.run.assert_complete()
    holding.run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    holding.run.assert_conserved()


def test_sudden_death_of_workers(holding: Folder) -> None:
    before = sentinels()
    process = holding.headless("--processes", 2, *ports(), *QUICK, target="holding:with_exit0_at_6")
    assert process.wait() == 12
    assert any("os._exit(0)" in line and "holding.py" in line for line in process.stderr)
    assert [worker["fate"] for worker in holding.run.manifest["workers"]] == ["lost"] * 2
    assert_nothing_left(process, before)


def test_kill_9_leaves_a_verdict_that_says_so(holding: Folder) -> None:
    process = holding.headless(*QUICK, "-t", "1h")
    holding.wait_for_history(2)
    process.process.kill()
    process.wait()
    wait_until((holding.run.path / "verdict.json").exists, "a verdict")
    assert holding.run.verdict["verdict"] == "INCONCLUSIVE"


def test_a_loop_that_was_broken_ends_the_run_and_its_verdict_says_why(holding: Folder) -> None:
    process = holding.headless(*QUICK, "-t", "1h", target="holding:with_loop")
    assert process.wait() == 12
    assert holding.run.verdict["verdict"] == "INCONCLUSIVE"
    broken = row(holding, "validity", "event loop")
    assert broken["status"] == "INVALID"
    assert "TypeError" in str(broken["detail"])


def test_threads_that_do_not_end_do_not_keep_the_process(holding: Folder) -> None:
    process = holding.headless(*QUICK, target="holding:with_thread_at_2")
    code = process.wait()
    holding.run.assert_concluded("PASS", "PASS WITH CONCERNS", code=code)
    assert any("forever" in line for line in process.stderr)


def test_a_stage_that_blocks_for_a_while_is_measured_named_and_not_ended(holding: Folder) -> None:
    load = ("-u", 4, "-r", 4, "-t", "9s", "--baseline-size", 4)
    process = holding.headless(*load, target="holding:with_sleeping")
    code = process.wait()
    holding.run.assert_concluded("PASS WITH CONCERNS", code=code)
    (block,) = holding.run.totals["blocks"]
    assert block["stage"] == "router"
    assert block["place"].startswith("holding.py")
    assert 5.9 <= block["longest_s"] <= 7.5
    assert not block["interrupted"]
    assert max(row["end_ns"] - row["intended_ns"] for row in holding.run.operations) >= 5.9e9
    holding.run.assert_conserved()


def test_a_run_that_is_stopped_by_job_control_goes_on_afterwards(holding: Folder) -> None:
    process = holding.headless(*QUICK, "-t", "4s")
    holding.wait_for_history(1)
    os.kill(process.process.pid, signal.SIGSTOP)
    stopped = psutil.Process(process.process.pid)
    wait_until(lambda: stopped.status() == psutil.STATUS_STOPPED, "the stop")
    until = time.monotonic() + LONGEST_S + 2
    wait_until(lambda: time.monotonic() > until, "the time in which a stage would have been ended")
    os.kill(process.process.pid, signal.SIGCONT)
    process.wait()
    assert not any(block["interrupted"] for block in holding.run.totals["blocks"])
    holding.run.assert_complete()
