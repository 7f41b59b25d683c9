"""What a kind of faults declares: what it does, where it can be put, and how it does it.

A kind is a class of its own in a module of this folder, and that is all there is to do for one more: the plan's reader,
the injector, the ledger, the checks, the documentation and the reports ask it. Its fields are its settings. Its methods
act through the protocols below, which ``harness.pipeline.inject`` fills in, so that a kind knows no Stageflow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from enum import StrEnum
from random import Random
from typing import Annotated, ClassVar, Protocol

from msgspec import Meta, Struct

from harness.load.faults.kinds.where import Capabilities, Where
from harness.words.place import PlaceKind

HOUR_MS = 3_600_000
YEAR_S = 365 * 86_400

# Each has an upper end: what is not finite, or far from what a run can wait for, would never strike.
Delay = Annotated[float, Meta(gt=0, le=HOUR_MS)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]

STAGES = frozenset({PlaceKind.STAGE, PlaceKind.ROUTE_STAGES})
STAGES_AND_ROUTES = STAGES | {PlaceKind.ROUTE}
CALLS = STAGES_AND_ROUTES | {PlaceKind.BACKEND}


class Effect(StrEnum):
    """What faults of a kind do to a call, or to no call in particular."""

    DELAY = "delay"  # it takes longer, and ends as it would
    CHANGE = "change"  # it reads something else than it was given
    ANSWER = "answer"  # it answers ok, with something else than it answered
    DECIDE = "decide"  # it ends otherwise than by itself
    WHOLE_WINDOW = "whole window"  # on while the window is open; hits no operation in particular


class Rules(StrEnum):
    """When routing may decide otherwise than in the baseline, though no fault hit the operation."""

    SAME = "same"
    WHILE_OPEN = "while open"  # as with another time of day
    FROM_THEN_ON = "from then on"  # as after a reload, which may not be undone


class Finder(Protocol):
    """Finds what settings name in Python, before the run; each raises ``FaultPlanError`` where there is none."""

    def exception(self, name: str, message: str, place: str) -> Callable[[], Exception]:
        """Return what makes exceptions of a class, or by a function; ``place`` is where in the plan it stands."""

    def function(self, name: str, place: str) -> Callable[[], object]:
        """Return a function without arguments."""

    def clock(self) -> Callable[[float], Callable[[], object]]:
        """Return what moves the wall clock by seconds, and returns what moves it back."""


Found = Mapping[str, Callable[..., object]]
"""What a fault found, by a name of its own choice."""


class Struck(Protocol):
    """A call that a fault strikes."""

    @property
    def found(self) -> Found:
        """What the fault found."""

    def hold_loop(self, ms: float) -> None:
        """Hold the event loop, as code that computes does."""

    def cancel_operation(self) -> None:
        """Cancel the task of the operation."""


class Answers(Protocol):
    """Answers of calls, in the framework of the target."""

    def empty(self) -> object:
        """Return an answer that is ok and holds nothing."""

    def routed(self, answer: object, route: object) -> object:
        """Return an answer with another route in it."""


class Resizable(Protocol):
    """A backend."""

    slots: int


class Process(Protocol):
    """A loading process, for what is on for a window as a whole."""

    @property
    def found(self) -> Found:
        """What the fault found."""

    def backends(self, name: str | None) -> Collection[Resizable]:
        """Return the backends of a name."""

    def hold_open(self, breaker: str | None) -> Iterator[Callable[[], object]]:
        """Force the breakers of a name open; yield for each what lets go of it."""


class What(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """What a fault does: the base of all kinds.

    An effect of ``ANSWER`` or ``DECIDE`` settles how the call ends. Of the faults that are open for a call the first
    such one does.
    """

    effect: ClassVar[Effect]
    does: ClassVar[str]
    """What happens, in a sentence for the documentation."""
    settings: ClassVar[str] = ""
    """Its settings, for the documentation."""
    units: ClassVar[Mapping[str, str]] = {}
    """Setting -> format in which people read it."""
    places: ClassVar[frozenset[PlaceKind]] = STAGES_AND_ROUTES
    instead: ClassVar[bool] = False
    """Whether it settles how the call ends without making it."""
    needs_call: ClassVar[bool] = False
    """Whether it does nothing where the call is not made."""
    holds_loop: ClassVar[bool] = False
    """Whether every operation of the process waits for it."""
    rules: ClassVar[Rules] = Rules.SAME

    @classmethod
    def name(cls) -> str:
        """Return the kind's name in plans, histories and reports."""
        return str(cls.__struct_config__.tag)

    @property
    def decides(self) -> bool:
        """Whether it settles how the call ends."""
        return self.effect in (Effect.ANSWER, Effect.DECIDE)

    @property
    def settles(self) -> str | None:
        """What else it settles: two faults that settle the same thing of one call contradict. None: nothing."""
        return None

    def said(self) -> Iterator[str]:
        """Yield the settings that differ from their defaults, as people read them."""
        required = len(self.__struct_fields__) - len(self.__struct_defaults__)
        defaults = (*[None] * required, *self.__struct_defaults__)
        for name, default in zip(self.__struct_fields__, defaults, strict=True):
            value = getattr(self, name)
            if value != default:
                yield self.units.get(name, f"{name} {{}}").format(value)

    def objections(self, where: Where, known: Capabilities) -> Iterator[str]:
        """Yield what of its settings a target does not have."""
        yield from ()

    def find(self, finder: Finder, place: str) -> Found:
        """Find, before the run, what it needs in it; errors begin with ``place``."""
        return {}

    def draw(self, random: Callable[[], Random]) -> float | None:
        """Return a number drawn for one call; None: it does nothing to this call."""
        return 0.0

    def concerns(self, metadata: Mapping[str, object]) -> bool:
        """Whether it does anything to a call that reads these metadata."""
        return True

    def read(self, metadata: Mapping[str, object]) -> Mapping[str, object]:
        """Return the metadata as the call is to see them."""
        return metadata

    async def before(self, call: Struck, drawn: float) -> None:
        """Act before the call is made; all faults do, in the plan's order. ``drawn`` is what ``draw`` gave."""

    async def decide(self, call: Struck) -> None:
        """End the call before it is made, after all faults acted; raise, or do not return."""

    async def after(self, took_s: float) -> None:
        """Act after the call answered, which took it so many seconds."""

    def answer(self, given: object, answers: Answers) -> object:
        """Return the answer of the call as the fault leaves it."""
        return given

    def open(self, where: Where, process: Process) -> Iterator[Callable[[], object]]:
        """Put it in force for a window; yield what undoes each step as it is done."""
        yield from ()
