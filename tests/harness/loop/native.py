"""Threads, sleeping and errors, for tests that run in patched and in unpatched processes alike."""

from __future__ import annotations

import pytest
from gevent import monkey
from gevent.threadpool import ThreadPool

#: what holds only where a thread is one: in a patched process threads are greenlets, and share the loop's own
needs_threads = pytest.mark.skipif(monkey.is_module_patched("threading"), reason="threads are greenlets here")

native_sleep = monkey.get_original("time", "sleep")
native_ident = monkey.get_original("_thread", "get_ident")


def in_native_thread(function):
    """Run ``function`` in a thread with a hub of its own; return what it returns."""
    pool = ThreadPool(1)
    try:
        return pool.spawn(function).get(timeout=10)
    finally:
        pool.kill()


def error_of(function, *args):
    """Return what ``function`` raises, or None."""
    try:
        function(*args)
    except BaseException as error:  # noqa: BLE001 - that is what it is for
        return error
    return None
