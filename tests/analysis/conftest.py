"""Run directories made from known numbers, with hdrh's own histograms."""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hdrh.histogram import HdrHistogram

from analysis.files.columns import HISTORY
from analysis.files.history import OF_PROCESS, SCHEMAS

COLUMNS = [
    "second", "user_class", "priority", "expected_route", "route", "tier", "outcome", "count", "sum_ms", "min_ms",
    "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "users", "hdr",
    "service_sum_ms", "service_hdr", "queue_sum_ms", "queue_hdr", "lag_sum_ms", "lag_hdr",
]  # fmt: skip
START = 1_740_000_000

Row = dict[str, object]
MakeRow = Callable[..., Row]
MakeRun = Callable[..., Path]


def encode(values_us: Iterable[int]) -> str:
    """Return the encoding of the values (µs) by the hdrh library."""
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for microseconds in values_us:
        histogram.record_value(microseconds)
    return histogram.encode().decode("ascii")


@pytest.fixture(name="encode", scope="session")
def encode_fixture() -> Callable[[Iterable[int]], str]:
    return encode


def row_of(second: int, values_us: Sequence[int], users: int | None = 10, **labels: object) -> Row:
    """Return one row of series.csv whose operations took ``values_us``; ``second`` counts from the start.

    Each of them waited 40 µs for its first stage and 10 µs for the harness. ``clocks`` replaces that: name -> values
    in µs, empty where nothing was measured.
    """
    clocks: dict[str, list[int]] = {
        "service": [max(value - 50, 0) for value in values_us],
        "queue": [40] * len(values_us),
        "lag": [10] * len(values_us),
    } | labels.pop("clocks", {})  # type: ignore[operator]
    milliseconds = [value / 1000 for value in values_us]
    return {
        "second": START + second,
        "user_class": "NormalUser",
        "priority": 4,
        "expected_route": "fast",
        "route": "fast",
        "tier": 0,
        "outcome": "ok",
        "count": len(values_us),
        "sum_ms": sum(milliseconds),
        "min_ms": min(milliseconds, default=""),
        **dict.fromkeys(("p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms"), ""),
        "max_ms": max(milliseconds, default=""),
        "users": "" if users is None else users,
        "hdr": encode(values_us),
        **{f"{name}_sum_ms": sum(times) / 1000 if times else "" for name, times in clocks.items()},
        **{f"{name}_hdr": encode(times) if times else "" for name, times in clocks.items()},
    } | labels


def with_ends(rows: Sequence[Row]) -> list[Row]:
    """Return rows of a series between a second before and one after: what begin and end of a run cut off."""
    first, last = (each(rows, key=lambda row: row["second"]) for each in (min, max))
    begin, end = int(first["second"]) - START - 1, int(last["second"]) - START + 1  # type: ignore[call-overload]
    cut = [row_of(at, [1_000], outcome="failed") for at in (begin, end)]
    return [cut[0] | {"users": first["users"]}, *rows, cut[1] | {"users": last["users"]}]


@pytest.fixture(name="with_ends", scope="session")
def with_ends_fixture() -> Callable[[Sequence[Row]], list[Row]]:
    return with_ends


@pytest.fixture(name="row", scope="session")
def row_fixture() -> MakeRow:
    return row_of


def manifest_of() -> dict[str, object]:
    return {
        "run_id": "20250219T212000Z-route-1f3a",
        "argv": ["locust", "--headless", "--target", "my package.routing:pipeline", "--users", "100"],
        "locustfile": "locustfiles/route.py",
        "options": {"target": "my package.routing:pipeline", "seed": 7, "users": 100, "deadline_ms": None},
        "git": {"commit": "0123abcd", "dirty": True},
        "versions": {"routeswarm": "0.1.0", "python": "3.11.9", "locust": "2.47.0"},
        "hosts": ["alpha"],
        "cpus": 2,
        "workers": [{"index": 0, "id": "alpha_1", "host": "alpha", "pid": 12, "fate": "finished"}],
        "t0": "2025-02-19T21:20:00Z",
        "t1": "2025-02-19T21:21:00Z",
        "digests": {"corpus": "ab" * 32},
    }


