"""The JSON documents of a run directory, ``manifest.json`` and ``verdict.json``, as they are written and read.

Fields stand in the order in which they are written. Each is optional, because a run may have been cut off before it was
written, and because a run of an older format lacks what came later; unknown ones are ignored by who reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from harness.words.fault_row import FaultRow
from harness.words.operation import display_id

Scalar = str | int | float | bool | None
Count = Annotated[int, msgspec.Meta(ge=0)]
Measured = Annotated[float, msgspec.Meta(ge=0)]
"""Milliseconds, seconds, and rates: nothing that was measured is below 0."""


class Git(msgspec.Struct, frozen=True):
    """The commit of the code that ran; ``dirty`` when files differed from it."""

    commit: str | None = None
    dirty: bool | None = None


class Worker(msgspec.Struct, frozen=True):
    """One worker process and what became of it.

    ``late`` is the longest time in seconds between two of its reports, where that was long, ``held_back_s`` for how
    long its users waited for the master, ``clock_offset_ms`` the master's clock minus its own, known to
    ``clock_within_ms``.
    """

    index: int | None = None
    id: str | None = None
    host: str | None = None
    pid: int | None = None
    versions: dict[str, str | None] = {}
    fate: str | None = None
    joined: Scalar = None
    left: Scalar = None
    noise_floor: dict[str, Measured] | None = None
    late: Measured | None = None
    held_back_s: Measured | None = None
    clock_offset_ms: float | None = None
    clock_within_ms: Measured | None = None


class Baseline(msgspec.Struct, frozen=True):
    """The operations before the load: how many scenarios were sent, how many failed, and how long it took."""

    scenarios: Count | None = None
    failed: Count | None = None
    duration_s: Measured | None = None


class Counts(msgspec.Struct, frozen=True):
    """What the run itself counted: operations started, requests in Locust's statistics; None where that was lost."""

    arrivals: Count | None = None
    locust_requests: Count | None = None


class Manifest(msgspec.Struct, frozen=True):
    """What was run, with what, where and when."""

    run_id: str | None = None
    format: Count | None = None  # of the run directory (words.column.FORMAT); None in 0.1.0
    argv: list[str] = []
    locustfile: str | None = None
    folder: str | None = None
    options: dict[str, object] = {}
    git: Git | None = None
    world: str | None = None
    versions: dict[str, str | None] = {}
    hosts: list[object] = []
    cpus: Count | None = None
    workers: list[Worker] = []
    t0: str | None = None
    t1: str | None = None
    digests: dict[str, str | None] = {}
    scenarios: Count | None = None
    golden: bool | None = None
    route_stages: list[str] = []
    baseline: Baseline | None = None
    load_changes: list[dict[str, object]] | None = None  # of a load that was changed while the run went on
    counts: Counts | None = None
    of_run: str | None = None  # the run whose master was lost: what a worker of it could still write down
    what: str | None = None
    why: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """One check, validity condition or hypothesis with what was found."""

    name: str = ""
    status: str = "UNKNOWN"
    actual: object = None
    target: object = None
    detail: str | None = None
    examples: list[object] | None = None
    required: bool = True

    def example_ids(self) -> list[str]:
        """Return the example operations as people read them (``worker-ordinal``)."""
        return [_example(example) for example in self.examples or ()]


class CriterionEntry(Entry, frozen=True):
    """One criterion with what was found.

    ``metric comparison number`` is the threshold, and ``label`` says what the metric is; with
    ``users_comparison users`` it is asked of the seconds with so many users. ``metric`` is None where the row is no
    threshold, as the highest load that holds.
    """

    metric: str | None = None
    label: str | None = None
    comparison: str | None = None
    number: float | None = None
    users_comparison: str | None = None
    users: Count | None = None


class Step(msgspec.Struct, frozen=True):
    """What was measured while a load shape kept ``users`` users running, after the step's warm-up.

    ``from_ns`` and ``to_ns`` are Unix nanoseconds, as in the history; None where the users never ran. ``warm_up_s``
    seconds at the beginning are left out, None where nothing is, and ``warm_up_unknown`` says why. ``held`` is the
    outcome of a trial of a ramp to failure.
    """

    users: Count = 0
    from_ns: Count | None = None
    to_ns: Count | None = None
    held: bool | None = None
    warm_up_s: Measured | None = None
    warm_up_unknown: str | None = None
    seconds: Measured | None = None
    operations: Count | None = None
    ok: Count | None = None
    failed: Count | None = None
    cancelled: Count | None = None
    timeout: Count | None = None
    shed: Count | None = None
    throughput_rps: Measured | None = None
    p50_ms: Measured | None = None
    p95_ms: Measured | None = None
    p99_ms: Measured | None = None


