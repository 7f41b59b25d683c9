"""The readers that are fuzzed: what each is given, how it reads it, and what it may not let pass."""

from __future__ import annotations

import io
import math
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.files import columns, locust_files
from analysis.files.csv_rows import read_rows
from analysis.files.documents import Manifest, Verdict, read_document
from analysis.files.faults_file import read_faults
from analysis.files.hdr_texts import read_counts
from analysis.files.histograms import BUCKETS
from analysis.files.history import read_table
from analysis.files.series_file import HISTOGRAMS, read_series, read_vitals
from analysis.statistics import locust_statistics
from harness.judge.criteria.criteria import DEFAULT_CRITERIA, parse_criteria, read_criteria
from harness.judge.criteria.steps import Step
from harness.judge.facts import Facts
from harness.load.arrivals.trace_file import Trace
from harness.load.corpus.corpus import read_corpus
from harness.load.corpus.vocabulary import Vocabulary
from harness.load.faults.plan import PLANS, read_fault_plan
from harness.measure import series_csv
from harness.measure import vitals as vitals_csv
from harness.measure.blocks import Block
from harness.measure.history_tables import with_later
from harness.record.cases import read_cases, read_edges
from harness.record.facts_json import read_facts, write_facts
from harness.record.history import read_operations
from harness.record.tables import OPERATIONS, TABLES, encoding
from harness.words.operation import Outcome

EXAMPLE = Path(__file__).parents[2] / "results" / "example-storm"
ROWS = 12
LATEST_S = 2**33
OUTCOMES = {outcome.value for outcome in Outcome}


@dataclass(frozen=True)
class Reader:
    """A reader: the name of its file, good inputs, and a function that reads a file and checks what came of it."""

    name: str
    file: str
    good: Callable[[], bytes]
    read: Callable[[Path, bytes], None]


def _head(name: str) -> bytes:
    """Return the first rows of a file of the example run."""
    with (EXAMPLE / name).open("rb") as file:
        return b"".join(file.readline() for _ in range(ROWS))


def _plan(path: Path, content: bytes) -> None:
    plan = read_fault_plan(path)
    assert plan.fault
    assert 0 <= plan.seed < 2**63
    for fault in plan.fault:
        assert 0 < fault.share <= 1
        assert 0 <= (fault.when.from_s or 0) < (fault.when.to_s or math.inf)
        metadata = fault.where.scenario.metadata if fault.where.scenario is not None else {}
        assert all(value == value and abs(value) < math.inf for value in metadata.values() if isinstance(value, float))


def _corpus(path: Path, content: bytes) -> None:
    for scenario in read_corpus(path):
        assert scenario.id.strip()
        assert 0 <= scenario.priority <= 9
        scenario.fresh_metadata()
        scenario.text.encode()


def _criteria(path: Path, content: bytes) -> None:
    for criterion in read_criteria(path):
        assert math.isfinite(criterion.number)
        assert criterion.users is None or 0 <= criterion.users <= 2**63


@cache
def facts() -> bytes:
    """Return the facts of a run with a fault plan."""
    known = Facts(
        True, 30_000.0, 12, 12, labels={"s1": "greeting"}, steps=(Step(4, 10, 20, True, (1, 2)),),
        faults=read_fault_plan(PLANS / "storm.toml").fault, vocabulary=Vocabulary(frozenset({"fast"}), True),
        blocks=(Block(0, 1, 2_000_000_000, "router", None, False),), user_errors={"ValueError: x": 2},
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder, "facts.json")
        write_facts(path, parse_criteria(DEFAULT_CRITERIA, "default"), known)
        return path.read_bytes()


def _facts(path: Path, content: bytes) -> None:
    criteria, found = read_facts(path)
    assert all(math.isfinite(criterion.number) for criterion in criteria)
    assert found.deadline_ms is None or math.isfinite(found.deadline_ms)
    again = path.with_name("again.json")
    write_facts(again, criteria, found)
    assert read_facts(again) == (criteria, found)


def _trace(path: Path, content: bytes) -> None:
    trace = Trace(str(path)).prepared("")
    offsets = [trace.offset_s(k) for k in range(trace.count(math.inf))]
    assert offsets == sorted(offsets)
    assert all(0 <= offset < math.inf for offset in offsets)


def _numbers(frame: pd.DataFrame, signed: Sequence[str] = ()) -> None:
    """Check that all numbers of a frame are finite, and but for some columns not below 0."""
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name].dtype):
            values = frame[name].dropna().to_numpy(dtype=np.float64)
            assert np.isfinite(values).all(), name
            assert name in signed or (values >= 0).all(), name


