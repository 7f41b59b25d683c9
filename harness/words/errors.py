"""The project's errors and its exit codes, in one place.

A user's mistake is a ``UsageError``: one line saying where, what was found and what was expected, and exit 2
before any load starts.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of a run. Locust's own 1 is never left to stand for any of these."""

    PASS = 0  # PASS or PASS WITH CONCERNS
    USAGE = 2  # bad usage or input
    CRITERION = 10  # a criterion failed
    CHECKER = 11  # a checker found a violation
    INCONCLUSIVE = 12  # not trustworthy, or a required checker or criterion is UNKNOWN


LINE = 600
"""Characters of an error's text at most: what is quoted may be a line of a gigabyte."""


class RouteSwarmError(Exception):
    """Base of all errors this project raises. As text, one printable line of at most ``LINE`` characters."""

    def __str__(self) -> str:
        # Here, not where each is raised: what they quote comes from files, targets and command lines.
        return cut(printable(super().__str__()), LINE)


class UsageError(RouteSwarmError):
    """A user's mistake: bad target, corpus, criterion, option or folder. Shown as one line, exit 2."""


class TargetError(UsageError):
    """The target cannot be loaded, built, or has nothing to test."""


class CorpusError(UsageError):
    """A corpus file cannot be read or a line of it is no scenario."""


class CriteriaError(UsageError):
    """A criterion does not parse or names no known metric."""


class ScheduleError(UsageError):
    """An arrival schedule has values, or a trace file, that cannot be used."""


class ShapeError(UsageError):
    """A load shape has a step without users, times out of order, or nothing to search for."""


class ChainError(UsageError, ValueError):
    """A fallback chain is declared wrongly: a route comes back, is unknown, or a number is out of its range."""


class ChainFailedError(RouteSwarmError):
    """No route of a fallback chain answered, and neither did its default.

    ``attempts`` is the route history, as an output of the chain has it.
    """

    def __init__(self, message: str, attempts: list[dict[str, object]]) -> None:
        super().__init__(message)
        self.attempts = attempts


class RouteError(RouteSwarmError):
    """A route of a fallback chain raised nothing and yet gave no answer: its stage failed or skipped."""


class RouteRetryError(RouteError):
    """The stage of a route asked to be tried again (``StageOutput.retry``)."""


class NoAnswerError(RouteError):
    """What a route returned is no answer to that route: by default, None and what is empty."""


class ProtectedWriteError(RouteError):
    """A route changed a protected key of the context without having declared it."""


class RecordError(RouteSwarmError):
    """Operations could not be written down: the run cannot be trusted."""


class StoppedError(RouteSwarmError):
    """A run was stopped before its load began."""


class RunError(RouteSwarmError):
    """A run directory cannot be read, or holds something else."""


class DeadlineExceeded(RouteSwarmError):  # noqa: N818  # the operation's outcome, not a fault
    """An operation was not over when its deadline passed. Its task was asked to cancel, and not waited for."""


class StepEndedError(BaseException):
    """Raised in a step of the target that held the thread for too long, so that the run can end.

    No ``Exception``: a target that handles those would go on.
    """


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return ``error`` as ``Type: message`` on one line of at most ``limit`` characters.

    A message that is too long keeps its begin and its end: the reason often stands last.
    """
    name = type(error).__name__
    try:
        message = str(error)
        if len(message) > 8 * limit:  # a message of ten million characters is not walked through
            message = f"{message[: 4 * limit]}…{message[-4 * limit :]}"
        message = printable(" ".join(message.split()))
    except Exception:  # noqa: BLE001  # an exception of the target whose own __str__ raises
        message = "(its message could not be read)"
    return cut(f"{name}: {message}" if message else name, limit)


def reason(error: BaseException) -> str:
    """Return why a file cannot be read, in one line: what a library says, with its type where that says little."""
    told = isinstance(error, (ValueError, OSError)) and bool(str(error))
    return one_line(error).partition(": ")[2] if told else one_line(error)


def cut(text: str, limit: int) -> str:
    """Return ``text`` of at most ``limit`` characters: where it is longer, its begin, ``…`` and its end."""
    if len(text) <= limit:
        return text
    end = (limit - 1) // 3
    return f"{text[: limit - 1 - end]}…{text[len(text) - end :]}"


def printable(text: str) -> str:
    """Return ``text`` with what no terminal should get as it is escaped: whatever reaches one goes through this.

    These are controls (line ends and ANSI escapes among them), marks that turn the direction of text or do not show,
    and lone surrogates: all that ``str.isprintable`` says no to.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


UNREADABLE = (OSError, ValueError, ArithmeticError, LookupError, TypeError, RuntimeError, MemoryError)
"""What the libraries that read files raise on files that are none of theirs.

Found by fuzzing: ``OverflowError`` and ``TypeError`` of pandas, ``RecursionError`` (a ``RuntimeError``) and the
``ValueError`` for numbers of 5,000 digits of ``json`` and ``tomllib``. Caught at the border of a reader only.
"""
