from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.words.clock import Epoch, now_ns

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("offset_ns", "monotonic_ns", "second"),
    [(0, 0, 0), (0, SECOND - 1, 0), (0, SECOND, 1), (5 * SECOND, 1, 5), (SECOND // 2, SECOND // 2, 1), (-1, 0, -1)],
)
def test_second_is_the_unix_second_in_which_a_reading_lies(offset_ns, monotonic_ns, second):
    assert Epoch(offset_ns).second(monotonic_ns) == second


@given(st.integers(0, 2**62), st.integers(0, 2**60), st.integers(0, 2**60))
def test_seconds_never_run_backwards(offset_ns, earlier, step):
    epoch = Epoch(offset_ns)
    assert epoch.second(earlier) <= epoch.second(earlier + step)


def test_readings_never_run_backwards():
    readings = [now_ns() for _ in range(1000)]
    assert readings == sorted(readings)


def test_the_offset_lays_the_monotonic_clock_on_the_wall_clock():
    before = time.time_ns()
    epoch = Epoch.of_this_process()
    reading = now_ns() + epoch.offset_ns
    after = time.time_ns()
    assert before - 50_000_000 <= reading <= after + 50_000_000


class Clock:
    """Monotonic and wall clock of which some reads are preempted between the two."""

    def __init__(self, delays_ns: list[int], offset_ns: int) -> None:
        self.now, self.delays, self.offset = 0, delays_ns, offset_ns
        self.wall_reads = 0

    def monotonic_ns(self) -> int:
        return self.now

    def time_ns(self) -> int:
        wall = self.now + self.offset
        self.now += self.delays[self.wall_reads]
        self.wall_reads += 1
        return wall


def test_the_offset_is_read_from_the_sample_that_was_disturbed_least(monkeypatch):
    clock = Clock([9000, 8000, 10, 7000, 9000], offset_ns=1_000_000)
    monkeypatch.setattr(time, "monotonic_ns", clock.monotonic_ns)
    monkeypatch.setattr(time, "time_ns", clock.time_ns)
    assert Epoch.of_this_process().offset_ns == 1_000_000 - 5
