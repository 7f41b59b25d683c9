"""A checker: what decides one property of ``docs/definitions.md``, and says of itself what pages and reports need.

A checker is one file below ``judge/checkers``, with a class of ``OfOperations`` or ``OfCases``. Nothing else names it:
``checkers.registry`` finds it there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, Generic, Self, TypeVar

from harness.judge.case import Case
from harness.judge.entry import Entry
from harness.judge.events import Event
from harness.judge.evidence import Evidence, Need
from harness.words.operation import Operation

Taken = TypeVar("Taken", Operation, Case)


class Checker(Generic[Taken]):
    """Decides one property: it is told every operation, or every case, once (``add``) and then decides (``close``).

    One that defines ``see`` is told, between the two, the events of all operations in order of time as well. One that
    raises is UNKNOWN, and says so.

    Attributes:
        name: of its row in the verdict.
        place: of that row among the others; lower comes first.
        required: whether UNKNOWN makes the verdict INCONCLUSIVE; an instance may know better.
        needs: any one of these must be there for a run to get it; none: every run does.
        undisturbed: whether it sees only operations under the conditions of the baseline: no fault hit them or their
            rules.
        left_out: whether its row is left out where it is UNKNOWN and not required: a target need not have what it
            judges.
        metric: of criteria that ask for the share it measured; None where none does.
        means: what INVALID says of a target, in one clause (the guide).
        advice: what to do then (the guide, findings of a report).
        invalid_when: the definition (``docs/definitions.md``).
        unknown_when: likewise.
        not_judged: parts of the property that nothing decides (what a report says was not tested).
        source: where the definition is from; a dash where it is ours.

    """

    name: ClassVar[str]
    place: ClassVar[int]
    required: bool = True
    needs: ClassVar[frozenset[Need]] = frozenset()
    undisturbed: ClassVar[bool] = False
    left_out: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    means: ClassVar[str]
    advice: ClassVar[str]
    invalid_when: ClassVar[str]
    unknown_when: ClassVar[str]
    not_judged: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str]

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the checker of one run; it takes from the evidence what its constructor asks for."""
        del evidence
        return cls()

    @classmethod
    def advise(cls, broken: Collection[str], options: Mapping[str, object]) -> str:
        """Return what to do about an INVALID row, given the other INVALID checks and the options of the run."""
        del broken, options
        return cls.advice

    @property
    def percent(self) -> float | None:
        """What criteria on ``metric`` are asked of, None where nothing was measured."""
        return None

    def add(self, item: Taken, /) -> None:
        """Take one operation, or case, of the history."""

    def see(self, event: Event) -> None:
        """Take one event, of any operation, in order of time: after the last ``add``. Only who defines it is told."""

    @classmethod
    def sees(cls) -> bool:
        """Whether it wants the events."""
        return cls.see is not Checker.see

    def close(self) -> Entry | None:
        """Decide, after the last one; None where the run needs no row."""
        raise NotImplementedError

    def totals(self) -> dict[str, object]:
        """Return what it adds to ``totals`` of the verdict, under ``checks`` by its name; asked when it has decided."""
        return {}


class OfOperations(Checker[Operation]):
    """A checker that is told operations."""


class OfCases(Checker[Case]):
    """A checker that is told cases: operations with their attempts, injections, calls and spans."""
