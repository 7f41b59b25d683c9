"""The Poisson schedule: arrivals of many independent senders, at a rate that may change."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.load.arrivals.schedules import Constant, Rate, Schedule, agree, is_number, require_rate
from harness.words.errors import ScheduleError

_BLOCK = 1024  # gaps drawn at once: 50 µs, which is what a block costs the users that wait meanwhile
_BLOCKS_KEPT = 16


@dataclass(frozen=True)
class Poisson(Schedule):
    """Random arrivals, each independent of the others, at ``rate``.

    A Poisson process of rate 1, its time stretched so that ``rate`` comes out (time change: arrival k is due at
    L^-1(S_k), where L is the integral of the rate and S_k a sum of exponential gaps). The gaps come from ``seed``,
    which is the run's ``--seed`` and the name of the user class unless one is given: the same on every worker.

    Attributes:
        rate: operations a second, or a ``Constant`` or ``Ramp``.
        seed: of the gaps.

    """

    rate: float | Rate
    seed: int | str | None = None
    _unit: _UnitProcess = field(init=False, repr=False, compare=False)
    _rate: Rate = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_unit", _UnitProcess(str(self.seed)))
        object.__setattr__(self, "_rate", self.rate if isinstance(self.rate, Rate) else Constant(self.rate))

    @property
    def steady(self) -> bool:
        """Whether the rate around which arrivals come at random is the same throughout."""
        return self._rate.steady

    def offset_s(self, k: int) -> float:
        """Return when arrival ``k`` is due, in seconds after time zero."""
        return self._rate.reached_s(self._unit.at(k))

    def count(self, elapsed_s: float) -> int:
        """Return how many arrivals are due in [0, ``elapsed_s``]."""
        if elapsed_s < 0:
            return 0
        return agree(self, self._unit.count(self._rate.expected(elapsed_s)), elapsed_s)

    def prepared(self, seed: str) -> Poisson:
        """Return itself with a seed; raise ``ScheduleError`` for a rate that cannot be asked for."""
        if isinstance(self.rate, Rate):
            self.rate.prepared(seed)
        elif is_number(self.rate):
            require_rate(self, "rate", self.rate, above_zero=True)
        else:
            raise ScheduleError(f"{self}: found rate {self.rate!r}, expected a number, Constant or Ramp")
        return self if self.seed is not None else replace(self, seed=seed)


class _UnitProcess:
    """A Poisson process of rate 1: the sums of exponential gaps, by number.

    Gaps are drawn in blocks, each from a seed of its own, and only the sum of each block is kept: memory is 8 bytes per
    1024 arrivals. Blocks are drawn up to the furthest asked for.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed
        # RandomState and not Generator: its stream is the same in every version of NumPy (NEP 19), and workers may
        # differ. One for all blocks: making it takes 200 µs, seeding it anew 16 µs.
        self._random = np.random.RandomState(0)
        self._starts = [0.0]  # of each block: the sum of all gaps before it
        self._sums = lru_cache(_BLOCKS_KEPT)(self._draw)

    def at(self, k: int) -> float:
        """Return the moment of arrival ``k``."""
        block, place = divmod(k, _BLOCK)
        while len(self._starts) <= block:
            self._extend()
        return self._starts[block] + float(self._sums(block)[place])

    def count(self, until: float) -> int:
        """Return the number of arrivals up to and with ``until``."""
        while self._starts[-1] <= until:
            self._extend()
        block = bisect_right(self._starts, until) - 1
        return block * _BLOCK + int(np.searchsorted(self._sums(block), until - self._starts[block], side="right"))

    def _extend(self) -> None:
        last = len(self._starts) - 1
        self._starts.append(self._starts[last] + float(self._sums(last)[-1]))

    def _draw(self, block: int) -> NDArray[np.float64]:
        digest = hashlib.sha256(f"{self._seed}/{block}".encode()).digest()
        self._random.seed(np.frombuffer(digest, dtype="<u4"))
        return np.cumsum(self._random.standard_exponential(_BLOCK))
