from __future__ import annotations

from typing import Annotated, NamedTuple

import pytest

from harness.words.column import columns_of_record, integer, names, ns, text
from harness.words.schema import CSV, HISTORY, RECORDS


class Row(NamedTuple):
    at_ns: Annotated[int, ns("when")]
    size: Annotated[int | None, integer(16, "how large", most=9, since=2)] = None


class Undeclared(NamedTuple):
    at_ns: Annotated[int, ns("when")]
    size: int


class LaterAndRequired(NamedTuple):
    at_ns: Annotated[int, ns("when", since=2)]


class Optional(NamedTuple):
    left: Annotated[str | None, text("what is left")]
    right: Annotated[str, text("what is right")]


def test_a_record_declares_its_columns_in_order():
    at_ns, size = columns_of_record(Row)

    assert (at_ns.name, at_ns.type, at_ns.unit, at_ns.meaning, at_ns.nullable) == (
        "at_ns",
        "int64",
        "ns",
        "when",
        False,
    )
    assert (size.name, size.type, size.most, size.since, size.nullable) == ("size", "int16", 9, 2, True)


def test_a_field_is_nullable_where_its_type_says_so():
    assert [column.nullable for column in columns_of_record(Optional)] == [True, False]


@pytest.mark.parametrize("record", [Undeclared, LaterAndRequired])
def test_a_field_without_a_column_and_a_later_one_that_old_runs_cannot_lack_are_refused(record):
    with pytest.raises(TypeError, match=record.__name__):
        columns_of_record(record)


@pytest.mark.parametrize("table", HISTORY)
def test_the_columns_of_a_table_are_the_fields_of_its_rows(table):
    assert names(HISTORY[table]) == RECORDS[table]._fields


@pytest.mark.parametrize("table", [*HISTORY, *CSV])
def test_columns_have_a_meaning_and_names_of_their_own(table):
    columns = {**HISTORY, **CSV}[table]

    assert all(column.meaning for column in columns)
    assert len(set(names(columns))) == len(columns)
