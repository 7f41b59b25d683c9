"""The rows of a verdict, and three-valued truth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What a row of the verdict says. Missing data is UNKNOWN, never good."""

    VALID = "VALID"  # a check or a condition of validity holds
    INVALID = "INVALID"
    PASS = "PASS"  # a criterion holds
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"

    @property
    def holds(self) -> bool:
        """Whether the row is good."""
        return self in (Status.VALID, Status.PASS)

    @property
    def broken(self) -> bool:
        """Whether the row was measured and is bad."""
        return self in (Status.INVALID, Status.FAIL)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a criterion asks: ``metric comparison number``, perhaps of the seconds with so many users only."""

    metric: str
    label: str  # what the metric is, in words
    comparison: str
    number: float
    users_comparison: str | None = None
    users: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the verdict: a check, a criterion or a condition of validity.

    ``required`` rows make the verdict INCONCLUSIVE when UNKNOWN; others make it PASS WITH CONCERNS.
    ``examples`` are the ids of operations that prove the row, at most ``EXAMPLES`` of them. ``concern`` is a doubt
    about a row that holds: it makes PASS a PASS WITH CONCERNS. ``threshold`` is what a criterion asks.
    """

    name: str
    status: Status
    actual: str | None
    target: str | None
    detail: str
    examples: tuple[int, ...] = ()
    required: bool = True
    concern: str | None = None
    threshold: Threshold | None = None


EXAMPLES = 10
"""How many operations a row names as evidence."""


def zero_of(n: int) -> str:
    """Return what 'none in n cases' proves: an upper bound of 3/n at 95 % (the rule of three)."""
    return f"0 of {n:,} (rate below {3 / n:.2g} at 95 % confidence)" if n else "nothing to check"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Operations that a check should have looked at and could not, and why."""

    count: int = 0
    why: str = ""

    def outweighs(self, n: int) -> bool:
        """Whether they are more than the ``n`` that were looked at: then the check says nothing about the run."""
        return self.count > n

    def beside(self, n: int, found: str) -> str:
        """Return a detail that says first how many were not looked at, where there are any."""
        if not self.count:
            return found
        return f"{self.count:,} of {self.count + n:,} operations not looked at, {found}; {self.why}"


def percent(part: int, whole: int) -> float | None:
    """Return 100 x part / whole, None where there is no whole."""
    return 100.0 * part / whole if whole else None


def shown_percent(part: int, whole: int) -> str | None:
    """Return a percentage as text that never rounds a failure up to 100 % or a case down to 0 %."""
    value = percent(part, whole)
    if value is None:
        return None
    for digits in (2, 4, 6, 9):
        text = f"{value:.{digits}f}"
        if (float(text) < 100.0 or part == whole) and (float(text) > 0.0 or part == 0):
            return f"{text.rstrip('0').rstrip('.')} %"
    return f"{value!r} %"
