"""The row of the verdict on the workers of a run: whether those that were to take part did, from begin to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.judge.entry import Entry, Status


@dataclass(frozen=True, slots=True)
class Workers:
    """What became of workers. Each shows under one heading: a worker that is lost is not late as well.

    Attributes:
        absent: a clause on workers that were waited for and never came; empty where that is not so.
        lost: those that took part, or were there when it began, and did not report to the end.
        late: name -> seconds for which it gathered nothing.
        began_late: name -> seconds of the load before it took part, of those that were there when the run began.
        unreached: name -> seconds for which nothing of it arrived though it went on.

    """

    absent: str = ""
    lost: tuple[str, ...] = ()
    late: Mapping[str, float] = field(default_factory=dict)
    began_late: Mapping[str, float] = field(default_factory=dict)
    unreached: Mapping[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        """Whether a worker was not there for a while, and its users with it."""
        return bool(self.absent or self.lost or self.late or self.began_late or self.unreached)

    def row(self) -> Entry:
        """Return the row: INVALID where users of workers were not there, a concern where they may have been doubled.

        A worker that gathers nothing for longer than seconds are kept open stood still, and its users with it. One
        whose reports only arrive late (a master that stood still, a network) went on, and nothing of it is missing.
        But a master that does not hear of a worker has others run its users meanwhile, if its connection is gone.
        """
        doubts = [
            *_clauses("began late", self.began_late, "took no part in the first {:g} s"),
            *_clauses("out of reach", self.unreached, "was not heard of for {:g} s"),
        ]
        faults = [self.absent] if self.absent else []
        if self.lost:
            faults.append(f"lost: {', '.join(self.lost)}; what they had not reported is missing")
        faults += _clauses("late", self.late, "said nothing for {:g} s")
        return Entry(
            "workers",
            Status.INVALID if faults else Status.VALID,
            self._actual,
            "none lost or late",
            "; ".join([*faults, *doubts]) or "every worker reported to the end",
            concern=None if faults or not doubts else "; ".join(doubts),
        )

    @property
    def _actual(self) -> str:
        counts = {
            "late": len(self.late),
            "began late": len(self.began_late),
            "out of reach for a while": len(self.unreached),
        }
        lost = "absent" if self.absent else f"{len(self.lost)} lost"
        return ", ".join([lost, *(f"{count} {what}" for what, count in counts.items() if count)])


def _clauses(what: str, seconds: Mapping[str, float], clause: str) -> list[str]:
    named = [f"{worker} {clause.format(took_s)}" for worker, took_s in sorted(seconds.items())]
    return [f"{what}: {', '.join(named)}"] if named else []
