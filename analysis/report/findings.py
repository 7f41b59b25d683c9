"""Findings: what a run proved to be wrong, and what follows from it: from rows of the verdict, and how it was run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.files.documents import CriterionEntry, Entry, Manifest, Verdict
from analysis.report.evidence import BROKEN
from analysis.wording import value

GUIDE = "docs/testing-your-pipeline.md"
RECOMMENDATIONS = {
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
_OF_CHECK = {"accuracy_pct": "accuracy", "consistency_pct": "consistency"}
"""Metrics that a check measures: its advice is theirs."""
_PER_REQUEST = "per-request"


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
    name = entry.name
    if kind == "criterion" and name not in RECOMMENDATIONS:
        metric = entry.metric if isinstance(entry, CriterionEntry) else None
        if metric is None:
            return None
        if metric not in _OF_CHECK:
            return OF_LATENCY if metric.endswith("_ms") else BY_METRIC.get(metric)
        name = _OF_CHECK[metric]
    if name == "accuracy":
        loaded = any(each.name == "consistency" and each.status == "INVALID" for each in verdict.checks)
        return _LOADED if loaded else _WRONG
    return _of_consistency(manifest.options.get("graph_scope")) if name == "consistency" else RECOMMENDATIONS.get(name)


_LOADED = "Consistency is INVALID as well: begin there, for load or chance changes decisions."
_WRONG = "Load does not change decisions, as far as consistency could tell: read the router's rules for the examples."


def _of_consistency(scope: object) -> str:
    """Return what to do about decisions that differ; another graph scope is advised where it would be another."""
    elsewhere = "module globals, caches, clients, the clock, chance"
    if scope == _PER_REQUEST:
        return f"Each request had a graph of its own: look for what else they share or depend on ({elsewhere})."
    return (
        f"Run with --graph-scope {_PER_REQUEST}: if it goes away, requests share state through the graph. Else "
        f"look for what else they share or depend on ({elsewhere})."
    )


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
