"""Faults: what can go wrong, where and when. Frozen values; the fault plan is a list of them.

Everything here is a pure function of the fault and of what an operation is.
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta, Struct

from harness.load.corpus.corpus import Scenario

HOUR_MS = 3_600_000
YEAR_S = 365 * 86_400

# Each has an upper end: what is not finite, or far from what a run can wait for, would never strike.
Delay = Annotated[float, Meta(gt=0, le=HOUR_MS)]
Moment = Annotated[float, Meta(ge=0, le=YEAR_S)]
End = Annotated[float, Meta(gt=0, le=YEAR_S)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Index = Annotated[int, Meta(ge=0, le=2**62)]


class What(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What a fault does.

    ``places`` are the keys of ``Where`` it can be put at; ``decides`` says whether it settles how the call ends, and
    ``instead`` whether it does so without making the call.
    """

    places: ClassVar[frozenset[str]] = frozenset({"stage", "route", "scenario"})
    decides: ClassVar[bool] = False
    instead: ClassVar[bool] = False


_CALLS = frozenset({"stage", "route", "scenario", "backend"})


class Latency(What, frozen=True, tag="latency"):
    """Delay before the call: ``ms``; log-normal around that median with ``sigma``; Pareto from it on with ``alpha``.

    A spike delays only one call in ``one_in``.
    """

    places: ClassVar[frozenset[str]] = _CALLS
    ms: Delay
    sigma: Annotated[float, Meta(ge=0, le=4)] = 0.0
    alpha: Annotated[float, Meta(gt=1, le=1000)] | None = None
    one_in: Count = 1

    def draw_ms(self, draw: Random) -> float:
        """Return the delay of one call in milliseconds."""
        if self.one_in > 1 and draw.random() * self.one_in >= 1:
            return 0.0
        if self.alpha is not None:
            return self.ms * draw.paretovariate(self.alpha)
        return self.ms * draw.lognormvariate(0.0, self.sigma) if self.sigma else self.ms


class Slow(What, frozen=True, tag="slow"):
    """The answer takes ``factor`` times as long as it took."""

    places: ClassVar[frozenset[str]] = _CALLS
    factor: Annotated[float, Meta(gt=1, le=10_000)]


class Error(What, frozen=True, tag="error"):
    """The call raises: a builtin exception, or ``module:Class``."""

    places: ClassVar[frozenset[str]] = _CALLS
    decides: ClassVar[bool] = True
    instead: ClassVar[bool] = True
    type: Text = "RuntimeError"
    message: str = "injected"


class Hang(What, frozen=True, tag="hang"):
    """The call does not end until it is cancelled."""

    places: ClassVar[frozenset[str]] = _CALLS
    decides: ClassVar[bool] = True
    instead: ClassVar[bool] = True


class Timeout(What, frozen=True, tag="timeout"):
    """The call raises ``TimeoutError`` after ``after_ms``."""

    places: ClassVar[frozenset[str]] = _CALLS
    decides: ClassVar[bool] = True
    instead: ClassVar[bool] = True
    after_ms: Annotated[float, Meta(ge=0, le=HOUR_MS)] = 0.0


class Empty(What, frozen=True, tag="empty"):
    """The call answers ok, with nothing in it."""

    decides: ClassVar[bool] = True


class Nothing(What, frozen=True, tag="none"):
    """The call returns None."""

    decides: ClassVar[bool] = True


class WrongRoute(What, frozen=True, tag="wrong_route"):
    """The call answers ok, with another route than it chose: ``route``."""

    places: ClassVar[frozenset[str]] = frozenset({"stage", "scenario"})
    decides: ClassVar[bool] = True
    route: Text


class Malformed(What, frozen=True, tag="malformed"):
    """The call answers ok, with a route that is no text."""

    places: ClassVar[frozenset[str]] = frozenset({"stage", "scenario"})
    decides: ClassVar[bool] = True


class MissingKey(What, frozen=True, tag="missing_key"):
    """A key of the request's metadata is gone when the call reads it."""

    key: Text


class CorruptKey(What, frozen=True, tag="corrupt_key"):
    """A key of the request's metadata holds ``value`` when the call reads it."""

    key: Text
    value: str = "\ufffd"


