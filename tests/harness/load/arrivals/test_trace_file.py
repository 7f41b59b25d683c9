from __future__ import annotations

from pathlib import Path

import pytest

from harness.load.arrivals.schedules import NEVER
from harness.load.arrivals.trace_file import Trace
from harness.words.errors import ScheduleError

BAD = {
    "out of order": ("0\n1.5\n0.5\n", r"trace\.txt:3: found 0\.5 after 1\.5, expected offsets in ascending order"),
    "negative": ("-1\n", r"trace\.txt:1: found '-1', expected seconds"),
    "no number": ("0\n\n# more\none\n", r"trace\.txt:4: found 'one', expected seconds"),
    "nan": ("0\nnan\n", r"trace\.txt:2: found 'nan', expected seconds"),
    "infinite": ("inf\n", r"trace\.txt:1: found 'inf', expected seconds"),
    "two numbers": ("0 1\n", r"trace\.txt:1: found '0 1', expected seconds"),
    "long": ("9" * 50 + "x" * 5000, r"trace\.txt:1: found '9{50}x{1,9}…, expected"),
    "binary": ("\0\1\2", r"trace\.txt:1: found "),
    "empty": ("", r"trace\.txt: found no offset, expected"),
    "only comments": ("# nothing\n\n", r"trace\.txt: found no offset, expected"),
}


def test_a_file_of_offsets(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text("\ufeff# recorded\n0.5\n\n  0.5  # twice\n2\n1e1\n", encoding="utf-8")
    trace = Trace(path).prepared("1")
    path.unlink()  # it has been read
    assert [trace.offset_s(k) for k in range(5)] == [0.5, 0.5, 2, 10, NEVER]
    assert [trace.count(elapsed_s) for elapsed_s in (0, 0.5, 9, 10, 1e9)] == [0, 2, 3, 4, 4]


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_trace_is_said_with_its_line(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    path = tmp_path / "trace.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScheduleError, match=message) as caught:
        Trace(str(path)).prepared("1")
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match=r"nothing\.txt: found no such file or directory, expected a readable file"):
        Trace(tmp_path / "nothing.txt").prepared("1")


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([1, 0.5], r"Trace, offset 1: found 0\.5 after 1\.0, expected"),
        ([0, True], "Trace, offset 1: found True, expected"),
        ([None], "Trace, offset 0: found None, expected"),
        ([], "Trace: found no offset, expected"),
    ],
)
def test_a_sequence_that_is_no_trace_is_said_with_its_place(offsets: list[float], message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        Trace(offsets).prepared("1")
