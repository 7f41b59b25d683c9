"""Turns in which two processes are driven in alternation, so that what else the machine does meets both.

A pair is plain, Locust, Locust, plain. Each turn begins with a warm-up that is not measured: what the other side left
under way ends in it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

PLAIN = "plain"
LOCUST = "locust"
PAIR = (PLAIN, LOCUST, LOCUST, PLAIN)


@dataclass(frozen=True, slots=True)
class Turns:
    """When whose turn it is.

    Attributes:
        start_ns: monotonic clock, which all processes of a machine share.
        pairs: how many pairs of two turns a side.
        warm_up_s, measured_s: the parts of a turn.

    """

    start_ns: int
    pairs: int
    warm_up_s: float
    measured_s: float

    @property
    def turn_s(self) -> float:
        """How long a turn is."""
        return self.warm_up_s + self.measured_s

    @property
    def end_ns(self) -> int:
        """When the last turn is over."""
        return self.start_ns + round(len(PAIR) * self.pairs * self.turn_s * 1e9)

    def wait_s(self, side: str) -> float | None:
        """Return how long a side waits for its turn: 0 while it is, None once all are over."""
        passed_s = (time.monotonic_ns() - self.start_ns) / 1e9
        if passed_s < 0:
            return -passed_s
        number = int(passed_s / self.turn_s)
        for turn in range(number, len(PAIR) * self.pairs):
            if PAIR[turn % len(PAIR)] == side:
                return max(0.0, turn * self.turn_s - passed_s)
        return None

    def measured(self) -> Iterator[tuple[int, str, int, int]]:
        """Yield pair, side, begin and end of what is measured, in order."""
        for turn in range(len(PAIR) * self.pairs):
            begin_ns = self.start_ns + round((turn * self.turn_s + self.warm_up_s) * 1e9)
            yield turn // len(PAIR), PAIR[turn % len(PAIR)], begin_ns, begin_ns + round(self.measured_s * 1e9)

    def tell(self, folder: Path) -> None:
        """Let both sides know."""
        written = folder / "turns.partial"
        written.write_text(json.dumps(asdict(self)))
        written.rename(folder / "turns.json")

    @classmethod
    def of(cls, folder: Path) -> Turns | None:
        """Return what was told, or None where nothing was yet."""
        try:
            return cls(**json.loads((folder / "turns.json").read_text()))
        except FileNotFoundError:
            return None

    @staticmethod
    def say_ready(folder: Path, side: str) -> None:
        """Say that a side waits for its turn."""
        (folder / f"{side}.ready").touch()

    @staticmethod
    def ready(folder: Path) -> bool:
        """Whether both sides wait for their turns."""
        return all((folder / f"{side}.ready").exists() for side in (PLAIN, LOCUST))
