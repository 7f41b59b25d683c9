from __future__ import annotations

import argparse

import pytest

from harness.words.arguments import LARGEST, whole


def test_whole_numbers_in_the_range_are_read():
    assert [whole(0)(text) for text in ("0", " 7 ", str(LARGEST))] == [0, 7, LARGEST]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-1", "found '-1', expected a whole number of at least 0"),
        ("x", "found 'x', expected a whole number of at least 0"),
        (str(LARGEST + 1), f"expected a whole number of at least 0, at most {LARGEST}"),
        ("9" * 5000, f"…', expected a whole number of at least 0, at most {LARGEST}"),
    ],
)
def test_others_are_refused_in_a_short_line(text, shown):
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        whole(0)(text)
    assert str(refused.value).endswith(shown)
    assert len(str(refused.value)) < 150
