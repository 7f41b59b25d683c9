"""What a worker has handed over and nobody has confirmed: kept until it is on the master's disk.

Pure bookkeeping, so that it can be tested without a connection. Whoever sends decides when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

HELD_BYTES = 64 * 1024 * 1024
"""Bytes without an acknowledgement at which users wait: at 210 bytes an operation (measured: operation and span on the
wire) a quarter of a million operations, a minute of a worker at full speed behind a master that stands still. A master
holds at most as much per worker in its queue."""

T = TypeVar("T")


@dataclass(slots=True)
class _Parcel(Generic[T]):
    content: T
    size: int
    newest: int  # the newest number there was when it was last sent


class Outbox(Generic[T]):
    """Numbered parcels that were sent and not acknowledged.

    Args:
        on_full: told whether more than ``limit`` bytes wait, whenever that changes.
        limit: bytes.

    """

    def __init__(self, on_full: Callable[[bool], object], limit: int = HELD_BYTES) -> None:
        self._on_full = on_full
        self._limit = limit
        self._parcels: dict[int, _Parcel[T]] = {}
        self._refused: dict[int, T] = {}
        self._bytes = 0
        self._newest = -1
        self._full = False

    def __len__(self) -> int:
        return len(self._parcels)

    def add(self, seq: int, content: T, size: int) -> None:
        """Keep a parcel of ``size`` bytes that is being sent as number ``seq``, higher than any before."""
        self._newest = seq
        self._parcels[seq] = _Parcel(content, size, seq)
        self._count(size)

    def acknowledge(self, seq: int, *, kept: bool) -> list[T]:
        """Forget a parcel that was ``kept``; set one aside that could not be; return those that must be sent again.

        Acknowledgements come in the order of arrival. So one for a number that was sent after a parcel, while there is
        none for that parcel, means that the parcel, or its acknowledgement, went down with a connection.
        """
        parcel = self._parcels.pop(seq, None)
        if parcel is not None:
            self._count(-parcel.size)
            if not kept:
                self._refused[seq] = parcel.content
        return self._again(lambda other: other.newest < seq)

    def send_all_again(self) -> list[T]:
        """Return every parcel that is not acknowledged, in order: for when no later one is to come."""
        return self._again(lambda _: True)

    def left(self) -> list[T]:
        """Return what is in nobody's keeping, in order: not acknowledged, or refused."""
        waiting = {seq: parcel.content for seq, parcel in self._parcels.items()}
        return [content for _, content in sorted({**self._refused, **waiting}.items())]

    def _again(self, due: Callable[[_Parcel[T]], bool]) -> list[T]:
        again = [parcel for _, parcel in sorted(self._parcels.items()) if due(parcel)]
        for parcel in again:
            parcel.newest = self._newest
        return [parcel.content for parcel in again]

    def _count(self, size: int) -> None:
        self._bytes += size
        full = self._bytes > self._limit
        if full != self._full:
            self._full = full
            self._on_full(full)
