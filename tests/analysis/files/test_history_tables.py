from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.files.history import SCHEMAS, read_table
from harness.words.errors import RunError
from harness.words.schema import OF_PROCESS


def write(folder, table: str, worker: int, number: int, rows: list[dict[str, object]]):
    folder.mkdir(exist_ok=True)
    path = folder / f"{table}-w{worker:03d}-{number:06d}.parquet"
    pq.write_table(pa.Table.from_pylist(rows, SCHEMAS[table]), path)
    return path


def span(operation: int, stage: str = "router") -> dict[str, object]:
    return {"operation": operation, "stage": stage, "kind": "route", "start_ns": 1, "end_ns": 2, "outcome": "ok"}


@pytest.mark.parametrize("table", SCHEMAS)
def test_an_absent_table_is_empty_and_has_its_columns(tmp_path, table: str) -> None:
    frame = read_table(tmp_path / "history", table)

    assert frame.empty
    assert list(frame.columns) == SCHEMAS[table].names + (["worker"] if table in OF_PROCESS else [])


def test_parts_come_one_after_the_other(tmp_path) -> None:
    write(tmp_path, "spans", 1, 0, [span(3)])
    write(tmp_path, "spans", 0, 1, [span(2)])
    write(tmp_path, "spans", 0, 0, [span(1)])

    assert read_table(tmp_path, "spans")["operation"].tolist() == [1, 2, 3]


def test_ids_and_columns_keep_what_is_asked_for(tmp_path) -> None:
    write(tmp_path, "spans", 0, 0, [span(1), span(2), span(3)])
    frame = read_table(tmp_path, "spans", columns=["stage", "operation"], ids=[3, 1])

    assert list(frame.columns) == ["stage", "operation"]
    assert frame["operation"].tolist() == [1, 3]


def test_of_alternative_conditions_one_must_hold(tmp_path) -> None:
    write(tmp_path, "spans", 0, 0, [span(1), span(2), span(3), span(4)])
    both, either = [("operation", ">", 1), ("operation", "<", 3)], [[("operation", "=", 1)], [("operation", ">", 3)]]

    assert read_table(tmp_path, "spans", filters=both)["operation"].tolist() == [2]
    assert read_table(tmp_path, "spans", filters=either)["operation"].tolist() == [1, 4]


def test_rows_of_a_process_say_of_which(tmp_path) -> None:
    edge = {"at_ns": 5, "what": "fault", "name": "slow", "before": "closed", "after": "open", "cause": "2 s"}
    write(tmp_path, "edges", 2, 0, [edge, edge])
    write(tmp_path, "edges", 11, 0, [edge])

    assert read_table(tmp_path, "edges")["worker"].tolist() == [2, 2, 11]


def test_integers_that_can_be_missing_stay_integers(tmp_path) -> None:
    call = dict.fromkeys(SCHEMAS["calls"].names) | {
        "priority": 4,
        "arrived_ns": 1,
        "ended_ns": 1_740_000_000_123_456_789,
    }
    write(tmp_path, "calls", 0, 0, [call, call | {"started_ns": 1_740_000_000_123_456_789}])
    frame = read_table(tmp_path, "calls")

    assert frame["started_ns"].dtype == "Int64"
    assert frame["started_ns"].isna().tolist() == [True, False]
    assert frame["started_ns"][1] == 1_740_000_000_123_456_789


def test_a_foreign_file_is_named(tmp_path) -> None:
    (tmp_path / "spans-w000-000000.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(RunError, match=r"spans-w000-000000\.parquet: no part of the table spans"):
        read_table(tmp_path, "spans")


def test_a_file_of_another_table_is_named(tmp_path) -> None:
    path = write(tmp_path, "spans", 0, 0, [span(1)])
    path.rename(tmp_path / "attempts-w000-000000.parquet")
    with pytest.raises(RunError, match="no part of the table attempts"):
        read_table(tmp_path, "attempts")


EDGE = {"at_ns": 5, "what": "fault", "name": "slow", "before": "closed", "after": "open", "cause": "2 s", "window": 3}


def test_a_part_of_an_earlier_version_has_no_ordinals_of_windows(tmp_path) -> None:
    path = write(tmp_path, "edges", 0, 0, [EDGE])
    assert read_table(tmp_path, "edges")["window"].tolist() == [3]
    pq.write_table(pq.read_table(path).drop_columns(["window"]), path)
    frame = read_table(tmp_path, "edges", ["window", "name"])

    assert frame["window"].isna().tolist() == [True]
    assert str(frame["window"].dtype) == "Int64"
    assert frame["name"].tolist() == ["slow"]


def test_a_part_that_lacks_what_every_version_has_is_refused(tmp_path) -> None:
    path = write(tmp_path, "edges", 0, 0, [EDGE])
    pq.write_table(pq.read_table(path).drop_columns(["cause"]), path)

    with pytest.raises(RunError, match="no column cause"):
        read_table(tmp_path, "edges")
