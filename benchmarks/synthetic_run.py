"""A run directory of any size, made from random numbers: series, history, faults, manifest and verdict that agree.

In every three minutes the primary of the route 'premium' fails for 20 s: a fallback serves, and its breaker is open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.files.history import SCHEMAS
from harness.measure.histogram import Histogram
from harness.measure.series_csv import COLUMNS
from harness.record.faults_csv import HEADER
from harness.record.tables import encoding
from harness.words.operation import Edge

START_S = 1_750_000_000
RATE = 5_000  # operations per second
ROUTES = ("escalation", "fallback", "fast", "premium", "standard")
PRIORITIES = 10
LABELS = len(ROUTES) * PRIORITIES
PER_ROW = RATE // LABELS  # operations of one row of the series
VARIANTS = 400  # distinct histograms, from the fewest users to the most
USERS_MOST = 500
PART_ROWS = 1_000_000
SPANS = 3  # executions of stages per operation
PERIOD_S, WINDOW_S = 180, 20
"""A fault begins every so many seconds, in the middle, and lasts so many."""
HIT, SERVED_BY = "premium", "standard"
CLOCKS = ("response", "service", "queue", "lag")


def write_run(folder: Path, operations: int, seed: int = 1) -> Path:
    """Write a run of so many operations into ``folder`` and return it."""
    random = np.random.default_rng(seed)
    history = folder / "history"
    history.mkdir(parents=True)
    seconds = max(operations // RATE, 1)
    times_ns = _times_ns(random)
    users = np.minimum(1 + np.arange(seconds) * 2 * USERS_MOST // max(seconds, 2), USERS_MOST)
    # Which histogram a row of the series has, and so which latencies its operations: slower with more users.
    level = (users[:, np.newaxis] / USERS_MOST * (VARIANTS - 40)).astype(np.int64)
    variants = level + random.integers(0, 40, (seconds, LABELS))
    _write_series(folder / "series.csv", times_ns, variants, users)
    per_part = PART_ROWS // RATE
    for part, first in enumerate(range(0, seconds, per_part)):
        chosen = variants[first : first + per_part]
        _write_part(history, part, first, times_ns, chosen)
    _write_edges(folder, seconds)
    _write_documents(folder, seconds * RATE, seconds)
    return folder


def _down(seconds: np.ndarray) -> np.ndarray:
    """Return in which seconds of a run, from 0, the fault is on."""
    return (seconds % PERIOD_S >= PERIOD_S // 2) & (seconds % PERIOD_S < PERIOD_S // 2 + WINDOW_S)


def _times_ns(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Return ``PER_ROW`` values of each clock in each variant."""
    middle = np.log(4_000_000 + 60_000 * np.arange(VARIANTS))[:, np.newaxis]
    service = np.exp(middle + 0.5 * random.standard_normal((VARIANTS, PER_ROW))).astype(np.int64)
    queue = random.integers(10_000, 400_000, (VARIANTS, PER_ROW))
    lag = random.integers(5_000, 60_000, (VARIANTS, PER_ROW))
    return {"response": service + queue, "service": service, "queue": queue, "lag": lag}


def _write_series(path: Path, times_ns: dict[str, np.ndarray], variants: np.ndarray, users: np.ndarray) -> None:
    seconds = len(variants)
    index = variants.reshape(-1)
    response = times_ns["response"] / 1e6
    expected = np.tile(np.array(ROUTES * PRIORITIES), seconds)
    fell = (expected == HIT) & np.repeat(_down(np.arange(seconds)), LABELS)
    frame = {
        "second": np.repeat(START_S + np.arange(seconds), LABELS),
        "user_class": "NormalUser",
        "priority": np.tile(np.repeat(np.arange(PRIORITIES), len(ROUTES)), seconds),
        "expected_route": expected,
        "route": np.where(fell, SERVED_BY, expected),
        "tier": fell.astype(np.int64),
        "outcome": "ok",
        "count": PER_ROW,
        "sum_ms": response.sum(axis=1)[index],
        "min_ms": response.min(axis=1)[index],
        **{
            f"p{name}_ms": np.percentile(response, percent, axis=1)[index]
            for name, percent in (("50", 50), ("90", 90), ("95", 95), ("99", 99), ("999", 99.9))
        },
        "max_ms": response.max(axis=1)[index],
        "users": np.repeat(users, LABELS),
    }
    for clock in CLOCKS:
        encoded = np.array([_encode(row) for row in times_ns[clock]])
        prefix = "" if clock == "response" else f"{clock}_"
        frame[f"{prefix}hdr"] = encoded[index]
        if prefix:
            frame[f"{prefix}sum_ms"] = (times_ns[clock] / 1e6).sum(axis=1)[index]
    pd.DataFrame(frame).reindex(columns=list(COLUMNS)).to_csv(
        path, index=False, lineterminator="\n", float_format="%.6f"
    )


