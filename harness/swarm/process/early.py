"""A load that ends before it was to end: how long it lasted, and who ended it where that was the locustfile."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import FrameType

import gevent
import locust
from locust.env import Environment

import harness
from harness.judge.validity.user_errors import Early
from harness.watch.exits import place_of

SHORT_S, SHORT_SHARE = 1.0, 0.05
"""How much shorter than its run time a load may be: Locust counts from before the listeners of ``test_start``."""

_OURS = tuple(
    f"{Path(file).parent}{os.sep}" for file in (locust.__file__, gevent.__file__, harness.__file__, os.__file__) if file
)
"""Where frames of Locust, gevent, RouteSwarm and Python's library are from."""


class Ending:
    """How the load of a run ends.

    Attributes:
        early: what is to be said of it; None where it ended when it was to end, or has not ended.

    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._began_s: float | None = None
        self.early: Early | None = None

    def begin(self) -> None:
        """Count from now on."""
        self._began_s = time.monotonic()

    def see(self) -> None:
        """Take note that the load, if it has begun, is told to stop, by whoever calls this; once."""
        began_s, self._began_s = self._began_s, None
        if began_s is not None:
            self.early = _early(self._environment, time.monotonic() - began_s)


def _early(environment: Environment, lasted_s: float) -> Early | None:
    """Return what is to be said of a load that is told to stop now; None where it ends when it was to end.

    Without a run time and a load shape nothing says when that is. A load shape is at its end when its own greenlet
    stops the load.
    """
    runner, options = environment.runner, environment.parsed_options
    if runner is None or options is None:
        return None
    if environment.shape_class is not None:
        shape = runner.shape_greenlet
        goes_on = shape is not None and not shape.dead and shape is not gevent.getcurrent()
        return Early(lasted_s, None, _by(sys._getframe())) if goes_on else None
    asked_s = options.run_time
    if not isinstance(asked_s, (int, float)) or asked_s - lasted_s <= max(SHORT_S, SHORT_SHARE * asked_s):
        return None
    return Early(lasted_s, float(asked_s), _by(sys._getframe()))


def _by(frame: FrameType | None) -> str | None:
    """Return the place outside Locust, gevent, RouteSwarm and Python's library from which this is called, if any."""
    while frame is not None:
        script = frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__"  # bin/locust
        if not script and not frame.f_code.co_filename.startswith((*_OURS, "<frozen", "src/gevent/")):
            return place_of(frame)
        frame = frame.f_back
    return None
