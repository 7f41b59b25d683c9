"""The history on disk: every operation, stage span and attempt of a run, as Parquet parts written while it goes.

A worker hands over the bytes of an Arrow stream once a second (``record.buffer``); whoever keeps the run directory
moves its times to the Unix epoch (``words.clock``) and writes it as one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from harness.measure.history_parts import Part, kept_parts
from harness.record.buffer import DROPPED, OFFSET
from harness.record.tables import ATTEMPTS, OPERATIONS, encoding, to_table
from harness.words.errors import UNREADABLE, RecordError, RunError, reason
from harness.words.operation import Attempt, Flag, Operation, Outcome


class PartWriter:
    """Writes parts of the history into a folder, each whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sequence: dict[tuple[str, int], int] = {}

    def write(self, table: str, worker: int, part: bytes) -> int:
        """Write one part as Parquet and return its number of rows.

        Raises:
            RecordError: it could not be written, or lacks rows that its worker could not put into it; these are not
                in the history.

        """
        number = self._sequence.get((table, worker), 0)
        self._sequence[table, worker] = number + 1
        try:
            with pa.ipc.open_stream(part) as stream:
                offset_ns = int((stream.schema.metadata or {}).get(OFFSET, 0))
                batches = list(stream.iter_batches_with_custom_metadata())
                rows = to_table([batch for batch, _ in batches], offset_ns)
        except pa.ArrowException as error:
            raise RecordError(f"worker {worker}: no part of a history: {error}") from error
        write_table(rows, self._folder / f"{table}-w{worker:03d}-{number:06d}.parquet")
        if dropped := sum(int(metadata[DROPPED]) for _, metadata in batches if metadata is not None):
            raise RecordError(f"worker {worker}: {dropped:,} of the {table} could not be written down, see its log")
        return int(rows.num_rows)


def write_table(rows: pa.Table, path: Path) -> None:
    """Write a table as Parquet: whole or not at all.

    Raises:
        RecordError: it could not be written.

    """
    partial = path.with_suffix(".partial")
    try:
        pq.write_table(rows, partial, **encoding(rows.schema))
        partial.rename(path)
    except (OSError, pa.ArrowException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RecordError(f"{path}: cannot write history: {reason}") from error


class Parts(NamedTuple):
    """The files of one table, in order of worker and time."""

    table: str
    files: tuple[Part, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where they are."""
        return tuple(part.path for part in self.files)


def parts_of(folder: Path, table: str) -> Parts:
    """Return the files of a table in ``folder`` that hold each row once, in order of worker and time.

    Not among them: parts that a crash left unfinished, and those that another file replaces.
    """
    return Parts(table, kept_parts(folder.glob(f"{table}-w*.parquet"), table))


UNREADABLE_PART = (*UNREADABLE, pa.ArrowException)
"""What reading a file that is no part of a history raises."""

ROWS_READ = 8192
"""Rows made into Python objects at a time: about 10 MB."""

_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_FLAGS: dict[str | None, Flag | None] = {None: None, **{flag.value: flag for flag in Flag}}


def read_operations(paths: Iterable[Path]) -> Iterator[Operation]:
    """Yield the operations of Parquet parts, times in nanoseconds since the Unix epoch.

    Raises:
        RunError: a file is no part of a history.

    """
    for path in paths:
        for columns in _columns(path, OPERATIONS):
            try:
                columns["outcome"] = [_OUTCOMES[value] for value in columns["outcome"]]
                columns["flag"] = [_FLAGS[value] for value in columns["flag"]]
            except KeyError as error:
                raise RunError(f"{path}: no part of a history: {reason(error)}") from error
            yield from map(Operation._make, zip(*columns.values(), strict=True))


def read_attempts(paths: Iterable[Path]) -> Iterator[Attempt]:
    """Yield the attempts of Parquet parts, those of one operation together and in order.

    Raises:
        RunError: a file is no part of a history.

    """
    for path in paths:
        for columns in _columns(path, ATTEMPTS):
            yield from map(Attempt._make, zip(*columns.values(), strict=True))


def _columns(path: Path, schema: pa.Schema) -> Iterator[dict[str, list[Any]]]:
    """Yield the rows of one part as columns, ``ROWS_READ`` rows at a time."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = file.metadata.num_rows
            for batch in file.iter_batches(ROWS_READ, columns=schema.names, use_threads=False):
                missing -= batch.num_rows
                batch.validate(full=True)  # as in cases._table
                yield {name: batch.column(name).to_pylist() for name in schema.names}
            if missing:  # the header of a page has no checksum; where it is broken, reading just ends (pyarrow 26)
                raise RunError(f"{path}: no part of a history: {missing:,} rows fewer than its footer says")
    except UNREADABLE_PART as error:
        raise RunError(f"{path}: no part of a history: {reason(error)}") from error
