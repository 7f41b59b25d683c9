"""Numbers as a page shows them, and the forms of its lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from scripts.recompute.raw import sig

NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?")
NUDGE = 1e-7
"""Share by which a value may differ before it is rounded: sums of floats differ with their order."""

_GROUPS = {
    "ms": r"([\d,.]+) ms",
    "n": r"([\d,.]+)",
    "signed": r"([+-]?[\d,.]+)",
    "interval": r"(?: \[([\d,.]+), ([\d,.]+)\])?",
    "cell": r"([^|]*?)",
    "text": r"(.*?)",
    "seconds": r"seconds?",
    "what": r"[a-z, -]+",
}


class Shown(NamedTuple):
    """A number that must be shown as ``text`` of ``value``; of a value at the edge of rounding either will do."""

    value: float
    text: Callable[[float], str]

    def may_be(self) -> set[str]:
        """Return what it may be shown as."""
        return {self.text(self.value * factor) for factor in (1, 1 + NUDGE, 1 - NUDGE)}


def n(value: float, digits: int = 3) -> Shown:
    """Return a number with so many significant digits."""
    return Shown(float(value), lambda each: sig(each, digits))


def users(value: float) -> Shown:
    """Return a number of users: with a tenth below 20, if it is not whole."""
    return Shown(float(value), lambda each: f"{each:,.1f}" if each < 20 and not each.is_integer() else f"{each:,.0f}")


def moment(value: float) -> Shown:
    """Return a moment of the run."""
    return Shown(value, lambda each: f"{each:,.1f}")


def may_be(found: object) -> set[object]:
    """Return what a group of a line may hold: None where it must not be there."""
    if isinstance(found, Shown):
        return set(found.may_be())
    return {f"{found:,}" if isinstance(found, int) else found}


def form(template: str) -> re.Pattern[str]:
    """Return the pattern of a line: ``{ms}`` and the like are groups, what stands in ``[[ ]]`` may be absent."""
    parts = re.split(r"(\{\w+\}|\[\[|\]\])", template)
    marks = {"[[": "(?:", "]]": ")?"}
    return re.compile(
        "".join(_GROUPS[part[1:-1]] if part.startswith("{") else marks.get(part, re.escape(part)) for part in parts)
    )
