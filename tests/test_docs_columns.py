"""The tables of columns in ``docs/definitions.md`` are those of the schema."""

from __future__ import annotations

from scripts.describe_columns import EVERY, PAGE, described, tables_of


def test_the_page_describes_every_column_as_the_schema_has_it():
    page = PAGE.read_text(encoding="utf-8")

    assert sorted(tables_of(page)) == sorted(EVERY)
    assert described(page) == page, "run: python -m scripts.describe_columns"


def test_a_table_that_differs_is_written_anew():
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `entered_ns`")]
    page = "before\n<!-- columns: operations -->\n| stale |\n<!-- end of columns -->\nafter\n"

    assert row in described(page)
    assert "stale" not in described(page)
    assert described(page).startswith("before\n")
