"""Run a group of CPython's own tests of asyncio on HubLoop, in a patched process: ``cpython_suite.py GROUP``.

Without a group it prints the names of its groups, their modules, and the modules left out.

Not a test module: ``test_cpython_asyncio.py`` starts one process for each group.
"""

# ruff: noqa: E402 - patching comes first, as in Locust
from gevent import monkey

monkey.patch_all()

import asyncio
import importlib
import sys
import types
import unittest
import warnings
from collections.abc import Iterator

from harness.loop import HubLoop

#: modules of ``test.test_asyncio``
GROUPS = {
    "events": ("test_events",),
    "sockets": ("test_sock_lowlevel", "test_server", "test_buffered_proto", "test_sendfile"),
    "streams": ("test_streams",),
    "subprocess": ("test_subprocess",),
    "ssl": ("test_ssl",),
    "tasks": ("test_taskgroups", "test_timeouts", "test_threads", "test_runners", "test_context", "test_pep492"),
    "locks": ("test_locks", "test_queues", "test_waitfor"),
}

#: modules that are left out, and why
LEFT_OUT = {
    "test_base_events": "tests BaseEventLoop with _run_once, _process_events and the selector replaced by mocks",
    "test_selector_events": "tests the private methods of BaseSelectorEventLoop with a mocked selector",
    "test_unix_events": "tests the private methods of the Unix loop, and asyncio's child watchers, with mocks",
    "test_transports": "abstract classes only, no loop",
    "test_protocols": "abstract classes only, no loop",
    "test_proactor_events": "another kind of loop",
    "test_windows_events": "another operating system",
    "test_windows_utils": "another operating system",
    "test_sslproto": "runs on the loop of asyncio's policy like test_ssl, half of it with mocked transports",
    "test_futures": "the C and Python futures themselves, on mocked loops",
    "test_futures2": "the C and Python futures themselves",
    "test_tasks": "the C and Python tasks themselves, on a TestLoop with a clock of its own",
    "test_eager_task_factory": "the C and Python tasks themselves",
    "test_staggered": "a private helper, no loop of its own",
}

#: tests that are left out, by the end of their id, and why
EXCLUDED = {
    "HubLoopSubprocess.test_popen_error": "replaces subprocess.Popen by a mock; children are gevent's Popen here",
    "HubLoopSubprocess.test_popen_error_with_stdin_pipe": "the same",
}


class HubPolicy(asyncio.DefaultEventLoopPolicy):
    """Gives HubLoops to the tests that take the loop of the policy."""

    _loop_factory = HubLoop


class UsesHubLoop:
    """Comes before CPython's mixins, which leave this method to the class of a loop."""

    def create_event_loop(self) -> HubLoop:
        return HubLoop()


class SubprocessSetUp:
    """Stands for CPython's SubprocessWatcherMixin, which gives each child watcher of asyncio its turn."""

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        self.loop = HubLoop()
        self.set_event_loop(self.loop)  # type: ignore[attr-defined]


def cases_of(name: str) -> list[type[unittest.TestCase]]:
    """Return the test cases of a module, its mixins bound to HubLoop; those made for other loops left out."""
    module = importlib.import_module(f"test.test_asyncio.{name}")
    case = importlib.import_module("test.test_asyncio.utils").TestCase
    if name == "test_events":
        return [
            types.new_class(
                "HubLoopEvents", (UsesHubLoop, module.UnixEventLoopTestsMixin, module.SubprocessTestsMixin, case)
            )
        ]
    if name == "test_sock_lowlevel":
        return [types.new_class("HubLoopSockets", (UsesHubLoop, module.BaseSockTestsMixin, case))]
    if name == "test_sendfile":
        return [types.new_class("HubLoopSendfile", (UsesHubLoop, module.SendfileTestsBase, case))]
    if name == "test_subprocess":
        return [types.new_class("HubLoopSubprocess", (SubprocessSetUp, module.SubprocessMixin, case))]
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__
    ]


def tests_of(name: str) -> Iterator[unittest.TestCase]:
    for case in cases_of(name):
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(case):
            assert isinstance(test, unittest.TestCase)
            if not any(test.id().endswith(f".{excluded}") for excluded in EXCLUDED):
                yield test


def main(group: str) -> int:
    """Return 0 when each module of the group had tests and none failed."""
    passed = True
    for name in GROUPS[group]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # policies, from Python 3.14 on
            asyncio.set_event_loop_policy(HubPolicy())  # for each module: some reset it when they end
        tests = unittest.TestSuite(tests_of(name))
        passed = tests.countTestCases() > 0 and passed
        passed = unittest.TextTestRunner(verbosity=2).run(tests).wasSuccessful() and passed
    return 0 if passed else 1


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(*GROUPS, *(name for group in GROUPS.values() for name in group), *LEFT_OUT)
    else:
        sys.exit(main(sys.argv[1]))
