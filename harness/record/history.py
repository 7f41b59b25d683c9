"""The history on disk: every operation, stage span and attempt of a run, as Parquet parts written while it goes.

A worker hands over the bytes of an Arrow stream once a second (``record.buffer``); whoever keeps the run directory
moves its times to the Unix epoch (``words.clock``) and writes it as one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.measure.history_parts import Part, kept_parts
from harness.measure.history_tables import with_later
from harness.record.buffer import DROPPED, OFFSET
from harness.record.tables import TABLES, encoding, to_table
from harness.words.errors import UNREADABLE, RecordError, RunError, one_line, reason
from harness.words.operation import Attempt, Flag, Operation, Outcome, operation_id


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
        if table not in TABLES:  # it becomes part of a path
            raise RecordError(f"worker {worker}: no table {table!r} in a history")
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


def part_objection(table: str, worker: int, part: bytes, now_s: float, apart_s: float, operations: int) -> str | None:
    """Return why the bytes of a part cannot be what a worker hands over, None where they can.

    Args:
        table: of the history.
        worker: who handed it over.
        part: an Arrow stream.
        now_s: Unix time.
        apart_s: how far from that its operations may lie.
        operations: how many of them there can be at most.

    """
    if table not in TABLES:
        return f"no table {table[:40]!r}"
    try:
        with pa.ipc.open_stream(part) as stream:
            if not stream.schema.equals(TABLES[table], check_metadata=False):
                return f"other columns than those of {table}"
            offset_ns = int((stream.schema.metadata or {}).get(OFFSET, 0))
            batches = []
            for batch, metadata in stream.iter_batches_with_custom_metadata():
                batch.validate(full=True)
                if int((metadata or {}).get(DROPPED, 0)) < 0:
                    return "fewer than no rows dropped"
                batches.append(batch)
    except (pa.ArrowException, ValueError, OSError, MemoryError, OverflowError) as error:
        return f"no {table}: {one_line(error, 100)}"
    if table != "operations":
        return None
    rows = pa.Table.from_batches(batches, TABLES[table])
    if rows.num_rows > operations:
        return f"{rows.num_rows:,} operations in the history, {operations:,} in the series"
    return _operations_objection(rows, worker, (now_s - apart_s) * 1e9 - offset_ns, (now_s + apart_s) * 1e9 - offset_ns)


def _operations_objection(rows: pa.Table, worker: int, first_ns: float, last_ns: float) -> str | None:
    """Return what is wrong with operations that are all of one worker, their times on its own clock."""
    if not rows.num_rows:
        return None
    for name, least, most in (
        ("worker", worker, worker),
        ("id", operation_id(worker, 0), operation_id(worker + 1, 0) - 1),
        ("priority", 0, 9),
        ("start_ns", first_ns, last_ns),
        ("end_ns", first_ns, last_ns),
    ):
        if rows[name].null_count:
            return f"operations without {name}"
        found = pc.min_max(rows[name]).as_py()
        if found["min"] < least or found["max"] > most:
            return f"operations with a {name} that theirs cannot be"
    for name, known in (("outcome", set(_OUTCOMES)), ("flag", set(_FLAGS))):
        if not set(pc.unique(rows[name]).to_pylist()) <= known:
            return f"operations with an unknown {name}"
    return None


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
        for columns in _columns(path, "operations"):
            try:
                columns["outcome"] = [_OUTCOMES[value] for value in columns["outcome"]]
                columns["flag"] = [_FLAGS[value] for value in columns["flag"]]
            except KeyError as error:
                raise RunError(f"{path}: no part of a history: {reason(error)}") from error
            yield from map(Operation._make, zip(*columns.values(), strict=True))


def operation_of(values: tuple[Any, ...]) -> Operation:
    """Return the operation of a row of its table.

    Raises:
        RunError: outcome or flag is none that there is.

    """
    made = Operation._make(values)
    try:
        return made._replace(outcome=_OUTCOMES[made.outcome], flag=_FLAGS[made.flag])
    except KeyError as error:
        raise RunError(f"no operation of a history: {reason(error)}") from error


def read_attempts(paths: Iterable[Path]) -> Iterator[Attempt]:
    """Yield the attempts of Parquet parts, those of one operation together and in order.

    Raises:
        RunError: a file is no part of a history.

    """
    for path in paths:
        for columns in _columns(path, "attempts"):
            yield from map(Attempt._make, zip(*columns.values(), strict=True))


def _columns(path: Path, table: str) -> Iterator[dict[str, list[Any]]]:
    """Yield the rows of one part of a table as columns, ``ROWS_READ`` rows at a time."""
    names = TABLES[table].names
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = file.metadata.num_rows
            for batch in file.iter_batches(ROWS_READ, columns=names, use_threads=False):
                missing -= batch.num_rows
                batch.validate(full=True)  # as in cases.read_table
                found = with_later(pa.Table.from_batches([batch]), table, names)
                yield {name: found.column(name).to_pylist() for name in names}
            if missing:  # the header of a page has no checksum; where it is broken, reading just ends (pyarrow 26)
                raise RunError(f"{path}: no part of a history: {missing:,} rows fewer than its footer says")
    except UNREADABLE_PART as error:
        raise RunError(f"{path}: no part of a history: {reason(error)}") from error
