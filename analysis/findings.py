"""Findings: what a run proved to be wrong, and what follows from it. From rows of the verdict alone."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.documents import Entry, Verdict
from analysis.evidence import BROKEN
from analysis.wording import value

GUIDE = "docs/testing-your-pipeline.md"
RECOMMENDATIONS = {
    "accuracy": "If consistency is INVALID as well, load changes decisions; else compare with a golden run.",
    "consistency": "Run with --graph-scope per-request: requests may share state through the graph.",
    "conservation": "Report it as a defect of RouteSwarm, with the run directory.",
    "hang": "Give stages a timeout below --deadline-ms; the spans of the operations name the stages that ended.",
    "silent failure": "Read the operations' flag: no_route is often a breaker that answers.",
    "silent fallback": "Let the target's output, an event or its history say that a fallback served.",
    "fallback correctness": "Check when the chain goes on: after a failure, a timeout or an open breaker only.",
    "fallback loop": "Let a chain try each route once, in its declared order.",
    "state preservation": "Hand each attempt its own copy of the protected context.",
    "breaker legality": "Check the breaker's thresholds and that nothing passes it while it is open.",
    "ledger": "Find what swallowed the faults that are unaccounted for: a fault that leaves no trace is not handled.",
    "recovery": "Look for what keeps the load up after the fault: retries, queues, breakers that stay open.",
    "workers": "Find what killed or stopped the worker; run again.",
    "recording": "Read the evidence for which record differs; run again with room on the disk.",
    "harness share": "Run fewer users per process, or more --processes where there are cores.",
    "event loop lag": "Run fewer users per process, or more --processes where there are cores.",
    "processor": "End what else runs on the machine; no more --processes than cores.",
    "garbage collection": "Keep fewer objects in listeners and tasks of the locustfile, or use more --processes.",
    "Little's law": "Let tasks send through self.route alone.",
    "delivered load": "Start more users, then more --processes: each user sends one request at a time.",
    "backpressure": "Use a faster disk for --results-dir, a core for the master, or less load.",
    "agreement": "Install and copy the same versions, corpus and options to every worker.",
    "clocks": "Synchronise the workers' clocks.",
    "highest load that holds": "Begin the search at fewer users, or with criteria that one user can meet.",
}
"""What to do about a broken row, by its name; the guide says more."""
ABOUT_CRITERIA = (
    "See where the time went (target, loop or harness) and what the slowest 1 % waited for, then the stages' spans."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken row, and what to do about it."""

    kind: str
    entry: Entry
    recommendation: str | None


def findings(verdict: Verdict | None) -> list[Finding]:
    """Return what is broken, checks first, in their order; empty where nothing is or was judged."""
    if verdict is None:
        return []
    groups = {"check": verdict.checks, "criterion": verdict.criteria, "validity": verdict.validity}
    groups["hypothesis"] = verdict.hypotheses
    return [
        Finding(kind, entry, RECOMMENDATIONS.get(entry.name, ABOUT_CRITERIA if kind == "criterion" else None))
        for kind, entries in groups.items()
        for entry in entries
        if entry.status in BROKEN
    ]


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