class Totals(msgspec.Struct, frozen=True):
    """The run in numbers: operations by outcome, latency (ms), throughput (operations per second).

    ``steady_...`` are without the first ``warm_up_s`` seconds; None where no steady state was found.
    """

    ok: Count | None = None
    failed: Count | None = None
    cancelled: Count | None = None
    timeout: Count | None = None
    shed: Count | None = None
    operations: Count | None = None
    flagged: Count | None = None
    stopped: Count | None = None
    duration_s: Measured | None = None
    throughput_rps: Measured | None = None
    p50_ms: Measured | None = None
    p95_ms: Measured | None = None
    p99_ms: Measured | None = None
    max_ms: Measured | None = None
    routes: dict[str, Count] | None = None
    errors: dict[str, Count] | None = None
    label_confusion: dict[str, dict[str, Count]] | None = None
    clocks: dict[str, dict[str, Measured | None]] | None = None
    steady_from_s: Count | None = None
    warm_up_s: Count | None = None
    steady_p50_ms: Measured | None = None
    steady_p95_ms: Measured | None = None
    steady_p99_ms: Measured | None = None
    steady_throughput_rps: Measured | None = None
    arrivals: Count | None = None
    arrivals_due: Count | None = None
    not_delivered: Count | None = None
    users_max: Count | None = None
    noise_floor: dict[str, Measured] | None = None
    steps: list[Step] = []
    unknown_route: Count | None = None  # operations decided for a route that the corpus names nowhere
    user_errors: dict[str, Count] | None = None  # what tasks of the locustfile raised -> how often
    log_records: dict[str, Count] | None = None
    blocks: list[dict[str, object]] | None = None  # steps of the target that held the thread, by stage and place
    breakers: dict[str, object] | None = None
    ledger: dict[str, object] | None = None
    faults: list[FaultRow] | None = None
    fallback_latency: dict[str, object] | None = None
    checks: dict[str, dict[str, object]] | None = None  # what checkers add that has no field here, by their names

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Totals:
        """Return the totals that folds add up to.

        Raises:
            TypeError: there is one that no field declares.

        """
        rows = content.get("faults")
        return cls(
            **{
                **content,
                "steps": [Step(**step) for step in content.get("steps", ())],
                "faults": None if rows is None else [FaultRow(**row) for row in rows],
            }
        )


class Verdict(msgspec.Struct, frozen=True):
    """Criteria, checks and validity of a run, and the word they add up to."""

    verdict: str
    exit_code: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    reason: str | None = None
    criteria: list[CriterionEntry] = []
    checks: list[Entry] = []
    validity: list[Entry] = []
    hypotheses: list[Entry] = []
    totals: Totals | None = None


_SOMETIMES: Mapping[type[msgspec.Struct], tuple[str, ...]] = {
    Worker: ("late", "held_back_s", "clock_offset_ms", "clock_within_ms"),
    Manifest: ("baseline", "load_changes", "counts", "of_run", "what", "why"),
    Totals: ("steps", "breakers", "ledger", "faults", "fallback_latency", "checks"),
}
"""Fields that a document has only where the run had such a thing; the others are null where nothing was measured."""


def as_json(document: msgspec.Struct) -> dict[str, Any]:
    """Return a document, or a part of one, in the types of JSON and in the order of its fields."""
    content: dict[str, Any] = msgspec.to_builtins(document)
    if isinstance(document, Manifest):
        content["workers"] = [as_json(worker) for worker in document.workers]
    if isinstance(document, Verdict) and document.totals is not None:
        content["totals"] = as_json(document.totals)
    sometimes = _SOMETIMES.get(type(document), ())
    absent = {name for name in sometimes if content[name] is None or (name == "steps" and not content[name])}
    return {name: value for name, value in content.items() if name not in absent}


def _example(example: object) -> str:
    if isinstance(example, int) and not isinstance(example, bool) and example >= 0:
        return display_id(example)
    return example if isinstance(example, str) else json.dumps(example, sort_keys=True, ensure_ascii=False)
