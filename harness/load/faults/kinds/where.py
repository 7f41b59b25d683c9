"""Where a fault is put, and for which scenarios."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from harness.load.corpus.corpus import Scenario
from harness.words.place import NAMED, Place, PlaceKind

Text = Annotated[str, Meta(min_length=1, max_length=1000)]


class ScenarioIs(Struct, frozen=True, forbid_unknown_fields=True):
    """A predicate on the scenario: all that is given must hold.

    ``text_contains`` is looked for as it is written, upper and lower case apart; each key of ``metadata`` must be there
    with this value.
    """

    id: Text | None = None
    tag: Text | None = None
    label: Text | None = None
    expected_route: Text | None = None
    text_contains: Text | None = None
    metadata: dict[str, str | int | float | bool] = {}  # msgspec copies it
    priority_min: Annotated[int, Meta(ge=0, le=9)] = 0
    priority_max: Annotated[int, Meta(ge=0, le=9)] = 9

    def matches(self, scenario: Scenario) -> bool:
        """Whether the predicate holds."""
        return (
            self.priority_min <= scenario.priority <= self.priority_max
            and self.id in (None, scenario.id)
            and self.label in (None, scenario.label)
            and self.expected_route in (None, scenario.expected_route)
            and (self.tag is None or self.tag in scenario.tags)
            and (self.text_contains is None or self.text_contains in scenario.text)
            and all(_is(scenario.metadata.get(key), value) for key, value in self.metadata.items())
        )

    def __str__(self) -> str:
        """Return what must hold, as the plan has it: ``{tag = 'code', priority_min = 6}``."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        nothing = ScenarioIs()
        told = (f"{name} = {value!r}" for name, value in given.items() if value != getattr(nothing, name))
        return f"{{{', '.join(told)}}}"

    def __hash__(self) -> int:
        """Return a hash of what has one: not the metadata."""
        return hash((self.id, self.tag, self.label, self.expected_route, self.text_contains, self.priority_min))


def _is(found: object, value: str | float) -> bool:
    """Whether a value is another as TOML and JSON mean it: a truth value is no number."""
    return found == value and isinstance(found, bool) == isinstance(value, bool)


class Where(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a fault is put: one of stage, route (of a chain, at a tier or at all), backend, breaker; and scenario.

    With ``scenario`` alone it is put at the ROUTE stages.
    """

    stage: Text | None = None
    route: Text | None = None
    tier: Annotated[int, Meta(ge=0, le=32_767)] | None = None  # the most that a history holds
    backend: Text | None = None
    breaker: Text | None = None
    scenario: ScenarioIs | None = None

    @property
    def place(self) -> Place:
        """The place it names; what is named first where it names several, which no plan may."""
        for kind in NAMED:
            if (name := getattr(self, kind.value)) is not None:
                return Place(kind, name, self.tier)
        return Place(PlaceKind.PROCESS if self.scenario is None else PlaceKind.ROUTE_STAGES)

    def __str__(self) -> str:
        """Return how people read it: ``route premium, tier 0``."""
        return str(self.place)


class Capabilities(Struct, frozen=True):
    """What a target has that a plan may name. None: not known, so nothing is refused."""

    stages: Collection[str]
    route_stages: Collection[str] = ()
    backends: Collection[str] = ()
    routes: Collection[str] | None = None
    breakers: Collection[str] = ()
    tiers: Mapping[str, Collection[int]] | None = None
    """The places each route has in the orders that chains declare; a route that is not there may have any."""
    slots: Mapping[str, int] = {}
    """Slots by backend, where they are known."""

    def names(self, kind: PlaceKind) -> Collection[str] | None:
        """Return the names of the places of a sort, None where they are not known or have none."""
        known: dict[PlaceKind, Collection[str] | None] = {
            PlaceKind.STAGE: self.stages,
            PlaceKind.ROUTE: self.routes,
            PlaceKind.BACKEND: self.backends,
            PlaceKind.BREAKER: self.breakers,
        }
        return known.get(kind)
