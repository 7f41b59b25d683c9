"""The ways out of the process that a target may take, and the code it ends with then.

``os._exit`` and ``os.exec*`` end the process at once and look like success. While a run is open the code is that of an
INCONCLUSIVE run; afterwards the run's own, unless that is 0. Python's own functions alone can be looked at: C code that
calls ``exit`` leaves what the sentinel writes down, and its own code.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from harness.words.errors import ExitCode
from harness.words.output import put

_LIBRARY = str(Path(os.__file__).parent)  # Python's own


class Exits:
    """Guards this process's ways out. Other processes, forked from it, have their own.

    Args:
        tell: is told, in a clause, how the target ends the process; False where no run is open to say so.

    """

    def __init__(self, tell: Callable[[str], bool]) -> None:
        self._tell = tell
        self._home = os.getpid()
        self._settled: int | None = None
        self.leave: Callable[[int], Any] = os._exit
        self._undo: list[tuple[str, Any]] = []

    def guard(self) -> None:
        """Take the ways out."""
        for name in ("_exit", "execv", "execve"):
            real = getattr(os, name)
            self._undo.append((name, real))
            setattr(os, name, self._guarded(name, real))

    def give_back(self) -> None:
        """Leave them as they were."""
        while self._undo:
            setattr(os, *self._undo.pop())

    def settle(self, code: int) -> None:
        """All is said and done: from now on the process ends with ``code``, or where that is 0 as the target likes."""
        self._settled = code

    def _guarded(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any) -> Any:
            begins = name == "_exit" or os.access(arguments[0], os.X_OK)  # what cannot be run raises
            if begins and os.getpid() == self._home and self._settled != 0:
                self._leave(f"os.{name}({arguments[0]!r})" if arguments else f"os.{name}", sys._getframe().f_back)
            return real(*arguments)

        return guarded

    def _leave(self, how: str, frame: FrameType | None) -> None:
        if self._settled is None:
            clause = f"the target ended the process by {how} at {place_of(_of_target(frame))}"
            if not self._tell(clause):
                put(f"routeswarm: {clause}\n", sys.stderr)
        for stream in (sys.stdout, sys.stderr):
            put("", stream)
        self.leave(int(ExitCode.INCONCLUSIVE) if self._settled is None else self._settled)


def place_of(frame: FrameType | None) -> str:
    """Return file, line and function of a frame, the file as short as it can be read from here."""
    if frame is None:
        return "an unknown place"
    path = Path(frame.f_code.co_filename)
    with contextlib.suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd())
    return f"{path}:{frame.f_lineno} in {frame.f_code.co_name}"


def _of_target(frame: FrameType | None) -> FrameType | None:
    """Return the innermost frame that is none of Python's library, which only passes the call on."""
    found = frame
    while found is not None and found.f_code.co_filename.startswith((_LIBRARY, "<frozen")):
        found = found.f_back
    return found or frame
