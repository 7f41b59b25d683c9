"""Putting the parts of a history together when its run is over: a file a second becomes a few files a worker.

A file that replaces parts carries their numbers, first and last, in its name: ``spans-w000-000000-000599.parquet``. It
is renamed into place before they are removed, and a reader takes no part whose number lies in such a range
(``measure.history_parts``). So a process that is killed in between leaves a history that has every row once.

Of 1,000,000 operations in parts of 400 (a worker's second), 5,000 files become 4, and reading the operations takes
1.0 s instead of 3.9 s; this takes 6 s of CPU, and 1.7 s where parts hold 5,000. An operation takes 24 bytes instead of
48 (10,000 operations of a realistic run in parts of 300).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.measure.history_parts import Part
from harness.record.history import parts_of
from harness.record.tables import TABLES, encoding
from harness.words.errors import RecordError

ROWS_PER_FILE = 1_000_000
ROWS_PER_GROUP = 65_536
"""Rows of a table held in memory at a time: about 10 MB."""


def compact(folder: Path) -> None:
    """Put the parts of every table and worker together.

    Raises:
        RecordError: a file could not be read or written; the parts it would have replaced are still there.

    """
    for table in TABLES:
        for _, of_worker in groupby(parts_of(folder, table).files, key=lambda part: part.worker):
            parts = list(of_worker)
            while len(parts) > 1:
                parts = parts[_replace(folder, table, parts) :]


def _replace(folder: Path, table: str, parts: Sequence[Part]) -> int:
    """Write one file for the first of some parts of a worker, remove these, and return how many they were."""
    name = f"{table}-w{parts[0].worker:03d}-{parts[0].first:06d}"
    partial = folder / f"{name}.partial"
    try:
        count = _write(partial, TABLES[table], parts)
        path = partial.rename(folder / f"{name}-{parts[count - 1].last:06d}.parquet")
    except (OSError, pa.ArrowException) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise RecordError(f"{partial}: cannot put the parts of the history together: {error}") from error
    for part in parts[:count]:
        if part.path != path:
            with suppress(OSError):  # it is not read any more, whether it is there or not
                part.path.unlink()
    return count


def _write(path: Path, schema: pa.Schema, parts: Iterable[Part]) -> int:
    """Write parts into one file until it is long enough; return how many."""
    waiting: list[pa.Table] = []
    written = count = 0
    with pq.ParquetWriter(path, schema, **encoding(schema)) as writer:
        for part in parts:
            with pq.ParquetFile(part.path, page_checksum_verification=True) as file:
                waiting.append(file.read(use_threads=False))
                if waiting[-1].num_rows != file.metadata.num_rows:
                    raise pa.ArrowInvalid(f"{part.path.name} has not the rows that its footer says")
            count += 1
            rows = sum(table.num_rows for table in waiting)
            if rows >= ROWS_PER_GROUP:
                writer.write_table(pa.concat_tables(waiting), row_group_size=ROWS_PER_GROUP)
                waiting, written, rows = [], written + rows, 0
            if written + rows >= ROWS_PER_FILE:
                break
        if waiting:
            writer.write_table(pa.concat_tables(waiting), row_group_size=ROWS_PER_GROUP)
    return count
