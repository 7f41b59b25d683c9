"""Inputs that once led to a foreign error, to many lines, to a wait without end, or got through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from outcomes import ACCEPTED, REFUSED, outcome
from readers import READERS, Reader, history, pages_end, part

from analysis.files.csv_rows import whole_rows
from analysis.files.history import read_table
from analysis.run import load_run
from harness.record.compaction import compact
from harness.record.history import read_operations
from harness.record.tables import OPERATIONS, encoding
from harness.words.errors import RecordError, RunError, UsageError

OF_NAME = {reader.name: reader for reader in READERS}
PART = "operations-w000-000000.parquet"


def changed(name: str, column: str, value: str) -> bytes:
    """Return a CSV file of the example run with another value in a column of its first row, which has no quotes."""
    header, first, *rest = OF_NAME[name].good().decode().splitlines(keepends=True)
    place = header.strip().split(",").index(column)
    fields = first.split(",")
    fields[place] = value + ("\n" if fields[place].endswith("\n") else "")
    return "".join([header, ",".join(fields), *rest]).encode()


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        *(("series.csv", "priority", value) for value in ("77", "-1", "10", "1.5")),
        *(("series.csv", "count", value) for value in ("-1", "1e30", "99999999999999999999")),
        *(("series.csv", "p50_ms", value) for value in ("inf", "-0.5", "1e400")),
        *(("series.csv", "outcome", value) for value in ("-inf", "", "OK")),
        ("series.csv", "second", "99999999999"),
        *(("vitals.csv", "gc_count", value) for value in ("99999999999999999999", "-1", "0.5")),
        *(("vitals.csv", "lag_max_ms", value) for value in ("inf", "-1")),
        *(("faults.csv", "end_unix_s", value) for value in ("1e400", "99999999999999999999", "-1", "1")),
        *(("faults.csv", "injected", value) for value in ("-4", "9223372036854775808", "0.5")),
        ("faults.csv", "share", "1.5"),
        *(("arrivals.csv", "due", value) for value in ("-1", "99999999999999999999", "0.1")),
        ("arrivals.csv", "second", "0.1"),
        *(("Locust's stats", "Request Count", value) for value in ("-1", "99999999999999999999", "0.5")),
        *(("Locust's history", "Timestamp", value) for value in ("0", "-5", "1e300")),
        *(("series.csv, judged", column, "-1") for column in ("count", "priority", "sum_ms", "users")),
        ("series.csv, judged", "outcome", "nonsense"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, name: str, column: str, value: str) -> None:
    assert outcome(OF_NAME[name], tmp_path, changed(name, column, value)) == REFUSED


@pytest.mark.parametrize("name", ["series.csv", "vitals.csv", "faults.csv", "arrivals.csv", "Locust's stats"])
def test_a_column_that_is_there_twice_and_rows_that_are_too_long_are_refused(tmp_path: Path, name: str) -> None:
    lines = OF_NAME[name].good().splitlines()
    first = lines[0].split(b",")[0]
    twice = [lines[0] + b"," + first, *(line + b",1" for line in lines[1:])]
    assert outcome(OF_NAME[name], tmp_path, b"\n".join(twice) + b"\n") == REFUSED
    longer = [lines[0], *(b"1," + line for line in lines[1:])]
    assert outcome(OF_NAME[name], tmp_path, b"\n".join(longer) + b"\n") == REFUSED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("verdict.json", b'{"verdict": ' + b"9" * 5000 + b"}"),
        ("verdict.json", b'{"verdict": "PASS", "totals": {"ok": -1}}'),
        ("verdict.json", b'{"verdict": "PASS", "totals": {"p50_ms": 1e999}}'),
        ("verdict.json", b'{"verdict": "PASS", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
        ("manifest.json", b'{"cpus": -1}'),
        ("fault plan", b"seed = " + b"9" * 5000),
        ("fault plan", b"x=" + b"[" * 3000),
        ("fault plan", b"[[fault]]\nname='a'\nwhat={kind='hang'}\nwhere={scenario={metadata={a=nan}}}\n"),
        ("fault plan", b'[[fault]]\nname="\x1b[31m"\nwhat={kind="hang"}\nwhere={stage="r"}\n'),
        ("fault plan", b'[[fault]]\nname="\\u001b[31mred\\nline"\nwhat={kind="nope"}\n'),
        ("fault plan", b"".join(b"[[fault]]\nname='%d'\nwhat.kind='hang'\nwhere.stage='r'\n" % n for n in range(501))),
        ("fault plan", b"a" + b".a" * 200_000 + b" = 1"),
        ("criteria", b"p95_ms < " + b"9" * 400),
        ("criteria", b"p95_ms < 5 at users >= " + b"9" * 5000),
        ("criteria", b"\x1b[31m" + b"x" * 100_000),
        ("corpus", b'{"id":"a","text":":","priority":1,"metadata":{"a":' + b"[" * 900 + b"1" + b"]" * 900 + b"}}"),
        ("corpus", b'{"id":"a","text":":","priority":' + b"9" * 5000 + b"}"),
        ("corpus", '{"id":"a","text":"t","priority":5}'.encode("utf-16")),
        ("trace of arrivals", b"1e300"),
        ("trace of arrivals", b"\x1b]0;x\x07"),
    ],
    ids=range(20),
)  # fmt: skip
def test_documents_that_once_led_elsewhere_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    assert outcome(OF_NAME[name], tmp_path, content) == REFUSED


def test_half_a_character_is_read_as_its_escape(tmp_path: Path) -> None:
    content = b'{"verdict": "PASS \\ud800"}'
    assert outcome(OF_NAME["verdict.json"], tmp_path, content) == ACCEPTED


def refused(reader: Reader, folder: Path) -> bool:
    """Return whether what is there is refused by name, or taken for absent."""
    try:
        reader.read(folder / reader.file, b"")
    except (RunError, UsageError) as error:
        return reader.file in str(error)
    return True


@pytest.mark.parametrize("reader", [each for each in READERS if not each.name.endswith("judged")], ids=lambda r: r.name)
def test_a_file_without_end_is_no_wait_without_end(tmp_path: Path, reader: Reader) -> None:
    (tmp_path / reader.file).symlink_to("/dev/zero")
    assert refused(reader, tmp_path)


@pytest.mark.parametrize("name", ["verdict.json", "manifest.json", "series.csv", "vitals.csv", "history"])
def test_a_pipe_in_a_foreign_run_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / OF_NAME[name].file)
    assert refused(OF_NAME[name], tmp_path)


def test_time_grows_with_the_length_of_a_file_however_its_quotes_are() -> None:
    took = []
    for rows in (20_000, 200_000):
        begun = time.process_time()
        assert whole_rows(b'a,b\n"' + b"x,y\n" * rows) == b"a,b\n"
        took.append(time.process_time() - begun)
    assert took[1] < 60 * took[0] + 0.05  # ten times the length; a hundred times the time, were it squared


def with_column(name: str, values: pa.Array) -> bytes:
    """Return the history with other values in a column."""
    table = pq.read_table(pa.BufferReader(history()))
    place = table.schema.get_field_index(name)
    sink = pa.BufferOutputStream()
    pq.write_table(table.set_column(place, name, values), sink)
    return sink.getvalue().to_pybytes()


def rows() -> pa.Table:
    return pq.read_table(pa.BufferReader(history()))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("priority", pa.scalar(value, pa.int8())) for value in (77, -1)),
        ("priority", pa.scalar(260, pa.int64())),  # would be 4 in a byte
        ("priority", pa.scalar("4")),
        ("priority", pa.scalar(4.5)),
        ("outcome", pa.scalar("fine")),
        ("outcome", pa.scalar(3)),
        ("end_ns", pa.scalar(-1, pa.int64())),
        ("end_ns", pa.scalar(None, pa.int64())),
        ("tier", pa.scalar(-1, pa.int16())),
        ("route", pa.scalar(b"\xff")),
    ],
)
def test_values_that_cannot_be_are_refused_in_a_history(tmp_path: Path, column: str, value: pa.Scalar) -> None:
    content = with_column(column, pa.array([value.as_py()] * rows().num_rows, value.type))
    assert outcome(OF_NAME["history"], tmp_path, content) == REFUSED


def test_a_column_that_is_there_twice_is_refused_in_a_history(tmp_path: Path) -> None:
    table = rows()
    sink = pa.BufferOutputStream()
    pq.write_table(table.append_column("route", table.column("route")), sink)
    assert outcome(OF_NAME["history"], tmp_path, sink.getvalue().to_pybytes()) == REFUSED


class TestFlippedBit:
    """One bit of a page is not what was written."""

    @pytest.fixture
    def run(self, make_run_of_history, tmp_path: Path) -> Path:
        return make_run_of_history(tmp_path)

    @pytest.fixture
    def make_run_of_history(self):
        def make(folder: Path) -> Path:
            (folder / "history").mkdir()
            (folder / "manifest.json").write_text(json.dumps({"run_id": "r"}))
            content = bytearray(history())
            content[pages_end() // 2] ^= 4
            (folder / "history" / PART).write_bytes(content)
            later = rows().set_column(0, "id", pc.add(rows().column("id"), 1_000_000)).cast(OPERATIONS)
            pq.write_table(later, folder / "history" / "operations-w000-000001.parquet", **encoding(OPERATIONS))
            return folder

        return make

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["history", "history, judged"])
    def test_it_is_noticed_wherever_it_changes_something(self, tmp_path: Path, name: str) -> None:
        found = Counter()
        for place in range(4, pages_end(), 53):
            content = bytearray(history())
            content[place] ^= 1 << place % 8
            found[outcome(OF_NAME[name], tmp_path, bytes(content))] += 1
        assert set(found) <= {ACCEPTED, REFUSED}  # accepted is what it reads as the whole file
        assert found[REFUSED] > 10 * found[ACCEPTED]

    def test_the_part_is_left_out_and_named_and_the_rest_is_read(self, run: Path) -> None:
        found = load_run(run)
        assert len(found.operations) == rows().num_rows
        assert found.operations["id"].min() >= 1_000_000
        assert [text for text in found.missing if PART in text]

    def test_alone_it_is_an_error_that_names_it(self, run: Path) -> None:
        with pytest.raises(RunError, match=PART):
            read_table(run / "history", "operations")
        with pytest.raises(RunError, match=PART):
            list(read_operations([run / "history" / PART]))

    def test_parts_are_not_put_together_with_it(self, run: Path) -> None:
        with pytest.raises(RecordError):
            compact(run / "history")
        assert (run / "history" / PART).exists()

    def test_a_condition_that_cannot_be_met_is_no_damage(self, run: Path) -> None:
        (run / "history" / PART).write_bytes(history())
        with pytest.raises(RunError, match="cannot be chosen"):
            load_run(run).read("operations", filters=[("nothing", "=", 1)])


def test_good_inputs_are_read(tmp_path: Path) -> None:
    assert {outcome(reader, tmp_path, reader.good()) for reader in READERS} == {ACCEPTED}


def renamed(table: str, column: str) -> bytes:
    """Return a part whose column has another name, as after a flipped bit in its footer."""
    return part(table).replace(column.encode(), column.upper().encode())


@pytest.mark.parametrize("table", ["attempts", "injections", "calls", "spans"])
def test_a_judge_refuses_a_part_without_the_operation_of_its_rows(tmp_path: Path, table: str) -> None:
    assert outcome(OF_NAME[f"history of {table}, judged"], tmp_path, renamed(table, "operation")) == REFUSED


@pytest.mark.parametrize("name", ["history of baseline", "history", "history, judged"])
def test_texts_that_a_page_has_not_are_refused_by_the_name_of_the_file(tmp_path: Path, name: str, monkeypatch) -> None:
    """Pages say by number which text a row has; the numbers' width stands where no checksum covers it."""
    found, good = rows(), OF_NAME[name].good()
    place = found.schema.get_field_index("route")
    wrong = pa.DictionaryArray.from_arrays(pa.array([7] * len(found), pa.int32()), ["one"], safe=False)
    broken = found.set_column(place, "route", pa.chunked_array([wrong]))
    batches = broken.combine_chunks().to_batches()
    monkeypatch.setattr(pq, "read_table", lambda *_, **__: broken)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: iter(batches))
    assert outcome(OF_NAME[name], tmp_path, good) == REFUSED


@pytest.mark.slow
def test_a_flipped_bit_anywhere_in_a_footer_ends_no_process(tmp_path: Path) -> None:
    """Asked for statistics of such a footer, pyarrow aborts; in a process of its own, since that ends it."""
    code = """
import sys
from pathlib import Path
from outcomes import ACCEPTED, REFUSED, outcome
from readers import READERS
reader = next(each for each in READERS if each.name == "history of attempts, judged")
good = reader.good()
footer = int.from_bytes(good[-8:-4], "little")
for place in range(len(good) - 8 - footer, len(good), 5):
    changed = bytearray(good)
    changed[place] ^= 1 << place % 8
    assert outcome(reader, Path(sys.argv[1]), bytes(changed)) in (ACCEPTED, REFUSED), place
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
