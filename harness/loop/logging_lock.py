"""The lock of the ``logging`` module, made native again."""

from __future__ import annotations

import logging
from typing import Any

from gevent import monkey


def use_native_logging_lock() -> None:
    """Give ``logging`` back the lock it has in production.

    gevent's monkey-patching replaces it by one in pure Python, and every ``logging.getLogger`` takes it: Stageflow
    calls that four times per operation (stageflow-core 1.2.0), which made the target 3 to 5 % slower than it is.
    ``logging`` never yields while it holds this lock, so greenlets of one thread need no other.
    """
    native: Any = monkey.get_original("_thread", "RLock")
    logging._lock = native()  # type: ignore[attr-defined]