def entry_of(name: str, status: str, **fields: object) -> dict[str, object]:
    return {"name": name, "status": status, "actual": None, "target": None, "detail": "", "examples": []} | fields


def verdict_of() -> dict[str, object]:
    return {
        "verdict": "FAIL",
        "exit_code": 11,
        "reason": "a checker found a violation: accuracy",
        "criteria": [
            entry_of("p95_ms < 500 at users >= 100", "PASS", actual="84.5 ms", target="< 500 ms", detail="n = 900"),
            entry_of("consistency_pct == 100", "UNKNOWN", target="== 100 %", detail="nothing to compare"),
        ],
        "checks": [
            entry_of("accuracy", "INVALID", actual="2 wrong", target="0", detail="2 of 900", examples=["0-17", "1-3"]),
            entry_of("conservation", "VALID", detail="0 of 900 (rate below 0.0033 at 95 % confidence)"),
        ],
        "validity": [entry_of("generator not saturated", "VALID", actual=41.5, target="< 90 %", detail="cpu")],
        "hypotheses": [],
        "totals": {
            "operations": 900, "ok": 880, "failed": 15, "cancelled": 3, "timeout": 2, "shed": 0, "flagged": 1,
            "stopped": 2, "log_records": {"ERROR": 4},
            "duration_s": 60.02, "throughput_rps": 15.0, "p50_ms": 20.1, "p95_ms": 84.5, "p99_ms": 130.0,
            "max_ms": 222.5, "routes": {"fast": 600, "premium": 280}, "errors": {"ValueError: no": 15},
            "label_confusion": {"greeting": {"fast": 590, "premium": 3}, "history": {"premium": 277, "fast": 10}},
        },
    }  # fmt: skip


@pytest.fixture(name="manifest")
def manifest_fixture() -> dict[str, object]:
    return manifest_of()


@pytest.fixture(name="verdict")
def verdict_fixture() -> dict[str, object]:
    return verdict_of()


LOCUST = {
    "stats": "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%",
    "stats_history": "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,"
    "99.99%,100%,Total Request Count,Total Failure Count,Total Median Response Time,Total Average Response Time,"
    "Total Min Response Time,Total Max Response Time,Total Average Content Size",
    "failures": "Method,Name,Error,Occurrences,First Seen,Last Seen",
    "exceptions": "Count,Message,Traceback,Nodes",
}
"""Headers of Locust's files, as Locust 2.47 writes them."""


def write_locust(prefix: Path, **rows: Iterable[str]) -> Path:
    """Write the files of ``locust --csv prefix``: headers, and lines by table."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    for table, header in LOCUST.items():
        text = "".join(f"{line}\r\n" for line in (header, *rows.get(table, ())))
        prefix.with_name(f"{prefix.name}_{table}.csv").write_bytes(text.encode())
    return prefix


@pytest.fixture(name="write_locust", scope="session")
def write_locust_fixture() -> Callable[..., Path]:
    return write_locust


def write_part(folder: Path, table: str, rows: Sequence[dict[str, object]], name: str = "w000-000000") -> Path:
    """Write a part of the history with the schema of the recorder; columns a row lacks are null."""
    path = folder / f"{table}-{name}.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMAS[table]), path)
    return path


@pytest.fixture(name="write_part", scope="session")
def write_part_fixture() -> Callable[..., Path]:
    return write_part


def write_run(
    folder: Path,
    rows: Iterable[Row] | None = (),
    manifest: object = None,
    verdict: object = None,
) -> Path:
    """Write a run directory; a part that is None is left out. Without a series there is no history either."""
    folder.mkdir(parents=True, exist_ok=True)
    if rows is not None:
        with (folder / "series.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        write_locust(folder / "locust")
        (folder / "history").mkdir(exist_ok=True)
        for table in ("operations", "spans"):
            write_part(folder / "history", table, [])
    for name, document in (("manifest", manifest), ("verdict", verdict)):
        if document is not None:
            (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


@pytest.fixture(name="make_run")
def make_run_fixture(tmp_path: Path) -> MakeRun:
    """Return a function writing run directories under the test's own folder."""

    def make(
        rows: Iterable[Row] | None = (), manifest: object = None, verdict: object = None, name: str = "run"
    ) -> Path:
        return write_run(tmp_path / name, rows, manifest, verdict)

    return make