def _series(path: Path, content: bytes) -> None:
    frame, _ = read_series(path)
    _numbers(frame, ["lag_sum_ms"])
    assert frame["priority"].between(0, 9).all()
    assert set(frame["outcome"]) <= OUTCOMES
    assert (frame["second"] <= LATEST_S).all()
    for name in HISTOGRAMS:
        read_counts(frame[name].items(), BUCKETS)


def _vitals(path: Path, content: bytes) -> None:
    frame = read_vitals(path)
    _numbers(frame)
    assert (frame["second"] <= LATEST_S).all()


def _faults(path: Path, content: bytes) -> None:
    frame = read_faults(path, 1_795_630_681)
    _numbers(frame, ["start_s", "end_s", "activation_delay_ms", "recovery_s"])
    assert not (frame["end_ns"] < frame["start_ns"]).any()
    assert not (frame["share"] > 1).any()


def _arrivals(path: Path, content: bytes) -> None:
    frame, _ = read_rows(path, columns.ARRIVALS)
    _numbers(frame)


def _verdict(path: Path, content: bytes) -> None:
    verdict = read_document(path, Verdict)
    totals = verdict.totals
    if totals is not None:
        for name in totals.__struct_fields__:
            value = getattr(totals, name)
            assert not isinstance(value, int | float) or 0 <= value < math.inf, name
    verdict.verdict.encode()


def _manifest(path: Path, content: bytes) -> None:
    manifest = read_document(path, Manifest)
    assert manifest.cpus is None or manifest.cpus >= 0
    str(manifest).encode()


def _locust(table: locust_files.Table) -> Callable[[Path, bytes], None]:
    def read(path: Path, content: bytes) -> None:
        frame, _ = locust_files.read(path.with_name("locust"), table)
        _numbers(frame)
        if table == "stats":
            locust_statistics.percentile_curve(frame)
        if table == "stats_history":
            assert len(locust_statistics.latency_over_time(frame)) <= 32 * 86_400
            locust_statistics.latency_by_users(frame)
            locust_statistics.caution(frame)
            locust_statistics.load_levels(frame)

    return read


def _judged_series(path: Path, content: bytes) -> None:
    for row in series_csv.read_series(path):
        assert 0 <= row.key.priority <= 9
        assert row.key.outcome in OUTCOMES
        assert row.cell.count >= 0
        assert row.cell.sum_ns >= 0
        assert row.users is None or row.users >= 0


def _judged_vitals(path: Path, content: bytes) -> None:
    for row in vitals_csv.read_vitals(path):
        assert 0 <= row.wall_ms < math.inf
        assert row.gc_count >= 0


@cache
def history(rows: int = 300) -> bytes:
    """Return a part of a history as the harness writes it today."""
    part = next((EXAMPLE / "history").glob("operations-*.parquet"))
    table = with_later(pq.read_table(part).slice(0, rows), "operations", OPERATIONS.names).cast(OPERATIONS)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **encoding(OPERATIONS))
    return buffer.getvalue()


@cache
def _frame() -> pd.DataFrame:
    with TemporaryDirectory() as folder:
        (Path(folder) / "operations-w000-000000.parquet").write_bytes(history())
        return read_table(Path(folder), "operations")


@cache
def pages_end() -> int:
    """Return where the pages end and the footer begins."""
    return len(history()) - 8 - pq.read_metadata(pa.BufferReader(history())).serialized_size


def _operations(frame: pd.DataFrame) -> None:
    _numbers(frame, ["confidence"])
    assert frame["priority"].between(0, 9).all()
    assert set(frame["outcome"].dropna()) <= OUTCOMES


@cache
def _judged() -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "operations-w000-000000.parquet"
        path.write_bytes(history())
        return repr(list(read_operations([path])))


def _of_pages(content: bytes) -> bool:
    """Whether nothing but pages was changed: their headers have no checksum, the footer neither."""
    return content[pages_end() :] == history()[pages_end() :]


def _history(path: Path, content: bytes) -> None:
    frame = read_table(path.parent, "operations")
    _operations(frame)
    if _of_pages(content):
        assert frame.equals(_frame())


def _judged_history(path: Path, content: bytes) -> None:
    found = list(read_operations([path]))
    if _of_pages(content):
        assert repr(found) == _judged()


@cache
def part(table: str, rows: int = 300) -> bytes:
    """Return a part of another table of a history as the harness writes it today."""
    schema = SCHEMAS[table]
    read = pq.read_table(next((EXAMPLE / "history").glob(f"{table}-*.parquet"))).slice(0, rows)
    found = with_later(read, table if table in TABLES else "operations", schema.names).cast(schema)
    buffer = io.BytesIO()
    pq.write_table(found, buffer, **encoding(schema))
    return buffer.getvalue()


