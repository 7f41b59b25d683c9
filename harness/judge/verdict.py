"""The verdict: criteria + checks + validity -> PASS, PASS WITH CONCERNS, FAIL or INCONCLUSIVE, and an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from harness.judge import documents
from harness.judge.entry import Entry, Status
from harness.words.errors import ExitCode
from harness.words.operation import display_id


class Conclusion(StrEnum):
    """What a run says of its target."""

    PASS = "PASS"
    CONCERNS = "PASS WITH CONCERNS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All rows of a verdict and what follows from them."""

    conclusion: Conclusion
    exit_code: ExitCode
    reason: str  # one sentence: what decided it
    criteria: tuple[Entry, ...]
    checks: tuple[Entry, ...]
    validity: tuple[Entry, ...]
    totals: dict[str, object]
    hypotheses: tuple[Entry, ...] = ()

    def refused(self, why: str) -> Verdict:
        """Return the verdict on a run that was refused before its load: it has the exit code of a user's mistake."""
        return replace(self, conclusion=Conclusion.INCONCLUSIVE, exit_code=ExitCode.USAGE, reason=f"refused: {why}")

    def as_json(self) -> dict[str, object]:
        """Return the content of ``verdict.json``."""
        document = documents.Verdict(
            verdict=self.conclusion.value,
            exit_code=int(self.exit_code),
            reason=self.reason,
            criteria=[_criterion(entry) for entry in self.criteria],
            checks=[documents.Entry(**_found(entry)) for entry in self.checks],
            validity=[documents.Entry(**_found(entry)) for entry in self.validity],
            hypotheses=[documents.Entry(**_found(entry)) for entry in self.hypotheses],
            totals=documents.Totals.of(self.totals),
        )
        return documents.as_json(document)


def conclude(
    criteria: Sequence[Entry],
    checks: Sequence[Entry],
    validity: Sequence[Entry],
    totals: dict[str, object],
    concerns: Sequence[str] = (),
    hypotheses: Sequence[Entry] = (),
) -> Verdict:
    """Return the verdict on the given rows; hypotheses are shown and weigh nothing.

    What is proven comes before what is doubtful: a violation found by a checker stands even in a run that cannot be
    trusted otherwise; then validity; then a failed criterion; then what is required and UNKNOWN.
    """
    conclusion, code, reason = _weigh(criteria, checks, validity, concerns)
    return Verdict(conclusion, code, reason, tuple(criteria), tuple(checks), tuple(validity), totals, tuple(hypotheses))


def _weigh(
    criteria: Sequence[Entry], checks: Sequence[Entry], validity: Sequence[Entry], concerns: Sequence[str]
) -> tuple[Conclusion, ExitCode, str]:
    if broken := _names(checks, Status.INVALID):
        return Conclusion.FAIL, ExitCode.CHECKER, f"a checker found a violation: {broken}"
    if broken := _names(validity, Status.INVALID):
        return Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE, f"the run cannot be trusted: {broken}"
    if broken := _names(criteria, Status.FAIL):
        return Conclusion.FAIL, ExitCode.CRITERION, f"a criterion failed: {broken}"
    everything = (*criteria, *checks, *validity)
    if missing := ", ".join(e.name for e in everything if e.status is Status.UNKNOWN and e.required):
        return Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE, f"not measured: {missing}"
    # Not of validity: what could not be looked at there says nothing against the target, and nothing for it.
    open_questions = [f"{e.name} is UNKNOWN" for e in (*criteria, *checks) if e.status is Status.UNKNOWN]
    doubts = [*concerns, *(e.concern for e in everything if e.concern), *open_questions]
    if doubts:
        return Conclusion.CONCERNS, ExitCode.PASS, "; ".join(doubts)
    return Conclusion.PASS, ExitCode.PASS, "every criterion and every check holds"


def _names(entries: Sequence[Entry], status: Status) -> str:
    return ", ".join(entry.name for entry in entries if entry.status is status)


def _criterion(entry: Entry) -> documents.CriterionEntry:
    asked = {} if entry.threshold is None else asdict(entry.threshold)
    return documents.CriterionEntry(**_found(entry), **asked)


def _found(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "status": entry.status.value,
        "actual": entry.actual,
        "target": entry.target,
        "detail": entry.detail,
        "examples": [display_id(identifier) for identifier in entry.examples],
        "required": entry.required,
    }
