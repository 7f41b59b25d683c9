"""Run CPython's own tests of asyncio on HubLoop and on the loop they were written for, and compare what passed.

``cpython_suite.py [GROUP ...]`` runs groups (all of them without one) and prints a line each; it ends with 1 where a
test passed on the stock loop and not on HubLoop, or the other way round. ``cpython_suite.py --on LOOP FILE GROUP``
runs one group on one loop and writes its outcomes to a file.

Not a test module: ``test_cpython_asyncio.py`` runs it. It needs gevent and HubLoop only.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import importlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
import warnings
from collections.abc import Iterator
from pathlib import Path

from harness.loop import HubLoop

LOOPS = ("stock", "hubloop")
TIMEOUT_S = 160

#: modules of ``test.test_asyncio``; those that a version of Python lacks are passed over
GROUPS = {
    "events": ("test_events",),
    "loops": ("test_base_events", "test_selector_events", "test_unix_events"),
    "sockets": ("test_sock_lowlevel", "test_server", "test_buffered_proto", "test_sendfile"),
    "streams": ("test_streams", "test_queues", "test_locks", "test_waitfor", "test_timeouts"),
    "subprocess": ("test_subprocess",),
    "ssl": ("test_ssl", "test_sslproto"),
    "runners": (
        *("test_runners", "test_threads", "test_taskgroups", "test_context", "test_pep492"),
        *("test_eager_task_factory", "test_staggered", "test_futures2", "test_free_threading"),
    ),
    "tasks": ("test_tasks", "test_futures"),
}

#: modules left out on both loops, and why
LEFT_OUT = {
    "test_transports": "abstract classes only, no loop",
    "test_protocols": "abstract classes only, no loop",
    "test_proactor_events": "another kind of loop",
    "test_windows_events": "another operating system",
    "test_windows_utils": "another operating system",
}

_ONE_SELECTOR = "the tests of EPollEventLoopTests; only the selector differs, and HubLoop has none but the hub"
_OTHER_MIX = "the tests of CTask_CFuture_Tests and PyTask_PyFuture_Tests on other mixtures of the two"

#: what the test suite leaves out on both loops since it says nothing more of HubLoop; --all runs it
EXCLUDED = {
    **{
        f"{module}.{selector}EventLoopTests": _ONE_SELECTOR
        for module in ("test_events", "test_sock_lowlevel", "test_sendfile")
        for selector in ("Select", "Poll")
    },
    **{
        f"test_tasks.{mix}": _OTHER_MIX
        for mix in (
            "CTaskSubclass_PyFuture_Tests",
            "CTask_CFuture_SubclassTests",
            "CTask_PyFuture_Tests",
            "PyTask_CFutureSubclass_Tests",
            "PyTask_CFuture_Tests",
            "PyTask_PyFuture_SubclassTests",
        )
    },
    "test_futures.": "futures of C and of Python on loops that are mocks",
}


class SuiteLoop(HubLoop):
    """Takes the selector that tests give to a loop, and lets it be: the hub is HubLoop's only one."""

    made = 0

    def __init__(self, selector: object = None) -> None:
        if selector is not None:
            selector.close()  # type: ignore[attr-defined]
        super().__init__()
        SuiteLoop.made += 1


