"""How the parts of a history are named, and which of them hold its rows: once, whatever a crash left behind.

A part is one worker's rows of one table in one second, ``operations-w000-000007.parquet``; when the run is over, one
file with the numbers of the first and last part in its name replaces many (``record.compaction``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Part(NamedTuple):
    """One file of a table: the parts ``first`` to ``last`` of a worker, most often one."""

    worker: int
    first: int
    last: int
    path: Path


def kept_parts(paths: Iterable[Path], table: str) -> tuple[Part, ...]:
    """Return those of ``paths`` that hold each row of a table once, in order of worker and time.

    Not among them: files of other names, such as parts that a crash left unfinished, and parts that another file
    replaces.
    """
    name = re.compile(rf"{re.escape(table)}-w(\d+)-(\d+)(?:-(\d+))?\.parquet")
    found: list[Part] = []
    for path in paths:
        if match := name.fullmatch(path.name):
            worker, first, last = match.groups()
            found.append(Part(int(worker), int(first), int(last or first), path))
    parts: list[Part] = []
    for part in sorted(found, key=lambda part: (part.worker, part.first, -part.last)):
        replaced = parts and parts[-1].worker == part.worker and part.last <= parts[-1].last
        if not replaced:
            parts.append(part)
    return tuple(parts)
