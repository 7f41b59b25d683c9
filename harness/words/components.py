"""Components of a target that have a name and can be reached from outside: backends, breakers, chains.

A component announces itself when it is made. Nothing here keeps it alive. A process builds a target more than once (for
its baseline, for each run of the web UI): components made while one is built are that one's alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakKeyDictionary

BACKEND = "backend"
BREAKER = "breaker"
CHAIN = "chain"
"""A fallback chain may tell ``route_names``, ``tiers`` (by route, its places in the orders) and
``declared_deadline_ms`` (within which it answers every operation; None where it says nothing, or not for all alike)."""


class Component(Protocol):
    """What has a name."""

    @property
    def name(self) -> str:
        """The name by which a fault plan calls it."""


class Owner:
    """One build of a target, to which the components belong that are made meanwhile."""


_live: dict[str, WeakKeyDictionary[Component, Owner | None]] = {}
_building: list[Owner | None] = [None]


@contextmanager
def building(owner: Owner | None) -> Iterator[None]:
    """Let components that are made meanwhile belong to ``owner``; None: to whatever target uses them."""
    _building.append(owner)
    try:
        yield
    finally:
        _building.pop()


def announce(kind: str, component: Component) -> None:
    """Make a component known."""
    _live.setdefault(kind, WeakKeyDictionary())[component] = _building[-1]


def components(
    kind: str, name: str | None = None, *, owner: Owner | None = None, alone: bool = False
) -> list[Component]:
    """Return the live components of a kind, those of a name or all: ``owner``'s, and those that belong to no build.

    ``alone``: ``owner``'s only.
    """
    owners = (owner,) if alone else (None, owner)
    found = list(_live[kind].items()) if kind in _live else []
    return [component for component, of in found if of in owners and name in (None, component.name)]
