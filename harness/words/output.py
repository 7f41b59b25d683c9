"""Writing to standard output and standard error: what they cannot take changes no exit code and ends nothing.

A pipe whose reader has gone (``| head -1``), a full disk behind ``>``, a descriptor that was closed before the start
and an encoding that lacks a character are no reason for another exit code. Python raises at each of them, and ends with
120 where only the last flush fails.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast


def put(text: str, stream: TextIO | Tolerant | None) -> str | None:
    """Write text to a stream at once; return why that cannot be in a few words, None where it was taken.

    Characters that its encoding lacks are escaped. A stream that takes nothing more is pointed at nothing, so that what
    it still holds does not end the process with another exit code.
    """
    if isinstance(stream, Tolerant):
        stream = stream.behind
    if stream is None or stream.closed:
        return "it is closed"
    try:
        stream.write(_within(text, stream))
        stream.flush()
    except BlockingIOError as error:  # not broken: a terminal that somebody has set to non-blocking
        return error.strerror or str(error)
    except OSError as error:
        _point_at_nothing(stream)
        return error.strerror or str(error)
    return None


def _within(text: str, stream: TextIO) -> str:
    """Return a text with what a stream's encoding lacks escaped."""
    encoding = getattr(stream, "encoding", None)
    if encoding is None:
        return text
    try:
        text.encode(encoding, getattr(stream, "errors", None) or "strict")
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def _point_at_nothing(stream: TextIO) -> None:
    """Do what the manual of Python advises after a broken pipe (library/signal, "Note on SIGPIPE")."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    with contextlib.suppress(OSError, ValueError):
        stream.flush()


class Tolerant:
    """A text stream that takes everything, whatever the one behind it does."""

    def __init__(self, stream: TextIO) -> None:
        self.behind = stream

    def write(self, text: str) -> int:
        """Write, or lose it."""
        put(text, self.behind)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        put("", self.behind)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


def tolerate() -> None:
    """Have this process write to standard output tolerantly from now on."""
    if sys.stdout is not None and not isinstance(sys.stdout, Tolerant):
        sys.stdout = cast(TextIO, Tolerant(sys.stdout))


@contextlib.contextmanager
def tolerant() -> Iterator[None]:
    """Have what is done inside write to standard output tolerantly."""
    before = sys.stdout
    tolerate()
    try:
        yield
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.stdout = before
