"""The mix: which priorities and which kinds of scenarios a run is made of."""

from __future__ import annotations

PRIORITIES = range(10)
"""Every priority there is; 9 is the most urgent."""


CRITICAL = range(8, 10)
HIGH = range(6, 8)
NORMAL = range(3, 6)
LOW = range(3)
"""Priorities of a band; each user class draws its scenarios from one, and every priority lies in exactly one."""

KINDS = ("question", "statement", "code", "edge")
"""Kinds of scenarios: the words a tag may use to say what sort of text a scenario holds."""

OTHER_KIND = "other"
"""The kind of a scenario none of whose tags is in ``KINDS``."""
