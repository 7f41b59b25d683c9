"""The two JSON documents of a run directory, typed: ``manifest.json`` and ``verdict.json``.

Every field is optional, because a run may have been cut off before it was written and because later versions
add fields; unknown ones are ignored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import msgspec

from harness.words.errors import RunError
from harness.words.operation import display_id

Scalar = str | int | float | bool | None


class Git(msgspec.Struct, frozen=True):
    """The commit of the code that ran; ``dirty`` when files differed from it."""

    commit: str | None = None
    dirty: bool | None = None


class Worker(msgspec.Struct, frozen=True):
    """One worker process and what became of it."""

    index: int | None = None
    id: str | None = None
    host: str | None = None
    pid: int | None = None
    fate: str | None = None
    joined: Scalar = None
    left: Scalar = None


class Manifest(msgspec.Struct, frozen=True):
    """What was run, with what, where and when."""

    run_id: str | None = None
    argv: list[str] = []
    locustfile: str | None = None
    folder: str | None = None
    options: dict[str, object] = {}
    git: Git | None = None
    world: str | None = None
    versions: dict[str, str | None] = {}
    hosts: list[object] = []
    cpus: int | None = None
    scenarios: int | None = None
    route_stages: list[str] = []
    workers: list[Worker] = []
    t0: str | None = None
    t1: str | None = None
    digests: dict[str, str | None] = {}


class Entry(msgspec.Struct, frozen=True):
    """One criterion, check, validity condition or hypothesis with what was found."""

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


class Step(msgspec.Struct, frozen=True):
    """What was measured while a load shape kept ``users`` users running, after the step's warm-up.

    ``from_ns`` and ``to_ns`` are Unix nanoseconds, as in the history; None where the users never ran. ``warm_up_s``
    seconds at the beginning are left out, None where nothing is, and ``warm_up_unknown`` says why. ``held`` is the
    outcome of a trial of a ramp to failure.
    """

    users: int = 0
    from_ns: int | None = None
    to_ns: int | None = None
    held: bool | None = None
    warm_up_s: float | None = None
    warm_up_unknown: str | None = None
    seconds: float | None = None
    operations: int | None = None
    ok: int | None = None
    failed: int | None = None
    cancelled: int | None = None
    timeout: int | None = None
    shed: int | None = None
    throughput_rps: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Totals(msgspec.Struct, frozen=True):
    """The run in numbers: operations by outcome, latency (ms), throughput (operations per second).

    ``steady_...`` are without the first ``warm_up_s`` seconds; None where no steady state was found.
    """

    arrivals: int | None = None
    arrivals_due: int | None = None
    not_delivered: int | None = None
    operations: int | None = None
    ok: int | None = None
    failed: int | None = None
    cancelled: int | None = None
    timeout: int | None = None
    shed: int | None = None
    flagged: int | None = None
    stopped: int | None = None
    duration_s: float | None = None
    throughput_rps: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    clocks: dict[str, dict[str, float | None]] | None = None
    steady_from_s: int | None = None
    warm_up_s: int | None = None
    steady_throughput_rps: float | None = None
    steady_p50_ms: float | None = None
    steady_p95_ms: float | None = None
    steady_p99_ms: float | None = None
    users_max: int | None = None
    noise_floor: dict[str, float] | None = None
    label_confusion: dict[str, dict[str, int]] | None = None
    routes: dict[str, int] | None = None
    errors: dict[str, int] | None = None
    log_records: dict[str, int] | None = None
    unknown_route: int | None = None  # operations decided for a route that the corpus names nowhere
    blocks: list[dict[str, object]] | None = None  # steps of the target that held the thread, by stage and place
    user_errors: dict[str, int] | None = None  # what tasks of the locustfile raised -> how often
    steps: list[Step] = []


class Verdict(msgspec.Struct, frozen=True):
    """Criteria, checks and validity of a run, and the word they add up to."""

    verdict: str
    exit_code: int | None = None
    reason: str | None = None
    criteria: list[Entry] = []
    checks: list[Entry] = []
    validity: list[Entry] = []
    hypotheses: list[Entry] = []
    totals: Totals | None = None

    def _repr_html_(self) -> str:
        from analysis import html  # which needs the words for this

        return html.verdict(self)


Document = TypeVar("Document", Manifest, Verdict)


def read_document(path: Path, kind: type[Document]) -> Document:
    """Return the document in ``path``; raise ``RunError`` with file and reason where it is none."""
    try:
        return msgspec.convert(json.loads(path.read_text(encoding="utf-8")), kind)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, msgspec.ValidationError) as error:
        raise RunError(f"{path.name}: {error}") from error


def _example(example: object) -> str:
    if isinstance(example, int) and not isinstance(example, bool) and example >= 0:
        return display_id(example)
    return example if isinstance(example, str) else json.dumps(example, sort_keys=True, ensure_ascii=False)