SCHEMAS = {**{table: schema for table, schema in TABLES.items() if table != "operations"}, "baseline": OPERATIONS}
SIGNED = ("given", "left", "confidence")
"""Digests of what an attempt was given and left, and what a target says of itself."""


def _table(table: str) -> Callable[[Path, bytes], None]:
    def read(path: Path, content: bytes) -> None:
        frame = read_table(path.parent, table)
        _numbers(frame, SIGNED)
        if "priority" in frame:
            assert frame["priority"].dropna().between(0, 9).all()

    return read


def _judged_table(table: str) -> Callable[[Path, bytes], None]:
    """Read the history of a run as the judge does, with one of its tables changed."""

    def read(path: Path, content: bytes) -> None:
        (path.parent / "operations-w000-000000.parquet").write_bytes(history())
        if table == "spans":  # which are read where operations were hit by a fault
            (path.parent / "injections-w000-000000.parquet").write_bytes(part("injections"))
        for _ in read_cases(path.parent):
            pass
        for _ in read_edges(path.parent):
            pass

    return read


def _of_tables() -> list[Reader]:
    found = []
    for table in SCHEMAS:
        file, good = f"{table}-w000-000000.parquet", partial(part, table)
        found.append(Reader(f"history of {table}", file, good, _table(table)))
        if table != "baseline":  # which the judge has in memory
            found.append(Reader(f"history of {table}, judged", file, good, _judged_table(table)))
    return found


_STATS = "locust_stats.csv"
_TRACE = b"0\n0.25\n# a comment\n1\n1.5\n10\n\n20.75 # the last one\n"
_ARRIVALS = b"second,due,not_delivered\n1795630681,10,0\n1795630682,12,1\n1795630683,9,0\n"
_EXCEPTIONS = (
    b'Count,Message,Traceback,Nodes\r\n3,boom,"Traceback\n  File ""x.py"", line 1",local\r\n1,no,at x,local\r\n'
)
_FAILURES = b"Method,Name,Error,Occurrences,First Seen,Last Seen\r\nROUTE,a,ValueError: x,3,2025-01-01,2025-01-02\r\n"
_CORPUS = (
    b'{"id": "q-1", "text": "Where?", "priority": 5, "metadata": {"a": [1, {"b": null}]}, "tags": ["question"]}\n'
    b'{"id": "q-2", "text": "", "priority": 0, "expected_route": "support", "label": "x"}\n'
)
_CRITERIA = b"p95_ms < 500 at users >= 100  # a comment\nconsistency_pct == 100\navailability_pct >= 99.9 %\n"


def plan() -> bytes:
    """Return the shipped plan, which has to be good."""
    content = (PLANS / "storm.toml").read_bytes()
    tomllib.loads(content.decode())
    return content + b'[[fault]]\nname = "s"\nwhat = {kind = "hang"}\nwhere = {scenario = {metadata = {a = 1.5}}}\n'


READERS = (
    Reader("fault plan", "plan.toml", plan, _plan),
    Reader("corpus", "corpus.jsonl", lambda: _CORPUS, _corpus),
    Reader("criteria", "criteria.txt", lambda: _CRITERIA, _criteria),
    Reader("trace of arrivals", "trace.txt", lambda: _TRACE, _trace),
    Reader("series.csv", "series.csv", lambda: _head("series.csv"), _series),
    Reader("series.csv, judged", "series.csv", lambda: _head("series.csv"), _judged_series),
    Reader("vitals.csv", "vitals.csv", lambda: _head("vitals.csv"), _vitals),
    Reader("vitals.csv, judged", "vitals.csv", lambda: _head("vitals.csv"), _judged_vitals),
    Reader("faults.csv", "faults.csv", lambda: _head("faults.csv"), _faults),
    Reader("arrivals.csv", "arrivals.csv", lambda: _ARRIVALS, _arrivals),
    Reader("facts.json", "facts.json", facts, _facts),
    Reader("manifest.json", "manifest.json", (EXAMPLE / "manifest.json").read_bytes, _manifest),
    Reader("verdict.json", "verdict.json", (EXAMPLE / "verdict.json").read_bytes, _verdict),
    Reader("history", "operations-w000-000000.parquet", history, _history),
    Reader("history, judged", "operations-w000-000000.parquet", history, _judged_history),
    *_of_tables(),
    Reader("Locust's stats", _STATS, lambda: _head(_STATS), _locust("stats")),
    Reader(
        "Locust's history", "locust_stats_history.csv", lambda: _head("locust_stats_history.csv"),
        _locust("stats_history"),
    ),
    Reader("Locust's failures", "locust_failures.csv", lambda: _FAILURES, _locust("failures")),
    Reader("Locust's exceptions", "locust_exceptions.csv", lambda: _EXCEPTIONS, _locust("exceptions")),
)  # fmt: skip
