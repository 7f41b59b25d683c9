"""``series.csv`` while a run goes on: rows of all workers merged, and a second written when it can get no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TextIO, cast

from harness.measure.series import Cell, Key, Merged, WireRow
from harness.measure.series_csv import read_series, write_header, write_rows

ROWS_AT_ONCE = 8
"""Rows written before others get their turn: about 1 ms. A second may have hundreds."""


class SeriesLog:
    """Adds up the series of all workers, and writes a second down when no worker can report it any more.

    Args:
        path: the file; its header is written at once.
        users: gives the users of the whole run in a second.
        pause: lets others have their turn: a stage may be waiting for the thread.

    Raises:
        OSError: the file cannot be written, here and in what writes.

    """

    def __init__(
        self, path: Path, users: Callable[[int], int | None], pause: Callable[[], object] = lambda: None
    ) -> None:
        self._path = path
        self._users = users
        self._pause = pause
        self._merged = Merged()
        self._written_to = 0
        self._late = False
        with self._open("w") as file:
            write_header(file)

    def add(self, rows: Iterable[WireRow]) -> None:
        """Take what one worker handed over, in whatever order."""
        rows = list(rows)
        self._late |= any(row[0][0] < self._written_to for row in rows)
        self._merged.merge(rows)

    def write_before(self, second: int) -> None:
        """Append the rows of all seconds before ``second``."""
        while self._write_some(second):
            self._pause()

    def close(self) -> None:
        """Write what is left; a second that was reported late is merged into what was written of it."""
        while self._write_some(None):
            pass
        if self._late:
            self._rewrite()

    def _write_some(self, second: int | None) -> bool:
        """Append a few rows of the seconds before ``second`` (of all for None); False where there are none.

        Rows leave memory when they are written, so that one who is killed in between loses none.
        """
        rows = self._merged.pop_before(second, ROWS_AT_ONCE)
        if rows:
            self._written_to = max(self._written_to, rows[-1][0].second + 1)
            self._append(rows)
        return bool(rows)

    def _append(self, rows: Sequence[tuple[Key, Cell]]) -> None:
        with self._open("a") as file:
            for second, some in groupby(rows, lambda row: row[0].second):
                write_rows(file, some, self._users(second))

    def _open(self, mode: str) -> TextIO:
        # Opened for each turn: a target that closes descriptors which are not its own (os.closerange) and then opens
        # files would get the rows into them. It takes 0.03 ms.
        return cast(TextIO, self._path.open(mode, encoding="utf-8", errors="backslashreplace", newline=""))

    def _rewrite(self) -> None:
        """Merge rows of seconds that were reported late into those written before."""
        merged = Merged()
        users: dict[int, int | None] = {}
        for row in read_series(self._path):
            merged.merge_cell(row.key, row.cell)
            users[row.key.second] = row.users
        partial = self._path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            write_header(file)
            for second in merged.seconds():
                write_rows(file, merged.pop_before(second + 1), users[second])
        partial.rename(self._path)
