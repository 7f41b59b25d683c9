from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis import columns_of, load_run
from analysis.files.columns import HISTORY
from harness.words.errors import RunError

NS = 1_740_000_000_123_456_789


def operation(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": number, "worker": 0, "user": 0, "user_class": "NormalUser", "scenario": f"s-{number}", "priority": 4,
        "expected_route": "fast", "intended_ns": NS + number, "start_ns": NS + number, "entered_ns": NS + number,
        "end_ns": NS + number + 1000, "resumed_ns": NS + number + 2000, "outcome": "ok", "route": "fast",
        "asked_route": "fast", "confidence": 0.5, "tier": 0, "attempts": 1, "flag": None, "error": None,
    } | fields  # fmt: skip


@pytest.mark.parametrize("table", ["operations", "spans", "baseline"])
def test_an_empty_frame_has_the_columns_and_types_of_a_full_one(make_run, write_part, table: str) -> None:
    folder = make_run(verdict={"verdict": "PASS"})
    (folder / "history" / "operations-w000-000000.parquet").unlink()

    frame = getattr(load_run(folder), table)

    assert len(frame) == 0
    assert [(name, str(kind)) for name, kind in frame.dtypes.items()] == [
        (column.name, column.type) for column in HISTORY[table]
    ]
    write_part(folder / "history", "operations", [operation(1)])
    full = load_run(folder).operations
    assert [str(kind) for kind in full.dtypes] == [column.type for column in HISTORY["operations"]]


def test_nanoseconds_are_exact_where_one_of_them_is_absent(make_run, write_part) -> None:
    folder = make_run([])
    write_part(folder / "history", "operations", [operation(1), operation(2, entered_ns=None)])

    frame = load_run(folder).operations

    assert frame["entered_ns"].tolist()[0] == NS + 1
    assert frame["entered_ns"].isna().tolist() == [False, True]
    assert frame["end_ns"].tolist() == [NS + 1001, NS + 1002]


def test_labels_are_categories_in_one_order_whatever_order_the_parts_had_them_in(make_run, write_part) -> None:
    one, two = make_run([], name="one"), make_run([], name="two")
    routes = ["zulu", "alpha", None, "mike"]
    for folder, order in ((one, routes), (two, routes[::-1])):
        for part, route in enumerate(order):
            write_part(folder / "history", "operations", [operation(part, route=route)], f"w000-{part:06d}")

    first, second = load_run(one).operations["route"], load_run(two).operations["route"]

    assert list(first.cat.categories) == list(second.cat.categories) == ["alpha", "mike", "zulu"]
    assert first.isna().tolist() == [False, False, True, False]
    assert first.tolist()[::-1][:1] == second.tolist()[:1] == ["mike"]


def test_parts_that_another_file_replaces_are_not_read_twice(make_run, write_part) -> None:
    folder = make_run([])
    for part in range(3):
        write_part(folder / "history", "operations", [operation(part)], f"w000-{part:06d}")
    write_part(folder / "history", "operations", [operation(part) for part in range(3)], "w000-000000-000002")
    write_part(folder / "history", "operations", [operation(3)], "w000-000003")
    (folder / "history" / "operations-w000-000004.partial").write_bytes(b"half a file")

    assert load_run(folder).operations["id"].tolist() == [0, 1, 2, 3]


def test_workers_come_one_after_the_other_each_in_order_of_time(make_run, write_part) -> None:
    folder = make_run([])
    for worker, part in ((1, 0), (0, 1), (0, 0), (1, 1)):
        row = operation(worker * 10 + part, worker=worker)
        write_part(folder / "history", "operations", [row], f"w{worker:03d}-{part:06d}")

    assert load_run(folder).operations["id"].tolist()[-4:] == [0, 1, 10, 11]


def test_some_columns_and_some_rows_can_be_read_alone(make_run, write_part) -> None:
    folder = make_run([])
    rows = [operation(1), operation(2, outcome="failed", error="ValueError: no"), operation(3)]
    write_part(folder / "history", "operations", rows)

    frame = load_run(folder).read("operations", ["id", "error"], filters=[("outcome", "=", "failed")])

    assert frame.to_dict("list") == {"id": [2], "error": ["ValueError: no"]}
    assert load_run(folder).read("operations", ["id"], ids=[3, 1, 9])["id"].tolist() == [1, 3]
    both = load_run(folder).read("operations", ["id"], ids=[3, 2], filters=[("outcome", "=", "ok")])
    assert both["id"].tolist() == [3]


def test_a_part_that_was_cut_off_is_left_out_and_named(make_run, write_part, manifest, verdict, row) -> None:
    folder = make_run([row(0, [1000])], manifest, verdict)
    write_part(folder / "history", "operations", [operation(1)])
    broken = write_part(folder / "history", "operations", [operation(2)], "w000-000001")
    broken.write_bytes(broken.read_bytes()[:-10])

    run = load_run(folder)

    assert run.operations["id"].tolist() == [1]
    assert len(run.missing) == 1
    assert run.missing[0].startswith("history/operations-w000-000001.parquet cannot be read: ")


def test_a_foreign_file_is_refused_in_one_line(make_run) -> None:
    folder = make_run([])
    pq.write_table(pa.table({"name": ["x"]}), folder / "history" / "operations-w000-000000.parquet")

    with pytest.raises(RunError, match="no column id, worker") as raised:
        _ = load_run(folder).operations

    assert "\n" not in str(raised.value)


def test_a_value_that_must_be_there_is_not_made_up(make_run, write_part) -> None:
    folder = make_run([])
    write_part(folder / "history", "operations", [operation(1, end_ns=None)])

    with pytest.raises(RunError, match="end_ns has 1 rows without a value"):
        _ = load_run(folder).operations


def test_a_table_that_is_none_is_refused(make_run) -> None:
    with pytest.raises(RunError, match="no table nonsense"):
        load_run(make_run([])).read("nonsense")


def test_what_a_column_means_can_be_asked() -> None:
    frame = columns_of("operations").set_index("column")

    assert frame.loc["end_ns", "unit"] == "ns"
    assert frame.loc["route", "type"] == "category"
    assert columns_of("stats_history")["column"].is_unique
    with pytest.raises(RunError, match="no table nonsense"):
        columns_of("nonsense")


def test_only_parquet_of_the_table_itself_is_read(make_run, write_part, tmp_path: Path) -> None:
    folder = make_run([])
    write_part(folder / "history", "operations", [operation(7)], "w000-000009")
    (folder / "history" / "operations-w000-000009.parquet").rename(folder / "history" / "baseline-w000-000000.parquet")

    run = load_run(folder)

    assert run.operations.empty
    assert run.baseline["id"].tolist() == [7]
