"""Golden decisions: what a target decides in a sequential pass, written into a corpus as its expected routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.load.corpus.corpus import Scenario
from harness.words.errors import ExitCode
from harness.words.operation import Operation, Outcome


@dataclass(frozen=True, slots=True)
class Change:
    """One scenario whose golden decision is new, or another than before. None: no decision."""

    scenario: Scenario
    before: str | None
    after: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class GoldenDiff:
    """The golden decisions of a pass beside those that the corpus had."""

    new: tuple[Change, ...]  # had none
    changed: tuple[Change, ...]  # had another one
    undecided: tuple[Change, ...]  # the target failed, or gave no usable route
    same: int

    def exit_code(self, *, written: bool) -> ExitCode:
        """Return what the pass says of the corpus, in the codes of a run; ``written`` takes new decisions for good."""
        if self.changed and not written:
            return ExitCode.CHECKER
        return ExitCode.INCONCLUSIVE if self.undecided or (self.new and not written) else ExitCode.PASS


def compare(scenarios: Sequence[Scenario], operations: Iterable[Operation]) -> GoldenDiff:
    """Return what a sequential pass over ``scenarios`` changes of their expected routes."""
    decided = {operation.scenario: operation for operation in operations}
    new, changed, undecided, same = [], [], [], 0
    for scenario in scenarios:
        operation = decided[scenario.id]
        usable = operation.outcome is Outcome.OK and operation.flag is None
        change = Change(scenario, scenario.expected_route, operation.decided_route if usable else None, operation.error)
        if change.after is None:
            undecided.append(change)
        elif change.before is None:
            new.append(change)
        elif change.before != change.after:
            changed.append(change)
        else:
            same += 1
    return GoldenDiff(tuple(new), tuple(changed), tuple(undecided), same)


def with_golden(scenarios: Sequence[Scenario], diff: GoldenDiff) -> list[Scenario]:
    """Return the scenarios with the decisions of the pass; one without a decision keeps what it had."""
    after: Mapping[str, str | None] = {change.scenario.id: change.after for change in (*diff.new, *diff.changed)}
    return [replace(s, expected_route=after[s.id]) if s.id in after else s for s in scenarios]
