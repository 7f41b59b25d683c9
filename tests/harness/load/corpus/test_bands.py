from __future__ import annotations

from harness.load.corpus.bands import CRITICAL, HIGH, LOW, NORMAL, PRIORITIES


def test_every_priority_lies_in_exactly_one_band_the_most_urgent_first():
    assert sorted([*CRITICAL, *HIGH, *NORMAL, *LOW]) == list(PRIORITIES)
    assert min(CRITICAL) > max(HIGH) > max(NORMAL) > max(LOW)
