"""HdrHistograms of the hdrh library, with the range the project uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hdrh.histogram import HdrHistogram

MakeReference = Callable[[Iterable[int]], HdrHistogram]


def reference(values_us: Iterable[int] = ()) -> HdrHistogram:
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    for microseconds in values_us:
        assert histogram.record_value(microseconds)
    return histogram


@pytest.fixture(name="reference", scope="session")
def reference_fixture() -> MakeReference:
    """Return a function that makes the hdrh histogram of some values in microseconds."""
    return reference
