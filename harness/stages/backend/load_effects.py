"""What load, and the lack of it, does to a backend: cold starts, slower service, failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


class BackendOverloaded(Exception):  # noqa: N818 -- an answer of the simulated backend, not an error of this project
    """A backend failed a call because too many were waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadEffects:
    """Declared effects of load on a backend; none by default.

    Raises:
        ValueError: a number is out of its range.
    """

    cold_after_s: float | None = None
    """Idle time after which the backend is cold, as it is before its first call; None: never."""
    cold_calls: int = 1
    """Calls that a cold backend serves slower."""
    cold_extra_ms: float = 0.0
    """Time that each of them takes longer."""
    slow_down: float = 0.0
    """Service takes 1 + slow_down times as long when all slots are in use, in proportion when fewer are."""
    fail_above_queue: int | None = None
    """Calls that may wait before arriving calls fail; None: none fails."""
    fail_share: float = 1.0
    """Share of arriving calls that then fail, chosen by the backend's seed."""
    error: Callable[[str], Exception] = BackendOverloaded
    """Makes what they raise, from a message."""

    def __post_init__(self) -> None:
        sound = (
            (self.cold_after_s is None or self.cold_after_s >= 0)
            and self.cold_calls >= 1
            and self.cold_extra_ms >= 0
            and self.slow_down >= 0
            and (self.fail_above_queue is None or self.fail_above_queue >= 0)
            and 0 <= self.fail_share <= 1
        )
        if not sound:
            raise ValueError(f"load effects: expected no negative number, 1 cold call or more, a share; found {self}")

    def failure(self, backend: str, queued: int, random: Random) -> Exception | None:
        """Return what a call raises that arrives while ``queued`` calls wait, or None."""
        if self.fail_above_queue is None or queued <= self.fail_above_queue:
            return None
        if self.fail_share < 1 and random.random() >= self.fail_share:
            return None
        return self.error(f"backend {backend!r} failed with {queued} calls waiting")


class ColdStart:
    """Whether the call that starts now is served by a cold backend."""

    __slots__ = ("_after_s", "_calls", "_cold_left", "_idle_since_s")

    def __init__(self, effects: LoadEffects) -> None:
        self._after_s = effects.cold_after_s
        self._calls = effects.cold_calls
        self._cold_left = 0
        self._idle_since_s: float | None = None

    def starts(self, now_s: float, others: int) -> bool:
        """Count a call that starts while ``others`` are in service; return whether it finds the backend cold."""
        if self._after_s is None:
            return False
        if others == 0 and (self._idle_since_s is None or now_s - self._idle_since_s >= self._after_s):
            self._cold_left = self._calls
        if self._cold_left == 0:
            return False
        self._cold_left -= 1
        return True

    def idle(self, now_s: float) -> None:
        """Say that the last call in service has left."""
        self._idle_since_s = now_s
