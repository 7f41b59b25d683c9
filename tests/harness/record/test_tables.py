"""The tables of the history on disk: those of runs made before do not change under whoever reads them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.measure.history_tables import LATER, SCHEMAS, arrow_schema, with_later
from harness.measure.packed import _OPERATION as OPERATION_LAYOUT
from harness.measure.packed import OPERATION_ROW, LabelSet, SpanLabelSet, _require_tied
from harness.record.history import read_attempts
from harness.record.tables import TABLES, encoding
from harness.words.column import FIRST_FORMAT
from harness.words.schema import HISTORY

ROOT = Path(__file__).parents[3]
OF_0_1_0 = {
    table: next((ROOT / "results" / "example-storm" / "history").glob(f"{table}-w*.parquet")) for table in HISTORY
}


def of_first_format(table: str) -> pa.Schema:
    return arrow_schema([column for column in HISTORY[table] if column.since == FIRST_FORMAT])


@pytest.mark.parametrize("table", HISTORY)
def test_the_schema_of_a_run_of_0_1_0_is_the_one_still_written_byte_by_byte(table):
    found = pq.read_schema(OF_0_1_0[table]).remove_metadata()

    assert found.serialize().equals(of_first_format(table).serialize())


@pytest.mark.parametrize("table", HISTORY)
def test_the_types_in_parquet_are_those_of_0_1_0(table, tmp_path):
    schema = of_first_format(table)
    pq.write_table(schema.empty_table(), tmp_path / "part.parquet", **encoding(schema))

    assert pq.ParquetFile(tmp_path / "part.parquet").schema.equals(pq.ParquetFile(OF_0_1_0[table]).schema)


@pytest.mark.parametrize("table", TABLES)
def test_columns_that_came_later_are_at_the_end(table):
    assert LATER[table].isdisjoint(SCHEMAS[table].names[: len(SCHEMAS[table]) - len(LATER[table])])


def test_a_column_that_came_later_has_no_values_in_an_older_file(tmp_path, monkeypatch):
    monkeypatch.setitem(LATER, "attempts", frozenset({"left"}))
    rows = [{"operation": 1, "ordinal": 0, "route": "fast", "tier": 0, "start_ns": 1, "end_ns": 2, "outcome": "ok"}]
    older = pa.Table.from_pylist(rows, SCHEMAS["attempts"]).drop_columns(["left"])
    pq.write_table(older, tmp_path / "part.parquet")

    (attempt,) = read_attempts([tmp_path / "part.parquet"])

    assert (attempt.route, attempt.left) == ("fast", None)


def test_a_column_of_every_format_must_be_there():
    with pytest.raises(KeyError, match="tier"):
        with_later(SCHEMAS["attempts"].empty_table().drop_columns(["tier"]), "attempts", SCHEMAS["attempts"].names)


@pytest.mark.parametrize(
    ("labels", "apart"),
    [(LabelSet, {"scenario"}), (LabelSet, {"scenario", "error", "more"}), (SpanLabelSet, {"error"})],
)
def test_what_is_packed_by_hand_must_be_every_column_and_no_other(labels, apart):
    with pytest.raises(AssertionError, match="operations"):
        _require_tied(OPERATION_ROW, OPERATION_LAYOUT, labels, "operations", apart)
