"""Inputs made from good ones by a few edits: of bytes, of lines, and of values."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

ANYWHERE = 2**32 - 1
"""A place in an input is drawn as a number up to this, and taken modulo its length."""

TOKENS = (
    *(b"-1", b"77", b"0", b"0.5", b"-0.1", b"1e400", b"1e999", b"nan", b"NaN", b"inf", b"-inf", b"Infinity"),
    *(b"9223372036854775807", b"-9223372036854775809", b"99999999999999999999", b"9" * 400, b"9" * 5000),
    *(b"", b" ", b'"', b'""', b"'", b",", b"\n", b"\r", b"\r\n", b"\t", b"\x00", b"\\", b"#", b"=", b"N/A"),
    *(b"null", b"true", b"{}", b"[]", b'"\\ud800"', b"\\u0000", b"1_000", b"0x10", b"1e3", "\u0661".encode()),
    *(b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202e".encode(), b"\x1b[31m", b"=cmd()|1", b"ok", b"failed"),
    *(b"[" * 2000, b"{" * 2000, b'{"a":' * 1200, b'"' * 3001, b"a." * 3000, b'"\n' * 3000, b"x" * 70_000),
)

_VALUE = re.compile(rb'"[^"\n]*"|[^\s,"{}\[\]:=]+')

Edit = tuple[int, int, int, bytes]


def edits(tokens: Sequence[bytes] = TOKENS) -> st.SearchStrategy[list[Edit]]:
    """Draw a few edits: kind, place, length, token."""
    place = st.integers(0, ANYWHERE)
    each = st.tuples(st.integers(0, len(_KINDS) - 1), place, st.integers(1, 64), st.sampled_from(tokens))
    return st.lists(each, min_size=1, max_size=4)


def flips() -> st.SearchStrategy[list[Edit]]:
    """Draw one or two flipped bits."""
    each = st.tuples(st.just(0), st.integers(0, ANYWHERE), st.integers(0, 7), st.just(b""))
    return st.lists(each, min_size=1, max_size=2)


def edited(good: bytes, changes: Sequence[Edit]) -> bytes:
    """Return ``good`` after some edits."""
    found = good
    for kind, place, length, token in changes:
        found = _KINDS[kind](found, place, length, token)
    return found


def _flip(found: bytes, place: int, length: int, token: bytes) -> bytes:
    if not found:
        return token
    at = place % len(found)
    return found[:at] + bytes([found[at] ^ (1 << length % 8)]) + found[at + 1 :]


def _cut(found: bytes, place: int, length: int, token: bytes) -> bytes:
    return found[: place % (len(found) + 1)]


def _drop(found: bytes, place: int, length: int, token: bytes) -> bytes:
    at = place % (len(found) + 1)
    return found[:at] + found[at + length :]


def _insert(found: bytes, place: int, length: int, token: bytes) -> bytes:
    at = place % (len(found) + 1)
    return found[:at] + token + found[at:]


def _repeat(found: bytes, place: int, length: int, token: bytes) -> bytes:
    at = place % (len(found) + 1)
    return found[: at + length] + found[at:]


def _value(found: bytes, place: int, length: int, token: bytes) -> bytes:
    places = [match.span() for match in _VALUE.finditer(found)]
    if not places:
        return token
    begin, end = places[place % len(places)]
    return found[:begin] + token + found[end:]


def _line(found: bytes, place: int, length: int, token: bytes) -> bytes:
    """Drop a line, write it twice, or put another in its place."""
    lines = found.splitlines(keepends=True)
    if not lines:
        return found
    at = place % len(lines)
    put = ([], [lines[at]] * 2, [lines[place // 7 % len(lines)]])[length % 3]
    return b"".join([*lines[:at], *put, *lines[at + 1 :]])


_KINDS = (_flip, _cut, _drop, _insert, _repeat, _line, _value, _value, _value, _value)
