"""Texts that a spreadsheet would take for formulas."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"\s*[+-]?[\d.,]+(?:[eE][+-]?\d+)?\s*(?:%|[a-z]{1,3}|/s)?\s*")


def defused(text: str) -> str:
    """Return ``text`` with an apostrophe before it where a spreadsheet would calculate it, which numbers are not.

    For CSV that people open. Files that the project reads again hold texts as they are.
    Source: OWASP, CSV Injection: cells that begin with ``=``, ``+``, ``-``, ``@``, tab or carriage return.
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
