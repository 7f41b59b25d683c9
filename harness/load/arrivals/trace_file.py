"""The trace schedule: arrivals as they were recorded somewhere, one offset a line."""

from __future__ import annotations

import hashlib
import math
import os
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.load.arrivals.schedules import NEVER, Schedule, is_number
from harness.load.faults.kinds.what import YEAR_S
from harness.words.errors import ScheduleError
from harness.words.files import TooLongError, lines_bounded

_MOST_BYTES = 4 * 1024**3
"""Of a trace: 400,000,000 arrivals."""
_MOST_BYTES_OF_LINE = 65_536
_SHOWN = 60  # characters of a wrong value quoted in an error


@dataclass(frozen=True)
class Trace(Schedule):
    """Arrivals at given offsets: seconds after time zero, ascending.

    ``source`` is the path of a text file, one number a line (blank lines and what stands behind ``#`` are skipped), or
    a sequence of numbers. A file is read by ``prepared``, not before. After the last one nothing is due any more.
    """

    source: str | os.PathLike[str] | Sequence[float]
    _offsets: array[float] | None = field(default=None, repr=False, compare=False)

    @property
    def steady(self) -> bool:
        """It is not: nobody says what was recorded."""
        return False

    def offset_s(self, k: int) -> float:
        """Return when arrival ``k`` is due, in seconds after time zero; ``inf`` beyond the last one."""
        offsets = self._read()
        return offsets[k] if k < len(offsets) else NEVER

    def count(self, elapsed_s: float) -> int:
        """Return how many arrivals are due in [0, ``elapsed_s``]."""
        return bisect_right(self._read(), elapsed_s)

    @property
    def digest(self) -> str:
        """SHA-256 of the offsets, as doubles."""
        return hashlib.sha256(self._read()).hexdigest()

    def prepared(self, seed: str) -> Trace:  # noqa: ARG002  # nothing is drawn
        """Return the trace with its offsets read.

        Raises:
            ScheduleError: the file cannot be read, holds no offset, or one that is no number, negative or out of order.

        """
        place = os.fspath(self.source) if isinstance(self.source, (str, os.PathLike)) else "Trace"
        numbered = _lines(place) if isinstance(self.source, (str, os.PathLike)) else _items(self.source)
        return replace(self, _offsets=array("d", _ascending(numbered, place)))

    def _read(self) -> array[float]:
        if self._offsets is None:
            object.__setattr__(self, "_offsets", self.prepared("")._offsets)
            return self._read()
        return self._offsets


def _items(numbers: Sequence[object]) -> Iterator[tuple[str, object]]:
    for position, value in enumerate(numbers):
        yield f"Trace, offset {position}", value


def _lines(path: str) -> Iterator[tuple[str, object]]:
    """Yield the place and the text of every line that holds something."""
    try:
        for number, raw in enumerate(lines_bounded(Path(path), _MOST_BYTES, _MOST_BYTES_OF_LINE), start=1):
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8", errors="backslashreplace")
            text = line.partition("#")[0].strip()
            if text:
                yield f"{path}:{number}", text
    except TooLongError as error:
        raise ScheduleError(f"{path}: found {error}, expected one offset in seconds a line") from error
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        if not isinstance(error, OSError):
            raise ScheduleError(f"{path}: found {error}, expected the path of a file") from error
        reason = (error.strerror or str(error)).lower()
        raise ScheduleError(
            f"{path}: found {reason}, expected a readable file, one offset in seconds a line"
        ) from error


def _ascending(numbered: Iterable[tuple[str, object]], place: str) -> Iterator[float]:
    before: float | None = None
    for where, value in numbered:
        offset = _offset(where, value)
        if before is not None and offset < before:
            raise ScheduleError(f"{where}: found {offset} after {before}, expected offsets in ascending order")
        before = offset
        yield offset
    if before is None:
        raise ScheduleError(f"{place}: found no offset, expected seconds in ascending order, one a line")


def _offset(where: str, value: object) -> float:
    try:
        offset = float(value) if isinstance(value, str) or is_number(value) else math.nan  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        offset = math.nan
    if not 0 <= offset <= YEAR_S:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
        raise ScheduleError(f"{where}: found {shown}, expected seconds after the start, 0 to a year")
    return offset