class Slots(What, frozen=True, tag="slots"):
    """A backend has ``remove`` slots fewer while the window is open; one is always left."""

    places: ClassVar[frozenset[str]] = frozenset({"backend"})
    remove: Count


class Cancel(What, frozen=True, tag="cancel"):
    """The task of the operation is cancelled."""

    decides: ClassVar[bool] = True


class Block(What, frozen=True, tag="block"):
    """The call holds the event loop for ``ms``."""

    ms: Annotated[float, Meta(gt=0, le=10_000)]


class ClockJump(What, frozen=True, tag="clock_jump"):
    """The wall clock that the target reads is ``by_s`` off while the window is open."""

    places: ClassVar[frozenset[str]] = frozenset()
    by_s: Annotated[float, Meta(ge=-10 * YEAR_S, le=10 * YEAR_S)]


class BreakerOpen(What, frozen=True, tag="breaker_open"):
    """A breaker is forced open while the window is open."""

    places: ClassVar[frozenset[str]] = frozenset({"breaker"})


class Reload(What, frozen=True, tag="reload"):
    """``call`` (``module:function``) is called when the window opens, as a change of rules at run time is.

    ``undo`` is called when it closes.
    """

    places: ClassVar[frozenset[str]] = frozenset()
    call: Text
    undo: Text | None = None


Kind: TypeAlias = (
    Latency
    | Slow
    | Error
    | Hang
    | Timeout
    | Empty
    | Nothing
    | WrongRoute
    | Malformed
    | MissingKey
    | CorruptKey
    | Slots
    | Cancel
    | Block
    | ClockJump
    | BreakerOpen
    | Reload
)
WHOLE_WINDOW = (Slots, ClockJump, BreakerOpen, Reload)
"""Kinds that are on for a window and hit no operation in particular."""


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
    def place(self) -> str | None:
        """The key that says where: ``stage``, ``route``, ``backend``, ``breaker``, ``scenario``; None for nowhere."""
        named = [key for key in ("stage", "route", "backend", "breaker") if getattr(self, key) is not None]
        return named[0] if named else ("scenario" if self.scenario is not None else None)

    def __str__(self) -> str:
        """Return how people read it: ``route premium, tier 0``."""
        place = self.place
        if place is None:
            return "the process"
        text = "ROUTE stages" if place == "scenario" else f"{place} {getattr(self, place)}"
        return text if self.tier is None else f"{text}, tier {self.tier}"


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """When a fault is on: seconds of the run, or indices of operations, or while so many users run.

    ``from_s`` ≤ elapsed < ``to_s``; first ≤ index ≤ last of ``operations``; users ≥ ``users``. Nothing given: always.
    """

    from_s: Moment | None = None
    to_s: End | None = None
    operations: tuple[Index, Index] | None = None
    users: Count | None = None

    def open_at(self, elapsed_s: float, users: int) -> bool:
        """Whether the window is open at a time; one of operations always is."""
        return (self.from_s or 0.0) <= elapsed_s < (self.to_s or float("inf")) and (
            self.users is None or users >= self.users
        )

    def holds(self, index: int) -> bool:
        """Whether the operation of this index is in the window."""
        return self.operations is None or self.operations[0] <= index <= self.operations[1]


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a plan."""

    name: Text
    what: Kind
    where: Where = Where()
    when: When = When()
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0

    @property
    def whole_window(self) -> bool:
        """Whether it is on for a window, and hits no operation in particular."""
        return isinstance(self.what, WHOLE_WINDOW)

    @property
    def kind(self) -> str:
        """The kind's name in the plan."""
        return str(self.what.__struct_config__.tag)

    def chosen(self, seed: int, index: int) -> bool:
        """Whether the operation of this index is in the share, by seed, name and index."""
        if self.share >= 1:
            return True
        digest = hashlib.blake2b(f"{seed}/{self.name}/{index}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self.share * 2**64

    def draws(self, seed: int, index: int) -> Random:
        """Return the generator of what this fault draws for one operation."""
        return Random(f"{seed}/{self.name}/{index}/draw")
