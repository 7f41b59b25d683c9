"""Reading files that somebody else names: no more than they may hold, however long they go on (``/dev/zero``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


class TooLongError(ValueError):
    """A file, or a line of it, is longer than what is read."""


def read_bounded(path: Path, most: int) -> bytes:
    """Return the bytes of a file.

    Raises:
        OSError: it cannot be read.
        TooLongError: it has more than ``most`` bytes.

    """
    with path.open("rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise TooLongError(f"more than {most:,} bytes")
    return found


def lines_bounded(path: Path, most: int, of_line: int) -> Iterator[bytes]:
    """Yield the lines of a file with their ends.

    Raises:
        OSError: it cannot be read.
        TooLongError: it has more than ``most`` bytes, or a line more than ``of_line``.

    """
    read = 0
    with path.open("rb") as file:
        while line := file.readline(of_line + 1):
            read += len(line)
            if len(line) > of_line:
                raise TooLongError(f"a line of more than {of_line:,} bytes")
            if read > most:
                raise TooLongError(f"more than {most:,} bytes")
            yield line
