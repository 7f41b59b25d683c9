"""Locust's own CSV files: those in a run directory, and those of ``locust --csv PREFIX`` from anywhere.

Those of Locust 1.0 and later have one form; what came before is refused by name. What is computed from them stands in
``locust_statistics``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pandas as pd

from analysis.files import columns
from analysis.files.csv_rows import read_rows
from harness.words.errors import RunError

Table = Literal["stats", "stats_history", "failures", "exceptions"]
TABLES: tuple[Table, ...] = ("stats", "stats_history", "failures", "exceptions")
AGGREGATED = "Aggregated"
MOST_NAMED = 8
"""Prefixes of one folder that are named."""

_STATS = {
    "Type": "method",
    "Name": "name",
    "Request Count": "count",
    "Failure Count": "failed",
    "Median Response Time": "median_ms",
    "Average Response Time": "mean_ms",
    "Min Response Time": "min_ms",
    "Max Response Time": "max_ms",
    "Average Content Size": "content_bytes",
    "Requests/s": "throughput_rps",
    "Failures/s": "failed_rps",
}
_HISTORY = {
    "Timestamp": "second",
    "User Count": "users",
    **{f"Total {theirs}": ours for theirs, ours in _STATS.items() if ours not in ("method", "name")},
    **{theirs: ours for theirs, ours in _STATS.items() if ours in ("method", "name", "throughput_rps", "failed_rps")},
}
_FAILURES = {
    "Method": "method",
    "Name": "name",
    "Error": "error",
    "Occurrences": "count",
    "First Seen": "first_seen",
    "Last Seen": "last_seen",
}
_EXCEPTIONS = {"Count": "count", "Message": "message", "Traceback": "traceback", "Nodes": "nodes"}
PERCENTILES = {
    f"{percent}%": f"p{percent.replace('.', '')}_ms"
    for percent in ("50", "66", "75", "80", "90", "95", "98", "99", "99.9", "99.99", "100")
}
_BEFORE_0_14 = ("_requests.csv", "_distribution.csv")
_HEADER_BYTES = 4096
_FORMS = {
    "stats": (columns.STATS, _STATS | PERCENTILES, tuple(PERCENTILES.values())),
    "stats_history": (columns.STATS_HISTORY, _HISTORY | PERCENTILES, tuple(PERCENTILES.values())),
    "failures": (columns.FAILURES, _FAILURES, ("first_seen", "last_seen")),
    "exceptions": (columns.EXCEPTIONS, _EXCEPTIONS, ()),
}


def file_of(prefix: Path, table: Table) -> Path:
    """Return where ``locust --csv PREFIX`` puts a table."""
    return prefix.with_name(f"{prefix.name}_{table}.csv")


def prefix_of(path: Path) -> Path | None:
    """Return the prefix that ``path`` stands for: itself, one of its files, or a folder with the files of one."""
    if path.is_dir():
        found = prefixes_in(path)
        return path / found[0] if len(found) == 1 else None
    if match := re.fullmatch(rf"(.+)_(?:{'|'.join(TABLES)})\.csv", path.name):
        return path.with_name(match[1]) if path.is_file() else None
    return path if any(file_of(path, table).is_file() for table in TABLES) else None


def prefixes_in(folder: Path) -> list[str]:
    """Return the prefixes of Locust's files in a folder, sorted by name."""
    return sorted({match[1] for each in folder.iterdir() if (match := re.fullmatch(r"(.+)_stats\.csv", each.name))})


def refuse_unclear(path: Path) -> None:
    """Raise ``RunError`` where ``path`` has files of several prefixes, naming them, or of a Locust before 0.14."""
    names = [each.name for each in path.iterdir()] if path.is_dir() else [path.name]
    if path.is_dir() and (found := prefixes_in(path)):
        shown = ", ".join(found[:MOST_NAMED])
        more = f" and {len(found) - MOST_NAMED:,} more" if len(found) > MOST_NAMED else ""
        raise RunError(f"{path}: Locust's files of several prefixes; expected one of them: {shown}{more}")
    beside = [path.with_name(f"{path.name}{end}") for end in _BEFORE_0_14]
    if any(name.endswith(_BEFORE_0_14) for name in names) or any(each.is_file() for each in beside):
        raise RunError(f"{path}: files of Locust before 0.14; expected those of Locust 1.0 or later")


def read(prefix: Path, table: Table) -> tuple[pd.DataFrame, str | None]:
    """Return one of Locust's tables, columns as in ``analysis.files.columns``, and what is missing of it.

    Bytes that are not UTF-8 are replaced: Locust writes in the encoding of its machine, and what it says of errors is
    whatever the target said. Raises ``RunError`` where the file is none of Locust's.
    """
    wanted, names, optional = _FORMS[table]
    path = file_of(prefix, table)
    _refuse_old(path)
    # Locust 1.0 put no line end behind the last row of files that it writes as a whole; a history it appends to.
    return read_rows(path, wanted, names, optional, written_whole=table != "stats_history", undecoded="replaced")


def _refuse_old(path: Path) -> None:
    """Raise ``RunError`` for a table of Locust 0.x, whose columns had other names."""
    if not path.is_file():  # absent, or a pipe, which is not waited for
        return
    try:
        with path.open("rb") as file:
            head = file.readline(_HEADER_BYTES)
    except OSError:  # whoever reads it says so
        return
    if b'"# requests"' in head:
        raise RunError(f"{path}: columns of Locust 0.x; expected a file of Locust 1.0 or later")