def _encode(times_ns: np.ndarray) -> str:
    histogram = Histogram()
    for time_ns in times_ns:
        histogram.add((int(time_ns) + 500) // 1000)
    return histogram.encode()


def _write_part(history: Path, part: int, first: int, times_ns: dict[str, np.ndarray], variants: np.ndarray) -> None:
    """Write the operations, and their spans, of some seconds."""
    index = variants.reshape(-1)
    count = len(index) * PER_ROW
    clock = {name: values[index].reshape(-1) for name, values in times_ns.items()}
    end = (START_S + first + np.arange(count) // RATE) * 1_000_000_000 + np.arange(count) % RATE * 190_000
    label = np.tile(np.repeat(np.arange(LABELS), PER_ROW), len(variants))
    ids = np.arange(first * RATE, first * RATE + count, dtype=np.int64)
    start = end - clock["response"]
    asked = label % len(ROUTES)
    fell = (asked == ROUTES.index(HIT)) & _down(first + np.arange(count) // RATE)
    expected = pa.DictionaryArray.from_arrays(pa.array(asked, pa.int32()), pa.array(ROUTES))
    served = np.where(fell, ROUTES.index(SERVED_BY), asked)
    route = pa.DictionaryArray.from_arrays(pa.array(served, pa.int32()), pa.array(ROUTES))
    one = pa.array(np.zeros(count, dtype=np.int32))
    scenario = pa.array([f"chat-{number:04d}" for number in range(1569)])
    columns = {
        "id": ids,
        "worker": np.zeros(count, np.int32),
        "user": (ids % USERS_MOST).astype(np.int32),
        "user_class": pa.DictionaryArray.from_arrays(one, pa.array(["NormalUser"])),
        "scenario": pa.DictionaryArray.from_arrays(pa.array((ids % 1569).astype(np.int32)), scenario),
        "priority": (label // len(ROUTES)).astype(np.int8),
        "expected_route": expected,
        "intended_ns": start,
        "start_ns": start,
        "entered_ns": start + clock["queue"],
        "end_ns": end,
        "resumed_ns": end + clock["lag"],
        "outcome": pa.DictionaryArray.from_arrays(one, pa.array(["ok"])),
        "route": route,
        "asked_route": expected,
        "confidence": np.full(count, 0.9, np.float32),
        "tier": fell.astype(np.int16),
        "attempts": 1 + fell.astype(np.int32),
    }
    _write(history, "operations", part, columns)
    stage = pa.DictionaryArray.from_arrays(
        pa.array(np.tile(np.arange(SPANS, dtype=np.int32), count)), pa.array(["guard", "router", "answer"])
    )
    cuts = np.linspace(0, 1, SPANS + 1)
    begin = (start + clock["queue"])[:, np.newaxis] + (clock["service"][:, np.newaxis] * cuts[np.newaxis]).astype(
        np.int64
    )
    kind = pa.DictionaryArray.from_arrays(
        pa.array(np.tile(np.arange(SPANS, dtype=np.int32), count)), pa.array(["guard", "route", "transform"])
    )
    spans = {
        "operation": np.repeat(ids, SPANS),
        "stage": stage,
        "kind": kind,
        "start_ns": begin[:, :-1].reshape(-1),
        "end_ns": begin[:, 1:].reshape(-1),
        "outcome": pa.DictionaryArray.from_arrays(pa.array(np.zeros(count * SPANS, np.int32)), pa.array(["ok"])),
    }
    _write(history, "spans", part, spans)
    _write_attempts(history, part, ids, asked, fell, start + clock["queue"], end)


def _write_attempts(
    history: Path,
    part: int,
    ids: np.ndarray,
    asked: np.ndarray,
    fell: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
) -> None:
    """Write one attempt per operation, and one of the fallback where the primary failed."""
    times = 1 + fell.astype(np.int64)
    second = np.repeat(fell, times) & (np.arange(times.sum()) == np.repeat(np.cumsum(times) - 1, times))
    failed = np.repeat(fell, times) & ~second
    middle = np.repeat((begin + end) // 2, times)
    route = np.where(second, ROUTES.index(SERVED_BY), np.repeat(asked, times))
    zero = pa.array(np.zeros(len(second), dtype=np.int32))
    _write(
        history,
        "attempts",
        part,
        {
            "operation": np.repeat(ids, times),
            "ordinal": second.astype(np.int16),
            "route": pa.DictionaryArray.from_arrays(pa.array(route, pa.int32()), pa.array(ROUTES)),
            "tier": second.astype(np.int16),
            "start_ns": np.where(second, middle, np.repeat(begin, times)),
            "end_ns": np.where(failed, middle, np.repeat(end, times)),
            "outcome": pa.DictionaryArray.from_arrays(
                pa.array(failed.astype(np.int32)), pa.array(["answered", "failed"])
            ),
            "breaker": pa.DictionaryArray.from_arrays(zero, pa.array(["closed"])),
        },
    )


def _write_edges(folder: Path, seconds: int) -> None:
    """Write the windows of the fault, the states of the breaker, and ``faults.csv``."""
    begins = np.arange(PERIOD_S // 2, seconds, PERIOD_S)
    rows, lines = [], [",".join(HEADER)]
    for begin in begins.tolist():
        until = min(begin + WINDOW_S, seconds)
        for at, what, name, before, after in (
            (begin, "fault", f"{HIT} fails", "closed", "open"),
            (begin + 1, "breaker", HIT, "closed", "open"),
            (until, "fault", f"{HIT} fails", "open", "closed"),
            (until + 1, "breaker", HIT, "open", "half_open"),
            (until + 2, "breaker", HIT, "half_open", "closed"),
        ):
            at_ns = (START_S + at) * 1_000_000_000
            rows.append((at_ns, what, name, before, after, "synthetic"))
        hit = (until - begin) * RATE // len(ROUTES)
        line = {"name": f"{HIT} fails", "kind": "error", "where": f"route {HIT}, tier 0", "share": 1.0}
        line |= {"start_unix_s": START_S + begin, "end_unix_s": START_S + until, "operations_hit": hit}
        line |= {"injected": hit, "fell_back": hit}
        lines.append(",".join(f'"{line.get(name, "")}"' for name in HEADER))
    names = Edge._fields[: len(rows[0])] if rows else Edge._fields
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], SCHEMAS["edges"])
    pq.write_table(table, folder / "history" / "edges-w000-000000-000001.parquet")
    (folder / "faults.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write(history: Path, table: str, part: int, columns: Mapping[str, np.ndarray | pa.Array]) -> None:
    """Write columns as a part of a table; those that are not given have no values."""
    schema = SCHEMAS[table]
    count = len(next(iter(columns.values())))
    arrays = [pa.nulls(count) if (found := columns.get(name)) is None else pa.array(found) for name in schema.names]
    rows = pa.table(dict(zip(schema.names, arrays, strict=True))).cast(schema)
    path = history / f"{table}-w000-{part * 2:06d}-{part * 2 + 1:06d}.parquet"
    pq.write_table(rows, path, **encoding(schema))


def _write_documents(folder: Path, operations: int, seconds: int) -> None:
    manifest = {
        "run_id": "synthetic",
        "options": {"target": "synthetic:pipeline", "seed": 1, "num_users": USERS_MOST},
        "digests": {"corpus": "00" * 32},
    }
    verdict = {
        "verdict": "PASS",
        "exit_code": 0,
        "reason": "synthetic",
        "criteria": [{"name": "p95_ms < 60", "status": "PASS"}],
        "checks": [],
        "validity": [{"name": "workers", "status": "VALID"}],
        "totals": {"operations": operations, "ok": operations, "duration_s": float(seconds)},
    }
    for name, document in (("manifest", manifest), ("verdict", verdict)):
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
