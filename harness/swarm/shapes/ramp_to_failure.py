"""Ramp to failure for Locust: each level is judged by the run's criteria while the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from harness.judge.criteria.criteria import Criterion
from harness.judge.criteria.noise_floor import NoiseFloor, why_unseen
from harness.judge.criteria.ramp_to_failure import LevelJudgement, RampToFailure, criteria_of_levels, judge_level
from harness.load.shapes.search import Search
from harness.load.shapes.shapes import require_seconds
from harness.measure.series import Merged, WireRow
from harness.measure.series_csv import SeriesRow
from harness.swarm.shapes.timed import Asked, RouteShape, Tick
from harness.swarm.terminal import say
from harness.words.errors import ShapeError

PATIENCE_S = 30.0
"""Seconds, beyond what the spawn rate asks for, in which the users of a level have to be there."""

NS = 1_000_000_000
LOOK_AHEAD_NS = NS
"""Locust asks once a second: what comes to be known before it asks again is waited for."""
LOOK_EVERY_S = 0.05


class RampToFailureShape(RouteShape):
    """Raises the load until a criterion breaks, then narrows down the highest load that holds.

    ``--users`` is the most that is tried; ``--run-time`` ends a search that is not over by then.

    Attributes:
        first: users of the first trial.
        most: users above which is not tried.
        factor: by which the load is raised as long as it holds.
        resolution: width of the bracket at the end, as a share of the highest load that holds; one user at least.
        dwell_s: whole seconds by which each level is judged.
        spawn_rate: users started or stopped per second between levels.

    """

    abstract: ClassVar[bool] = True
    first: int = 1
    most: int = 1_000
    factor: float = 2.0
    resolution: float = 0.05
    dwell_s: int = 15

    def __init__(self) -> None:
        super().__init__()
        self._search: Search | None = None
        self._criteria: tuple[Criterion, ...] = ()
        self._run_time_s: float | None = None
        self._merged = Merged()
        self._asked_s = 0.0
        self._carried_ns = 0  # the longest response of the level before: until then its operations may still end
        self._judgements: list[LevelJudgement] = []
        self._why_stopped: str | None = None
        self._why_uncovered: str | None = None
        self.reported_until: Callable[[float], bool] = lambda _: True
        """Whether all workers have reported what ended before a Unix time; set by who keeps the run."""
        self.noise_floor: Callable[[], NoiseFloor | None] = lambda: None
        """What the harness can see, None while it is not known; set by who keeps the run."""

    @property
    def ramp(self) -> RampToFailure | None:
        """The search as it is now."""
        if self._search is None:
            return None
        return RampToFailure(self._search, self._judgements, self._why_stopped, self._why_uncovered)

    @property
    def own_users(self) -> int | None:
        """The most that is tried."""
        return self.most

    def plan(self, asked: Asked, criteria: Sequence[Criterion]) -> str:
        """Make a search without trials; raises ``ShapeError``."""
        most = self.most if asked.users is None else asked.users
        self._search = Search(self.first, most, self.factor, self.resolution)
        require_seconds("dwell_s", self.dwell_s, 1)
        if not isinstance(self.dwell_s, int):
            raise ShapeError(f"dwell_s: found {self.dwell_s!r}, expected whole seconds")
        self._criteria = criteria_of_levels(criteria)
        if not self._criteria:
            raise ShapeError("no criterion a level can break: expected one on latency, availability or failures")
        self._run_time_s = asked.run_time_s
        self._merged, self._judgements, self._carried_ns = Merged(), [], 0
        self._why_stopped = self._why_uncovered = None
        goal = ", ".join(criterion.text for criterion in self._criteria)
        return f"from {self.first:,} up to {most:,} users, {self.dwell_s} s each, for the highest load with {goal}"

    def watch(self, rows: Sequence[WireRow]) -> None:
        """Take rows of the series as workers hand them over."""
        self._merged.merge(rows)

    def tick(self) -> Tick:
        """Return the level to try now, None when the search is over."""
        search = self._search
        if search is None:
            return None
        self.look()
        if self._run_time_s is not None and self.elapsed_s >= self._run_time_s and search.next_users is not None:
            return self._stop(f"--run-time {self._run_time_s:g}s was over")
        users = search.next_users
        if self._log.current is None or self._judged(search):
            users = search.next_users
            if users is None:
                return self._stop(None)
            self._log.ask(users)
            self._asked_s = self.elapsed_s
            self.look()
        elif self._overdue(self._log.current.users):
            return self._stop(f"{self._log.current.users:,} users were asked for and did not come to run")
        return None if users is None else (users, self._rate)

    def _stop(self, why: str | None) -> Tick:
        self._why_stopped = why
        self._log.leave()
        return None

    def _overdue(self, users: int) -> bool:
        step = self._log.current
        if step is None or step.from_ns is not None:
            return False
        return self.elapsed_s - self._asked_s > PATIENCE_S + users / self._rate

    def _known(self, end: int) -> bool:
        """Return whether the Unix second ``end`` has come and all before it are reported; waits a moment for that."""
        until_ns = self._log.now_ns() + LOOK_AHEAD_NS
        while self._log.now_ns() < end * NS or not self.reported_until(end):
            if self._log.now_ns() >= until_ns:
                return False
            self.sleep(LOOK_EVERY_S)
        return True

    def _seen(self) -> list[Criterion]:
        """Return the criteria that the harness can see; where that is none of them, keep why."""
        floor = self.noise_floor()
        unseen = {criterion.text: why for criterion in self._criteria if (why := why_unseen(criterion, floor))}
        if len(unseen) == len(self._criteria):
            self._why_uncovered = "; ".join(f"{text}: {why}" for text, why in unseen.items())
        return [criterion for criterion in self._criteria if criterion.text not in unseen]

    def _judged(self, search: Search) -> bool:
        """Judge the level that goes on, once all of its seconds are known; return whether that was done."""
        step = self._log.current
        if step is None or step.from_ns is None:
            return False
        first = -(-(step.from_ns + self._carried_ns) // NS)
        end = first + self.dwell_s
        if not self._known(end):
            return False
        self._merged.pop_before(first)
        rows = [SeriesRow(key, cell, step.users) for key, cell in self._merged.pop_before(end)]
        self._carried_ns = min(max((row.cell.max_ns for row in rows), default=0), self.dwell_s * NS)
        judgement = judge_level(self._seen(), step.users, rows, first, end)
        self._log.leave(end * NS)
        if judgement.covered:
            self._log.judge(judgement.holds, judgement.judged)
        self._judgements.append(judgement)
        search.record(judgement.holds)
        say(f"{step.users:,} {'user' if step.users == 1 else 'users'}: {judgement}")
        return True
