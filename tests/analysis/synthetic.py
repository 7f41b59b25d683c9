"""Runs made from random numbers whose truth is known: levels that wander from second to second."""

from __future__ import annotations

import numpy as np

from analysis.comparison.sample import ALL_ROUTES, BLOCK_S, FEWEST_BLOCKS, MOST_BLOCKS, Latencies, Sample

ROUTES = {"fast": (12_000, 0.5), "standard": (30_000, 0.3), "premium": (60_000, 0.2)}
"""Median (µs) and share of the operations."""
SPREAD = 0.6
"""Standard deviation of the logarithm of a latency within a second."""


def bucket_of(microseconds: np.ndarray) -> np.ndarray:
    """Return the bucket of each value, as ``harness.measure.histogram.bucket_of``."""
    values = microseconds.astype(np.int64)
    doublings = np.maximum(np.floor(np.log2(np.maximum(values, 1))).astype(np.int64) - 10, 0)
    return np.where(values < 2048, values, (doublings << 10) + (values >> doublings))


def levels(random: np.random.Generator, seconds: int, correlation: float, wander: float) -> np.ndarray:
    """Return the logarithm of each second's level: a first-order autoregressive process of deviation ``wander``."""
    noise = random.standard_normal(seconds) * wander
    found = np.empty(seconds)
    found[0] = noise[0]
    for second in range(1, seconds):
        found[second] = correlation * found[second - 1] + np.sqrt(1 - correlation**2) * noise[second]
    return found


def operations(
    random: np.random.Generator,
    seconds: int = 60,
    rate: int = 80,
    correlation: float = 0.5,
    wander: float = 0.1,
    slower: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return second, route (its place in ``ROUTES``) and latency (µs) of each operation."""
    level = levels(random, seconds, correlation, wander)
    second = np.repeat(np.arange(seconds), random.poisson(rate, seconds))
    route = random.choice(len(ROUTES), size=len(second), p=[share for _, share in ROUTES.values()])
    median = np.log([median for median, _ in ROUTES.values()])[route]
    values = np.exp(median + np.log(slower) + level[second] + SPREAD * random.standard_normal(len(second)))
    return second, route, values


def sample(
    random: np.random.Generator,
    seconds: int = 60,
    rate: int = 80,
    correlation: float = 0.5,
    wander: float = 0.1,
    slower: float = 1.0,
    name: str = "run",
) -> Sample:
    """Return a sample of a run whose latencies are ``slower`` times as long as by default."""
    second, route, values = operations(random, seconds, rate, correlation, wander, slower)
    bucket = bucket_of(values)
    number = int(np.clip(seconds // BLOCK_S, FEWEST_BLOCKS, MOST_BLOCKS))
    block = second * number // seconds
    routes = {ALL_ROUTES: latencies(bucket, block, number)}
    for place, each in enumerate(ROUTES):
        routes[each] = latencies(bucket[route == place], block[route == place], number)
    return Sample(name, seconds, routes)


def latencies(bucket: np.ndarray, block: np.ndarray, number: int) -> Latencies:
    used, column = np.unique(bucket, return_inverse=True)
    table = np.zeros((number, len(used)))
    np.add.at(table, (block, column), 1)
    return Latencies(used, table)
