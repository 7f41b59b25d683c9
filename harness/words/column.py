"""A column of a table: what its values are on disk, what they mean, and what they can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

Type = Literal["int8", "int16", "int32", "int64", "float32", "float64", "text"]
"""What a value is in Parquet; in CSV, what its text is read as."""

FORMAT = 2
"""Version of what a run directory holds, ``format`` in its manifest: 1, or none, is 0.1.0's; 2 has ``facts.json``."""

FIRST_FORMAT = 1
"""Format of the run directories of 0.1.0, whose manifests name none."""

LATEST_S = 2**33
"""Unix second up to which a run may be, in the year 2242: one of something else fills the memory with empty seconds."""


class Column(NamedTuple):
    """One column of a table.

    ``nullable`` columns may have no value in a row: null in Parquet, empty in CSV. Numbers lie between ``least`` and
    ``most``. ``since`` is the first format of run directories that has the column; in older ones it has no value, so
    that a column that comes later is nullable.
    """

    name: str
    type: Type
    meaning: str
    unit: str = ""
    nullable: bool = False
    since: int = FIRST_FORMAT
    least: float = 0
    most: float = math.inf


def integer(
    bits: Literal[8, 16, 32, 64],
    meaning: str,
    *,
    least: float = 0,
    most: float = math.inf,
    since: int = FIRST_FORMAT,
) -> Column:
    """Return a column of whole numbers, whose name is still to be given."""
    kinds: dict[int, Type] = {8: "int8", 16: "int16", 32: "int32", 64: "int64"}
    return Column("", kinds[bits], meaning, since=since, least=least, most=most)


def real(meaning: str, unit: str = "", *, least: float = 0, most: float = math.inf) -> Column:
    """Return a column of numbers with 64 bits, whose name is still to be given."""
    return Column("", "float64", meaning, unit, least=least, most=most)


def ns(meaning: str, *, since: int = FIRST_FORMAT) -> Column:
    """Return a column of moments in nanoseconds, whose name, ending in ``_ns``, is still to be given.

    Such columns are moved to the Unix epoch where they are written (``record.tables.to_table``).
    """
    return Column("", "int64", meaning, "ns", since=since)


def text(meaning: str, *, since: int = FIRST_FORMAT) -> Column:
    """Return a column of texts, whose name is still to be given."""
    return Column("", "text", meaning, since=since)


def columns_of_record(record: type) -> tuple[Column, ...]:
    """Return the columns that the fields of a class declare: ``Annotated`` with a ``Column``, nullable if ``| None``.

    Raises:
        TypeError: a field declares none, or one that came later and is not nullable.

    """
    # Read at import, once per class: 1 ms for the six tables of the history.
    hints = get_type_hints(record, include_extras=True)
    return tuple(_declared(record, name, hint) for name, hint in hints.items())


def _declared(record: type, name: str, hint: Any) -> Column:
    of_value, *said = get_args(hint) or (None,)
    declared = next((each for each in said if isinstance(each, Column)), None)
    if declared is None:
        raise TypeError(f"{record.__name__}.{name}: no Column, expected Annotated[type, Column]")
    column = declared._replace(name=name, nullable=NoneType in get_args(of_value))
    if column.since > FIRST_FORMAT and not column.nullable:
        raise TypeError(f"{record.__name__}.{name}: came with format {column.since}, expected it to be nullable")
    return column


def names(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the names of columns."""
    return tuple(column.name for column in columns)
