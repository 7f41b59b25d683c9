"""A fault: one entry of a plan, with its window and its share. Frozen values; the fault plan is a list of them.

Everything here is a pure function of the fault and of what an operation is.
"""

from __future__ import annotations

import hashlib
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING, Annotated, TypeAlias, Union

from msgspec import Meta, Struct

from harness.load.faults.kinds.what import YEAR_S, Count, Effect, What
from harness.load.faults.kinds.where import Text, Where

Moment = Annotated[float, Meta(ge=0, le=YEAR_S)]
End = Annotated[float, Meta(gt=0, le=YEAR_S)]
Index = Annotated[int, Meta(ge=0, le=2**62)]


def _registered() -> Iterator[type[What]]:
    """Yield the kinds that the modules of this folder declare: each class of ``What`` with a name of its own."""
    package = __name__.rpartition(".")[0]
    names = [f"{package}.{module.name}" for module in pkgutil.iter_modules(import_module(package).__path__)]
    for name in sorted(set(names) - {__name__, What.__module__}):
        for found in vars(import_module(name)).values():
            if isinstance(found, type) and issubclass(found, What) and found.__module__ == name:
                yield found


KINDS = {kind.name(): kind for kind in sorted(_registered(), key=lambda kind: kind.name())}
"""The kinds of faults there are, by name, in its order."""

if TYPE_CHECKING:
    Kind: TypeAlias = What
else:
    Kind = Union[tuple(KINDS.values())]  # noqa: UP007  # what msgspec tells apart by their names


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
        return self.what.effect is Effect.WHOLE_WINDOW

    @property
    def kind(self) -> str:
        """The kind's name in the plan."""
        return self.what.name()

    def chosen(self, seed: int, index: int) -> bool:
        """Whether the operation of this index is in the share, by seed, name and index."""
        if self.share >= 1:
            return True
        digest = hashlib.blake2b(f"{seed}/{self.name}/{index}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self.share * 2**64

    def draws(self, seed: int, index: int) -> Random:
        """Return the generator of what this fault draws for one operation."""
        return Random(f"{seed}/{self.name}/{index}/draw")
