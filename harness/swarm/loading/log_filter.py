"""Log records of the target: counted always, shown a few times, never in the way of the run's own output."""

from __future__ import annotations

import copy
import logging
import os
from pathlib import Path

import locust

from harness.words.errors import printable

SHOWN = 5
"""Kinds of records of the target shown per run, each once: those of one place in the code, with one type of exception.

A target that logs each of a million failures, with a traceback, must not drown the verdict.
"""

_OURS = ("locust", "harness", "gevent", "geventwebsocket", "werkzeug", "urllib3", "py.warnings")
_LOCUST = f"{Path(locust.__file__).parent}{os.sep}"

_OF_TARGETS = "harness.stages"
"""Components that targets are made of: what they log is the target's."""

_DECIDED = "_routeswarm_shown"

logger = logging.getLogger("harness")


class TargetLogs(logging.Filter):
    """Counts the target's records by level and lets the first of few kinds through."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self._shown: set[tuple[str, str, int, str]] = set()
        self._hiding = False

    def clear(self) -> None:
        """Forget the counts of the run before."""
        self.counts.clear()
        self._shown.clear()
        self._hiding = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is shown."""
        name = record.name
        is_own = name.split(".", 1)[0] in _OURS and not name.startswith(_OF_TARGETS)
        if is_own or _is_locust_by_root(record):
            return True
        if hasattr(record, _DECIDED):
            return bool(getattr(record, _DECIDED))  # by the handler before
        shown = self._count(record)
        setattr(record, _DECIDED, shown)
        return shown

    def _count(self, record: logging.LogRecord) -> bool:
        self.counts[record.levelname] = self.counts.get(record.levelname, 0) + 1
        kind = _kind(record)
        if kind not in self._shown and len(self._shown) < SHOWN:
            self._shown.add(kind)
            return True
        if not self._hiding:
            self._hiding = True
            logger.warning("the target goes on logging; what it repeats is counted, not shown")
        return False


class OneLine(logging.Formatter):
    """Shows records as another formatter does: a message in one printable line, lines of a traceback under it.

    What a target logs may come from its inputs, and a terminal obeys escapes. Records stay as they are: handlers of
    the target's own see what was logged.
    """

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record; only its traceback and its stack have lines of their own, which are indented."""
        shown = copy.copy(record)
        shown.msg, shown.args = printable(record.getMessage()), None
        first, *rest = self._inner.format(shown).split("\n")
        return "\n".join([printable(first), *(f"  {printable(line)}" for line in rest)])


def _kind(record: logging.LogRecord) -> tuple[str, str, int, str]:
    raised = record.exc_info[0] if record.exc_info else None
    return record.name, record.pathname, record.lineno, "" if raised is None else raised.__qualname__


def _is_locust_by_root(record: logging.LogRecord) -> bool:
    """Whether a record of the root logger is Locust's: ``logging.error(...)`` there, as a target may (locust 2.47)."""
    return record.name == "root" and record.pathname.startswith(_LOCUST)


def watch_target_logs(level: str) -> TargetLogs:
    """Count and limit the target's records on the handlers Locust has set up.

    Only WARNING and above reach them, unless Locust runs at DEBUG: Stageflow alone writes ten INFO records per
    operation, and writing them would be measured as the target's own time.
    """
    root = logging.getLogger()
    logs = TargetLogs()
    for handler in root.handlers:
        handler.addFilter(logs)
    for name in ("", "locust", "locust.stats_logger"):
        for handler in logging.getLogger(name).handlers:
            if not isinstance(handler.formatter, OneLine):
                handler.setFormatter(OneLine(handler.formatter or logging.Formatter()))
    if level.upper() != "DEBUG":
        for name in ("locust", "harness"):
            logging.getLogger(name).setLevel(root.level)
        root.setLevel(max(root.level, logging.WARNING))
    return logs
