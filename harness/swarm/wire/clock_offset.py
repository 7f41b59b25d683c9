"""How far the clocks of two hosts are apart, from messages that go to and fro anyway.

NTP's exchange of four times (RFC 5905, section 8): with the delays to and fro unknown, the offset is known to half the
round trip, so the exchange with the smallest round trip says most.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

EXCHANGES_KEPT = 64
"""Exchanges among which the best is looked for: about a minute of reports, in which two clocks that run 50 ppm apart
drift by 3 ms. The best of a whole run would be of another hour."""


class Offset(NamedTuple):
    """What is to be added to one's own times to get the other's, and how wrong that may be at most."""

    offset_ns: int
    within_ns: int


class ClockOffset:
    """The other's clock minus one's own, from the exchange with the smallest round trip of the last ones."""

    def __init__(self) -> None:
        self._exchanges: deque[Offset] = deque(maxlen=EXCHANGES_KEPT)

    def add(self, sent_ns: int, received_ns: int, answered_ns: int, returned_ns: int) -> None:
        """Take one exchange: sent and returned by one's own clock, received and answered by the other's."""
        round_trip_ns = (returned_ns - sent_ns) - (answered_ns - received_ns)
        doubled = (received_ns - sent_ns) + (answered_ns - returned_ns)
        if round_trip_ns >= 0:  # else one of the clocks was set in between
            self._exchanges.append(Offset(doubled // 2, (round_trip_ns + 1) // 2))

    @property
    def best(self) -> Offset | None:
        """The offset as it is known best, None before the first exchange."""
        return min(self._exchanges, key=lambda offset: offset.within_ns, default=None)
