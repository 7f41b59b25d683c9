"""The mix: which priorities and which kinds of scenarios a run is made of."""

from __future__ import annotations

from dataclasses import dataclass

PRIORITIES = range(10)
"""Every priority there is; 9 is the most urgent."""


@dataclass(frozen=True, slots=True)
class Band:
    """A named range of priorities. Each user class draws its scenarios from one."""

    name: str
    priorities: range

    def __contains__(self, priority: object) -> bool:
        return priority in self.priorities


CRITICAL = Band("critical", range(8, 10))
HIGH = Band("high", range(6, 8))
NORMAL = Band("normal", range(3, 6))
LOW = Band("low", range(3))

BANDS = (CRITICAL, HIGH, NORMAL, LOW)
"""Most urgent first. Every priority lies in exactly one."""

KINDS = ("question", "statement", "code", "edge")
"""Kinds of scenarios: the words a tag may use to say what sort of text a scenario holds."""

OTHER_KIND = "other"
"""The kind of a scenario none of whose tags is in ``KINDS``."""


def band_of(priority: int) -> Band:
    """Return the band ``priority`` lies in.

    Raises:
        ValueError: ``priority`` is outside 0-9.
    """
    for band in BANDS:
        if priority in band.priorities:
            return band
    raise ValueError(f"priority {priority!r} is outside 0-9")
