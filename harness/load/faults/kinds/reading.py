"""Faults that change what the call reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from harness.load.faults.kinds.what import Effect, What
from harness.load.faults.kinds.where import Text


class MissingKey(What, frozen=True, tag="missing_key"):
    """A key of the request's metadata is gone when the call reads it."""

    effect: ClassVar = Effect.CHANGE
    does: ClassVar = "the metadata it reads lack the key; nothing where they have none"
    settings: ClassVar = "`key`"
    needs_call: ClassVar = True
    key: Text

    @property
    def settles(self) -> str | None:
        """Its key."""
        return f"the key {self.key!r}"

    def concerns(self, metadata: Mapping[str, object]) -> bool:
        """Whether the key is there to be missed."""
        return self.key in metadata

    def read(self, metadata: Mapping[str, object]) -> Mapping[str, object]:
        """Return the metadata without the key."""
        return {name: value for name, value in metadata.items() if name != self.key}


class CorruptKey(What, frozen=True, tag="corrupt_key"):
    """A key of the request's metadata holds ``value`` when the call reads it."""

    effect: ClassVar = Effect.CHANGE
    does: ClassVar = "the metadata it reads have this value"
    settings: ClassVar = "`key`, `value`"
    needs_call: ClassVar = True
    key: Text
    value: str = "\ufffd"

    @property
    def settles(self) -> str | None:
        """Its key."""
        return f"the key {self.key!r}"

    def read(self, metadata: Mapping[str, object]) -> Mapping[str, object]:
        """Return the metadata with its value."""
        return {**metadata, self.key: self.value}
