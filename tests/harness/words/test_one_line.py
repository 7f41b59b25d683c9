from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.words.errors import LINE, UsageError, cut, one_line


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("bad"), "ValueError: bad"),
        (ValueError(), "ValueError"),
        (ValueError("  \n "), "ValueError"),
        (RuntimeError("first\nsecond\r\n\tthird"), "RuntimeError: first second third"),
        (KeyError("route"), "KeyError: 'route'"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_an_error_is_shown_as_type_and_message(error, line):
    assert one_line(error) == line


@given(st.text(), st.integers(1, 400))
def test_any_error_is_one_line_within_the_limit(message, limit):
    line = one_line(ValueError(message), limit)
    assert len(line) <= limit
    assert len(line.splitlines()) == 1


def test_a_cut_message_says_so_and_a_whole_one_does_not():
    assert one_line(ValueError("x" * 288), 300) == "ValueError: " + "x" * 288
    shortened = one_line(ValueError("x" * 289), 300)
    assert len(shortened) == 300
    assert "x…x" in shortened


def test_a_message_of_ten_million_characters_is_cut():
    assert len(one_line(ValueError("y" * 10_000_000))) == 300


def test_an_error_that_cannot_be_shown_is_named_by_its_type():
    assert "UnprintableError" in one_line(UnprintableError())


def test_an_error_line_can_be_encoded_whatever_the_target_put_into_it():
    one_line(ValueError("half a character: \ud800")).encode("utf-8")


def test_a_long_message_keeps_its_end_where_the_reason_often_stands():
    line = one_line(ValueError("begin " + "x" * 10_000_000 + " the reason"))
    assert line.startswith("ValueError: begin ")
    assert line.endswith(" the reason")
    assert len(line) == 300


@given(st.text(), st.integers(1, 400))
def test_a_cut_text_keeps_its_begin_and_its_end(text, limit):
    short = cut(text, limit)
    assert len(short) <= limit
    assert short == text or text.startswith(short.split("…")[0])


@given(st.text(max_size=2000))
def test_an_error_of_the_project_is_one_printable_line_of_bounded_length(text):
    line = str(UsageError(f"{text}{text}"))
    assert line.isprintable()
    assert len(line) <= LINE
