"""Where a fault acts: a place as a value, with the text that plans, histories and people have for it."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple


class PlaceKind(StrEnum):
    """What sort of place; the value is the key of ``where`` in a fault plan."""

    STAGE = "stage"
    ROUTE = "route"  # attempts of a route in a fallback chain
    BACKEND = "backend"
    BREAKER = "breaker"
    ROUTE_STAGES = "scenario"  # the ROUTE stages of operations of some scenarios
    PROCESS = "process"  # no place in particular; no key


NAMED = (PlaceKind.STAGE, PlaceKind.ROUTE, PlaceKind.BACKEND, PlaceKind.BREAKER)
"""Sorts of places that have a name."""

_ROUTE_STAGES, _PROCESS = "ROUTE stages", "the process"
_TEXT = re.compile(rf"(?P<kind>{'|'.join(NAMED)}) (?P<name>.*)", re.DOTALL)
_TIER = re.compile(r"(?P<name>.*), tier (?P<tier>\d+)", re.DOTALL)


class Place(NamedTuple):
    """A stage, a route with its tier or at any, a backend, a breaker; or all ROUTE stages; or the process."""

    kind: PlaceKind
    name: str = ""
    tier: int | None = None  # of a route; None: any

    def __str__(self) -> str:
        """Return the text of it: ``route premium, tier 0``."""
        if self.kind is PlaceKind.ROUTE_STAGES:
            return _ROUTE_STAGES
        if self.kind is PlaceKind.PROCESS:
            return _PROCESS
        return f"{self.kind.value} {self.name}" + ("" if self.tier is None else f", tier {self.tier}")

    @classmethod
    def parse(cls, text: str) -> Place:
        """Return the place of a text that ``str`` gave.

        A route at any tier whose own name ends with ``, tier 1`` reads as the one before the comma at that tier: where
        a fault hit, a route always has its tier. A text that names no place, as of a later version, is the process.
        """
        return _parsed(text)

    def takes(self, route: str, tier: int) -> bool:
        """Whether an attempt of a route at a tier is at this place."""
        return self.kind is PlaceKind.ROUTE and self.name == route and self.tier in (None, tier)


@lru_cache(maxsize=1024)  # a checker asks it of each injection, and a run has few places
def _parsed(text: str) -> Place:
    if text == _ROUTE_STAGES:
        return Place(PlaceKind.ROUTE_STAGES)
    found = _TEXT.fullmatch(text)
    if found is None:
        return Place(PlaceKind.PROCESS)
    kind, name = PlaceKind(found["kind"]), found["name"]
    if kind is PlaceKind.ROUTE and (at_tier := _TIER.fullmatch(name)) is not None:
        return Place(kind, at_tier["name"], int(at_tier["tier"]))
    return Place(kind, name)
