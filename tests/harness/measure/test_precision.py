"""Percentiles out of series.csv against exact ones, over a million operations."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest

from harness.measure.packed import CHUNK, OperationPacker
from harness.measure.series import Clock, Merged, Series
from harness.measure.series_csv import PERCENTS, read_series, write_header, write_rows
from harness.words.clock import Epoch
from harness.words.operation import Operation, Outcome

MILLION = 1_000_000
WORKERS = 4
START_NS = 1_740_000_000_000_000_000
SHORTEST_NS, LONGEST_NS = 20_000, 60_000_000_000

pytestmark = pytest.mark.slow


def log_normal(chance):
    return chance.lognormal(np.log(300_000), 1.5, MILLION)


def bimodal(chance):
    fast, slow = chance.normal(180_000, 30_000, MILLION), chance.normal(41_000_000, 5_000_000, MILLION)
    return np.where(chance.random(MILLION) < 0.93, fast, slow)


def heavy_tailed(chance):
    return SHORTEST_NS * (1 + chance.pareto(0.6, MILLION))


def drawn(distribution, seed):
    """Return a million times in ns between 20 µs and 60 s."""
    values = distribution(np.random.default_rng(seed))
    return np.clip(values, SHORTEST_NS, LONGEST_NS).astype(np.int64)


def operations_of(queue, service, lag):
    """Yield operations with these clocks, a hundred thousand a second, of thirty label sets."""
    make, labels = tuple.__new__, [(f"User{n % 3}", n % 10, f"r{n % 5}") for n in range(30)]
    for n, (queued, served, late) in enumerate(zip(queue.tolist(), service.tolist(), lag.tolist(), strict=True)):
        user_class, priority, route = labels[n * 7 % 30]
        start = START_NS + n * 10_000
        end = start + queued + served
        times = start, start, start + queued, end, end + late
        rest = (Outcome.OK, route, None, None, 0, 1, None, None)
        yield make(Operation, (n, 0, 0, user_class, "s", priority, None, *times, *rest))


def recorded(operations, path):
    """Write the series.csv of operations that four workers reported in deltas, and return its rows."""
    parts = [(OperationPacker(), Series(Epoch(0))) for _ in range(WORKERS)]
    merged = Merged()
    for n, operation in enumerate(operations):
        packer, part = parts[n % WORKERS]
        packer.add(operation)
        if len(packer.rows) >= CHUNK:
            part.fold(packer.take())
        if n % 200_000 == 0:
            _, part = parts[n // 200_000 % WORKERS]
            merged.merge(msgpack.unpackb(msgpack.packb(part.take()), strict_map_key=False))
    for packer, part in parts:
        if (chunk := packer.take()) is not None:
            part.fold(chunk)
        merged.merge(part.take())
    with path.open("w", encoding="utf-8", newline="") as file:
        write_header(file)
        write_rows(file, merged.pop_before(None), None)
    return list(read_series(path))


def exact(values):
    """Return the values at the ranks of the percentiles, rounded up."""
    ranks = [-(-MILLION * round(10 * percent) // 1000) for percent in PERCENTS]
    return np.sort(values)[np.array(ranks) - 1]


def test_percentiles_of_a_million_operations_are_within_a_thousandth_of_the_exact_ones(tmp_path):
    clocks = {
        "queue": drawn(heavy_tailed, 1),
        "service": drawn(bimodal, 2),
        "lag": drawn(log_normal, 3),
    }
    rows = recorded(operations_of(**clocks), tmp_path / "series.csv")
    assert sum(row.cell.count for row in rows) == MILLION
    together = {name: Clock() for name in (*clocks, "response")}
    for row in rows:
        for name in clocks:
            together[name].merge(getattr(row.cell, name))
        together["response"].merge(Clock(row.cell.sum_ns, row.cell.histogram.counts))
    for name, values in {**clocks, "response": clocks["queue"] + clocks["service"]}.items():
        assert together[name].sum_ns == values.sum()
        found_ns = np.array(together[name].histogram.percentiles_us(PERCENTS)) * 1000
        assert found_ns == pytest.approx(exact(values), rel=0.001), name
