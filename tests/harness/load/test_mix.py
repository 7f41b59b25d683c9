from __future__ import annotations

import pytest

from harness.load.mix import BANDS, PRIORITIES, band_of


def test_every_priority_lies_in_exactly_one_band():
    for priority in PRIORITIES:
        assert [band.name for band in BANDS if priority in band] == [band_of(priority).name]


@pytest.mark.parametrize(
    ("priority", "name"),
    [(9, "critical"), (8, "critical"), (7, "high"), (6, "high"), (5, "normal"), (3, "normal"), (2, "low"), (0, "low")],
)
def test_a_band_is_named_by_its_urgency(priority, name):
    assert band_of(priority).name == name


@pytest.mark.parametrize("priority", [-1, 10])
def test_a_priority_outside_0_to_9_has_no_band(priority):
    with pytest.raises(ValueError, match=f"priority {priority} is outside 0-9"):
        band_of(priority)
