"""Findings: what a run proved to be wrong, and what follows from it: from rows of the verdict, and how it was run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.files.documents import CriterionEntry, Entry, Manifest, Verdict
from analysis.report.evidence import BROKEN
from analysis.wording import value
from harness.judge.checkers.registry import named, registered

OF_ROWS = {
    "workers": "Find what killed or stopped the worker; run again.",
    "recording": "Read the evidence for which record differs; run again with room on the disk.",
    "harness share": "Run fewer users per process, or more --processes where there are cores.",
    "event loop lag": "Run fewer users per process, or more --processes where there are cores.",
    "processor": "End what else runs on the machine; no more --processes than cores.",
    "garbage collection": "Keep fewer objects in listeners and tasks of the locustfile, or use more --processes.",
    "Little's law": "Let tasks send through self.route alone.",
    "delivered load": "Start more users, then more --processes: each user sends one request at a time.",
    "backpressure": "Use a faster disk for --results-dir, a core for the master, or less load.",
    "fault plan": "Read the evidence for what the function of a reload raised; mend it and run again.",
    "locustfile": "Mend the load shape: the evidence has its error, locust_exceptions.csv the line.",
    "event loop": "Read the evidence for what ended the loop; run without it, or report it with the run directory.",
    "judging": "Report it as a defect of RouteSwarm, with the run directory and what the terminal said.",
    "agreement": "Install and copy the same versions, corpus and options to every worker.",
    "clocks": "Synchronise the workers' clocks.",
    "highest load that holds": "Begin the search at fewer users, or with criteria that one user can meet.",
}
"""What to do about a broken row that is no check, by its name; the guide says more. Checks say it themselves."""
OF_LATENCY = (
    "See where the time went (target, loop or harness) and what the slowest 1 % waited for, then the stages' spans."
)
OF_ERRORS = "See the errors of operations and what the target logged; then at which load, or in which fault, they came."
BY_METRIC = {
    "availability_pct": OF_ERRORS,
    "failed_pct": OF_ERRORS,
    "throughput_rps": "See how throughput grows with users: where it still does, start more; where it does not, see "
    "where the time went.",
    "operations": "Let it run longer, or with more users.",
    "fallback_latency_x": "See how long the chain takes to give its primary up: timeouts, retries, the breaker's "
    "settings; then how long the fallback's own route takes.",
}
"""What to do about a broken criterion, by its metric; those of latency are not named here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken row, and what to do about it."""

    kind: str
    entry: Entry
    recommendation: str | None


def findings(verdict: Verdict | None, manifest: Manifest | None = None) -> list[Finding]:
    """Return what is broken, checks first, in their order; empty where nothing is or was judged.

    The advice depends on what else is broken, and on how the run was started, as the manifest has it.
    """
    if verdict is None:
        return []
    groups: dict[str, Sequence[Entry]] = {
        "check": verdict.checks,
        "criterion": verdict.criteria,
        "validity": verdict.validity,
    }
    groups["hypothesis"] = verdict.hypotheses
    return [
        Finding(kind, entry, _advice(kind, entry, verdict, manifest or Manifest()))
        for kind, entries in groups.items()
        for entry in entries
        if entry.status in BROKEN
    ]


def _advice(kind: str, entry: Entry, verdict: Verdict, manifest: Manifest) -> str | None:
    """Return what to do about a broken row."""
    checker = named(entry.name)
    if kind == "criterion" and entry.name not in OF_ROWS:
        metric = entry.metric if isinstance(entry, CriterionEntry) else None
        if metric is None:
            return None
        # A metric that a check measures has its advice.
        checker = next((each for each in registered() if each.metric == metric), None)
        if checker is None:
            return OF_LATENCY if metric.endswith("_ms") else BY_METRIC.get(metric)
    if checker is None:
        return OF_ROWS.get(entry.name)
    broken = {each.name for each in verdict.checks if each.status in BROKEN}
    return checker.advise(broken, manifest.options)


def recommendations(verdict: Verdict | None, found: list[Finding]) -> list[str]:
    """Return what follows from the rows, one sentence each with the row it follows from; empty where nothing does."""
    said = [f"{each.entry.name}: {each.recommendation}" for each in found if each.recommendation is not None]
    entries = () if verdict is None else (*verdict.criteria, *verdict.checks, *verdict.validity)
    unknown = [entry for entry in entries if entry.status == "UNKNOWN" and entry.required]
    said += [
        f"{entry.name}: it is required and UNKNOWN; make what it lacks: {entry.detail or value(None)}"
        for entry in unknown
    ]
    return said
