"""Write the tables of columns in ``docs/definitions.md``: ``python -m scripts.describe_columns``.

They stand between ``<!-- columns: TABLE -->`` and ``<!-- end of columns -->``; a test compares them with the schema.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.words.column import FIRST_FORMAT, Column
from harness.words.schema import CSV, HISTORY

PAGE = Path(__file__).parents[1] / "docs" / "definitions.md"
_PLACE = re.compile(r"(<!-- columns: (\w+) -->\n).*?(<!-- end of columns -->)", re.DOTALL)


def described(page: str) -> str:
    """Return a page with its tables of columns as the schema has them; raise ``KeyError`` for an unknown table."""
    return _PLACE.sub(lambda found: f"{found[1]}{_table(EVERY[found[2]])}{found[3]}", page)


def tables_of(page: str) -> list[str]:
    """Return the names of the tables that a page describes."""
    return [name for _, name, _ in _PLACE.findall(page)]


EVERY = {**HISTORY, **CSV}


def _table(columns: tuple[Column, ...]) -> str:
    head = "| column | type | unit | meaning |\n|---|---|---|---|\n"
    return head + "".join(_row(column) for column in columns)


def _row(column: Column) -> str:
    since = "" if column.since == FIRST_FORMAT else f" (since format {column.since})"
    kind = f"{column.type}{'?' if column.nullable else ''}"
    return f"| `{column.name}` | {kind} | {column.unit} | {column.meaning}{since} |\n"


if __name__ == "__main__":
    PAGE.write_text(described(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
