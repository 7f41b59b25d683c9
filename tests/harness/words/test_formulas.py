from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.words.formulas import defused


@pytest.mark.parametrize(
    "text",
    ["=cmd|' /C calc'!A0", "+cmd", "-2+3+cmd", "@SUM(1)", "\t=1", "\r=1", " =1", "\uff1d1", "=1", "-cmd", "+1+1"],
)
def test_a_formula_has_an_apostrophe_before_it(text: str) -> None:
    assert defused(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "fast", "a=b", "-5", "+5.5 %", "-0.2 ms", "-1e-3", "1,200 /s", "— none", "'=1"])
def test_other_texts_and_numbers_stay(text: str) -> None:
    assert defused(text) == text


@given(st.text())
def test_no_text_begins_as_a_formula_afterwards(text: str) -> None:
    assert not defused(text).startswith(("=", "@", "\t", "\r"))
