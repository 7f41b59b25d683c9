"""Little's law: users = throughput x (response + wait). Where it does not hold, the bookkeeping of the run is wrong.

Source: J. D. C. Little, "A proof for the queuing formula L = lambda W", Operations Research 9 (1961).
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import NamedTuple

from harness.judge.entry import Entry, Status
from harness.words.operation import Operation

NAME = "Little's law"
TOLERANCE = 0.05
"""How far both sides may differ."""

FEWEST_SECONDS = 3
"""Shortest stretch that is judged, after both ends were trimmed."""

ENOUGH_CYCLES = 20
"""Cycles after which a user is known: that its next is its longest has then a chance below 5 %."""

_SECOND_NS = 1_000_000_000
_TARGET = f"within {TOLERANCE:.0%} of the users"


class Window(NamedTuple):
    """Whole seconds, ``first`` to ``last``, in which the number of users did not change."""

    first: int
    last: int
    users: int

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.last - self.first + 1


class Cycles:
    """A fold of operations: per second, how long users were in an operation and how long they waited for their next.

    A user's wait is the time from the end of one operation to the intended start of the next. Both are cut at the
    ends of seconds, so that what is summed up over a window is exact, however long its operations are.
    """

    def __init__(self) -> None:
        self._ends: dict[tuple[int, int], int] = {}
        self._first_of: dict[tuple[int, int], int] = {}
        self._cycles: dict[tuple[int, int], int] = {}
        self._response: dict[int, int] = {}
        self._wait: dict[int, int] = {}
        self._count: dict[int, int] = {}
        self._longest_ns = 0
        self._overlapping = False

    def add(self, operation: Operation) -> None:
        """Take one operation; those of a user come in their order."""
        user = operation.worker, operation.user
        intended_ns, end_ns = operation.intended_ns, operation.end_ns
        before_ns = self._ends.get(user)
        if before_ns is None:
            before_ns = self._first_of[user] = intended_ns
        if intended_ns < before_ns:
            self._overlapping = True
        self._ends[user] = end_ns
        self._cycles[user] = self._cycles.get(user, 0) + 1
        self._longest_ns = max(self._longest_ns, end_ns - before_ns)
        _spread(self._wait, before_ns, intended_ns)
        _spread(self._response, intended_ns, end_ns)
        second = end_ns // _SECOND_NS
        self._count[second] = self._count.get(second, 0) + 1

    def close(self, users: Mapping[int, int], *, scheduled: bool) -> Entry:
        """INVALID if the users counted (by Unix second) are not those that operations and waits account for.

        UNKNOWN, and not required, where arrivals are ``scheduled`` (there are no cycles), a user had several operations
        at once, or the longest stretch of constant users is too short once the longest cycle was cut off both its ends:
        the wait in which a user was stopped has no end that was seen. Of a user with fewer than ``ENOUGH_CYCLES``
        that wait is a cycle of at least its length: it may think for longer than the run.
        """
        if scheduled:
            return self._unknown("operations were started on a schedule, not by users that wait for them")
        if self._overlapping:
            return self._unknown("users had several operations at once")
        window = self._window(users)
        if window is None:
            return self._unknown(f"users were constant for less than {FEWEST_SECONDS} s beyond their longest cycle")
        return self._decide(window)

    def _decide(self, window: Window) -> Entry:
        seconds = range(window.first, window.last + 1)
        response_s = sum(self._response.get(second, 0) for second in seconds) / _SECOND_NS
        wait_s = sum(self._wait.get(second, 0) for second in seconds) / _SECOND_NS
        count = sum(self._count.get(second, 0) for second in seconds)
        found = (response_s + wait_s) / window.seconds
        broken = abs(found - window.users) > TOLERANCE * window.users
        cycle_ms = 1000 * (response_s + wait_s) / count if count else 0.0
        detail = (
            f"{count / window.seconds:,.1f}/s x {cycle_ms:,.3f} ms = {found:,.2f}; response "
            f"{1000 * response_s / max(count, 1):,.3f} ms and wait {1000 * wait_s / max(count, 1):,.3f} ms, over "
            f"{window.seconds} s of constant users"
        )
        status = Status.INVALID if broken else Status.VALID
        return Entry(NAME, status, f"{found:,.2f} of {window.users:,} users", _TARGET, detail)

    def _window(self, users: Mapping[int, int]) -> Window | None:
        """Return the longest stretch of constant users, without what its ends may hide; None where it is too short."""
        longest = _longest_constant(users)
        if longest is None:
            return None
        longest_ns = max(self._longest_ns, self._longest_open_ns(longest))
        trimmed = max(-(-longest_ns // _SECOND_NS), 1)
        last = longest.last - 2 * trimmed + 1  # the wait in which a user was stopped may have been the longest of all
        # A user that began late, after what it did first, was counted before its first operation.
        begun = (first_ns // _SECOND_NS + 1 for first_ns in self._first_of.values() if first_ns // _SECOND_NS <= last)
        first = max(longest.first + trimmed, *begun, 0)
        window = Window(first, last, longest.users)
        return window if window.seconds >= FEWEST_SECONDS else None

    def _longest_open_ns(self, window: Window) -> int:
        """Return the longest time from the last operation of a user, of whom little is known, to the end of a stretch.

        The users of the stretch are taken to be those with the latest operations: others had been stopped before it.
        """
        until_ns = (window.last + 1) * _SECOND_NS
        begun = (user for user, first_ns in self._first_of.items() if first_ns < until_ns)
        running = heapq.nlargest(window.users, begun, key=self._ends.__getitem__)
        return max((until_ns - self._ends[user] for user in running if self._cycles[user] < ENOUGH_CYCLES), default=0)

    def _unknown(self, why: str) -> Entry:
        return Entry(NAME, Status.UNKNOWN, None, _TARGET, why, required=False)


def _spread(seconds: dict[int, int], begin_ns: int, end_ns: int) -> None:
    """Add an interval to the seconds it lies in."""
    while begin_ns < end_ns:
        second = begin_ns // _SECOND_NS
        until_ns = min((second + 1) * _SECOND_NS, end_ns)
        seconds[second] = seconds.get(second, 0) + until_ns - begin_ns
        begin_ns = until_ns


def _longest_constant(users: Mapping[int, int]) -> Window | None:
    longest: Window | None = None
    current: Window | None = None
    for second in sorted(users):
        if current is not None and (second, users[second]) == (current.last + 1, current.users):
            current = current._replace(last=second)
        else:
            current = Window(second, second, users[second])
        if current.users and (longest is None or current.seconds > longest.seconds):
            longest = current
    return longest