class Outcomes(unittest.TestResult):
    """What became of each test, by its id; with ``*`` where a HubLoop was made for it."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        self.of[test.id()] = "passed"
        SuiteLoop.made = 0
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        super().stopTest(test)
        if test.id() in self.of and SuiteLoop.made:
            self.of[test.id()] += "*"

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802 - unittest's name
        super().addSkip(test, reason)
        self.of[test.id()] = "skipped"

    def tell_failures(self) -> None:
        """Mark the tests that failed, and print why."""
        for test, text in self.errors + self.failures:
            self.of[test.id()] = "failed"
            print(f"FAILED {test.id()}\n{text}", file=sys.stderr)


def use_hubloop() -> None:
    """Have asyncio make HubLoops wherever it would make its own."""
    asyncio.DefaultEventLoopPolicy._loop_factory = SuiteLoop  # type: ignore[attr-defined]
    asyncio.SelectorEventLoop = SuiteLoop  # type: ignore[misc]
    if hasattr(asyncio, "EventLoop"):  # from Python 3.13 on
        asyncio.EventLoop = SuiteLoop


def run(group: str, *, everything: bool) -> dict[str, str]:
    """Return what became of the tests of ``group`` on the loop that asyncio makes."""
    outcomes = Outcomes()
    for name in GROUPS[group]:
        if not importlib.util.find_spec(f"test.test_asyncio.{name}"):
            continue
        module = importlib.import_module(f"test.test_asyncio.{name}")
        loaded = unittest.defaultTestLoader.loadTestsFromModule(module)
        unittest.TestSuite(test for test in _flat(loaded) if everything or not _is_excluded(test)).run(outcomes)
    outcomes.tell_failures()
    return outcomes.of


def _flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _is_excluded(test: unittest.TestCase) -> bool:
    return any(test.id().startswith(f"test.test_asyncio.{excluded}") for excluded in EXCLUDED)


def run_apart(group: str, *, everything: bool) -> list[dict[str, str]]:
    """Run ``group`` on each loop, both at once; return what became of the tests, {} where the process died."""
    with tempfile.TemporaryDirectory() as folder:
        started = [_start(group, loop, Path(folder), everything=everything) for loop in LOOPS]
        return [_outcomes(process, Path(folder) / loop) for process, loop in zip(started, LOOPS, strict=True)]


def _start(group: str, loop: str, folder: Path, *, everything: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "faulthandler", __file__, "--on", loop, str(folder / loop), group]
    return subprocess.Popen(
        [*command, "--all"] if everything else command,
        stdout=subprocess.DEVNULL,
        stderr=(folder / f"{loop}.err").open("w"),
        text=True,
    )


def _outcomes(process: subprocess.Popen[str], found: Path) -> dict[str, str]:
    try:
        process.wait(TIMEOUT_S + 10)
    finally:
        process.kill()
    errors = found.with_suffix(".err").read_text()
    if process.returncode:
        print(f"{found.name} ended with {process.returncode}", errors[-4000:], file=sys.stderr)
        return {}
    print(errors[errors.find("FAILED") :][:8000] if "FAILED" in errors else "", end="", file=sys.stderr)
    outcomes: dict[str, str] = json.loads(found.read_text())
    return outcomes


def compare(group: str, *, everything: bool) -> bool:
    """Print how many tests of ``group`` passed on each loop, and which on one only; whether they were the same."""
    stock, ours = run_apart(group, everything=everything)
    passed = {test for test, outcome in stock.items() if outcome == "passed"}
    passed_here = {test for test, outcome in ours.items() if outcome.startswith("passed")}
    with_hubloop = sum(outcome == "passed*" for outcome in ours.values())
    print(f"{group}: {len(passed)} passed on asyncio's loop, {len(passed_here)} on HubLoop ({with_hubloop} made one)")
    for test in sorted(passed ^ passed_here):
        print(f"  {test}: {stock.get(test, 'not run')} on asyncio's loop, {ours.get(test, 'not run')} on HubLoop")
    return bool(with_hubloop) and passed == passed_here


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", default=list(GROUPS))
    parser.add_argument("--on", nargs=3, metavar=("LOOP", "FILE", "GROUP"))
    parser.add_argument("--all", action="store_true", help="run what EXCLUDED names as well")
    asked = parser.parse_args()
    if asked.on:
        loop, file, group = asked.on
        warnings.simplefilter("ignore")  # of policies and child watchers, which are deprecated
        faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
        if loop == "hubloop":
            use_hubloop()
        Path(file).write_text(json.dumps(run(group, everything=asked.all)))
        return 0
    same = [compare(group, everything=asked.all) for group in asked.groups]
    return not all(same)


if __name__ == "__main__":  # else the processes that the tests spawn would run them as well
    sys.exit(main())
