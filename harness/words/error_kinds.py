"""Kinds of errors: messages that differ only in an id or a number are one."""

from __future__ import annotations

import re

ID = "<id>"
NUMBER = "<n>"

_STATUS = r"(?:10[0-3]|20\d|226|30[0-8]|4[012]\d|431|451|499|50\d|51[01]|52\d|530)(?![\w.-])"
"""An HTTP status, and nothing behind it that makes it part of a larger number."""

_PLACES = re.compile(
    rf"""
    (?P<kept>
        \d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}})?(?![\w.])       # an address: it says which backend
      | HTTP/\d(?:\.\d)?(?:\ \d{{3}}\b)?
      | \b(?:[Ss]tatus|[Cc]ode|HTTP|[Rr]eturned|[Rr]esponse)\b\W{{1,3}}{_STATUS}
      | (?::\ |[(\[])(?=\d){_STATUS}
      | ^(?=\d){_STATUS}
      | \bErrno\ \d+
    )
  | (?P<time>\d{{4}}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\w]))
  | (?P<uuid>\b[0-9a-fA-F]{{8}}-(?:[0-9a-fA-F]{{4}}-){{3}}[0-9a-fA-F]{{12}}\b)
  | (?P<token>(?<![A-Za-z0-9])[A-Za-z]*\d[A-Za-z0-9]*)
    """,
    re.VERBOSE | re.ASCII,
)
_TYPE = re.compile(r"[A-Za-z_]\w*(?=:|$)")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+|[0-9a-fA-F]{8,}")
_UNIT = r"(?:ns|us|ms|s|m|h|B|kB|KB|MB|GB|st|nd|rd|th)"
_NUMBERS = re.compile(rf"[0-9]+(?=(?:{_UNIT}[0-9]+)*{_UNIT}?$)")
"""Digits at the end of a token, a unit behind them apart: user12, 30s, 5m30s; not the 3 of S3Error."""
_DIGIT = re.compile(r"[0-9]")
_GROUPED = re.compile(rf"(?<!\w)-(?={NUMBER})|(?<={NUMBER})[.,:]{NUMBER}")

_RANDOM, _RANDOM_DIGITS = 10, 3
"""Letters and digits in one token from which on it is an id, if so many of them are digits: ``9Xb3kd7Q2z``."""


def kind_of_error(message: str) -> str:
    """Return ``message`` with ids as ``<id>`` and numbers as ``<n>``, so that errors of one kind are equal.

    What says what went wrong, or where, stays: the type in front, an HTTP status, an errno, an IP address and port.
    """
    if _DIGIT.search(message) is None:
        return message
    of_code = _TYPE.match(message)
    told = of_code.end() if of_code is not None else 0
    return message[:told] + _GROUPED.sub("", _PLACES.sub(_placeholder, message[told:]))


def _placeholder(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "token":
        return _of_token(match[0])
    if kind == "kept":
        return match[0]
    return NUMBER if kind == "time" else ID


def _of_token(token: str) -> str:
    """Return what stands for a run of letters and digits with a digit in it."""
    if token.isdigit():
        return NUMBER
    if _HEX.fullmatch(token) or (len(token) >= _RANDOM and len(_DIGIT.findall(token)) >= _RANDOM_DIGITS):
        return ID
    return _NUMBERS.sub(NUMBER, token)


class Kinds:
    """``kind_of_error`` with the kinds of the latest messages at hand.

    A target that fails under load says the same thing thousands of times: finding a text in a dict takes 0.05 µs,
    making its kind 5 to 50 µs.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, message: str) -> str:
        """Return the kind of a message."""
        kind = self._known.get(message)
        if kind is None:
            kind = kind_of_error(message)
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[message] = kind
        return kind


_KNOWN = 1000
"""Messages whose kinds are kept: 0.5 MB at most. One that never repeats is made anew, however many are kept."""