def ramp(seconds: int = 60, users_max: int = 100, label_sets: int = 3, seed: int = 1) -> list[Row]:
    """Return the rows of a run whose users rise to the middle third and whose latency grows with them."""
    source = random.Random(seed)
    routes = ["fast", "standard", "premium", "escalation", "fallback"]
    rows = []
    for second in range(seconds):
        users = max(1, min(users_max, users_max * (second + 1) * 3 // seconds))
        for index in range(label_sets):
            values = [
                int(source.lognormvariate(math.log(4_000 + 120 * users * (1 + index % 3)), 0.5))
                for _ in range(max(1, users // 3))
            ]
            rows.append(row_of(second, values, users, route=routes[index % 5], priority=index % 10))
    return rows


@pytest.fixture(name="ramp", scope="session")
def ramp_fixture() -> Callable[..., list[Row]]:
    return ramp


def nanoseconds(seconds: float) -> int:
    """Return the Unix nanoseconds of ``seconds`` after the start of the runs made here."""
    return START * 1_000_000_000 + round(seconds * 1e9)


@pytest.fixture(name="at", scope="session")
def at_fixture() -> Callable[[float], int]:
    return nanoseconds


def table_of(table: str, rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Return a table of the history as ``analysis.read_table`` gives it, from tuples in the order of its columns.

    Rows of a table of processes end with their worker.
    """
    names = [*SCHEMAS[table].names, *(["worker"] if table in OF_PROCESS else [])]
    last = 1 if table in OF_PROCESS else 0
    split = [(row[: len(row) - last], row[len(row) - last :]) for row in map(tuple, rows)]
    # attempts without checksums, edges and injections without the ordinal of a window
    whole = [(*row, *[None] * (len(names) - len(row) - len(end)), *end) for row, end in split]
    frame = pd.DataFrame(whole, columns=names, dtype=object)  # floats would round nanoseconds
    kinds = {column.name: column.type for column in HISTORY[table]} | {
        name: "int32" for name in names[-1:] if name == "worker"
    }
    return frame.astype(kinds)


@pytest.fixture(name="table", scope="session")
def table_fixture() -> Callable[[str, Iterable[Sequence[object]]], pd.DataFrame]:
    return table_of


def operation_of(identifier: int, begin_s: float, end_s: float, **fields: object) -> tuple[object, ...]:
    """Return one row of the operations: no lag, entered 1 ms after its begin."""
    begin, end = nanoseconds(begin_s), nanoseconds(end_s)
    values: dict[str, object] = {
        "id": identifier, "worker": 0, "user": identifier % 4, "user_class": "NormalUser", "scenario": "chat-1",
        "priority": 4, "expected_route": "fast", "intended_ns": begin, "start_ns": begin,
        "entered_ns": min(begin + 1_000_000, end), "end_ns": end, "resumed_ns": end, "outcome": "ok", "route": "fast",
        "asked_route": "fast", "confidence": 0.9, "tier": 0, "attempts": 1, "flag": None, "error": None,
    } | fields  # fmt: skip
    return tuple(values.values())


@pytest.fixture(name="operation", scope="session")
def operation_fixture() -> Callable[..., tuple[object, ...]]:
    return operation_of


@pytest.fixture(name="no_plots")
def no_plots_fixture(monkeypatch) -> None:
    """Draw no plots: most tests are about what stands around them."""

    from markupsafe import Markup

    from analysis.report import write as report  # which takes matplotlib to come

    def blank(figure, run):
        return report.Drawn(
            figure.name, figure.title, figure.section, figure.reading(run), b"", b"", Markup("<svg></svg>")
        )

    monkeypatch.setattr(report, "draw", blank)
