"""Parts of a target that have a name and can be reached from outside: backends, breakers, chains.

A part announces itself when it is made. Nothing here keeps it alive.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet

BACKEND = "backend"
BREAKER = "breaker"
CHAIN = "chain"


class Part(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """The name by which a fault plan calls it."""


_live: dict[str, WeakSet[Part]] = {}


def announce(kind: str, part: Part) -> None:
    """Make a part known."""
    _live.setdefault(kind, WeakSet()).add(part)


def parts(kind: str, name: str | None = None) -> list[Part]:
    """Return the live parts of a kind: those of a name, or all of them."""
    return [part for part in list(_live.get(kind, ())) if name is None or part.name == name]
