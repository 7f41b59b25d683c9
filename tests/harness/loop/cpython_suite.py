"""Run CPython's own tests of asyncio against HubLoop, under monkey-patching: ``python cpython_suite.py GROUP``.

Not a test module: ``test_cpython_asyncio.py`` starts one process for each group.
"""
# ruff: noqa: E402 - the patching comes first

from gevent import monkey

monkey.patch_all()

import asyncio
import importlib
import sys
import types
import unittest
import warnings
from collections.abc import Callable

from harness.loop import HubLoop

GROUPS: dict[str, tuple[str, ...]] = {
    "events": ("test_events",),
    "sockets": ("test_sock_lowlevel", "test_server", "test_buffered_proto"),
    "sendfile": ("test_sendfile",),
    "streams": ("test_streams",),
    "subprocess": ("test_subprocess",),
    "ssl": ("test_ssl",),
    "tasks": ("test_taskgroups", "test_timeouts", "test_waitfor", "test_threads", "test_runners", "test_context"),
}
# Classes for what is not ours: other loops, policies, abstract classes, and classes the suite makes itself below.
FOREIGN_CLASSES = {}
EXCLUDED: dict[str, str] = {}


class HubPolicy(asyncio.DefaultEventLoopPolicy):
    _loop_factory = HubLoop


class UsesHubLoop:
    def create_event_loop(self) -> HubLoop:
        return HubLoop()


def mixed(name: str, *bases: type) -> type[unittest.TestCase]:
    return types.new_class(name, (UsesHubLoop, *bases))


def cases_of(module_name: str) -> list[type]:
    module = importlib.import_module(f"test.test_asyncio.{module_name}")
    utils = importlib.import_module("test.test_asyncio.utils")
    case = utils.TestCase
    if module_name == "test_events":
        return [mixed("HubLoopEvents", module.UnixEventLoopTestsMixin, module.SubprocessTestsMixin, case)]
    if module_name == "test_sock_lowlevel":
        return [mixed("HubLoopSockets", module.BaseSockTestsMixin, case)]
    if module_name == "test_sendfile":
        return [mixed("HubLoopSendfile", module.SendfileTestsBase, case)]
    if module_name == "test_subprocess":
        class HubLoopSubprocess(module.SubprocessMixin, case):
            def setUp(self):
                super().setUp()
                self.loop = HubLoop()
                self.set_event_loop(self.loop)
        return [HubLoopSubprocess]
    loader = unittest.TestLoader()
    return [
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__
        and loader.getTestCaseNames(value)
    ]


def main() -> int:
    suite = unittest.TestSuite()
    loader = unittest.TestLoader()
    for module in GROUPS[sys.argv[1]]:
        for case in cases_of(module):
            suite.addTests(t for t in loader.loadTestsFromTestCase(case) if len(sys.argv)<3 or sys.argv[2] in t.id())
    asyncio.set_event_loop_policy(HubPolicy())
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    return 0 if result.wasSuccessful() else 1

if __name__ == "__main__":
    sys.exit(main())
