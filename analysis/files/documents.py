"""The two JSON documents of a run directory, typed: ``manifest.json`` and ``verdict.json``.

Every field is optional, because a run may have been cut off before it was written and because later versions
add fields; unknown ones are ignored.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from analysis import html, wording
from harness.words.errors import UNREADABLE, RunError, reason
from harness.words.files import read_bounded
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
    cpus: Count | None = None
    scenarios: Count | None = None
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


class Outcomes(msgspec.Struct, frozen=True):
    """Operations, and how many of them ended how."""

    operations: Count | None = None
    ok: Count | None = None
    failed: Count | None = None
    cancelled: Count | None = None
    timeout: Count | None = None
    shed: Count | None = None


class Step(Outcomes, frozen=True):
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
    throughput_rps: Measured | None = None
    p50_ms: Measured | None = None
    p95_ms: Measured | None = None
    p99_ms: Measured | None = None


class Totals(Outcomes, frozen=True):
    """The run in numbers: operations by outcome, latency (ms), throughput (operations per second).

    ``steady_...`` are without the first ``warm_up_s`` seconds; None where no steady state was found.
    """

    arrivals: Count | None = None
    arrivals_due: Count | None = None
    not_delivered: Count | None = None
    flagged: Count | None = None
    stopped: Count | None = None
    duration_s: Measured | None = None
    throughput_rps: Measured | None = None
    p50_ms: Measured | None = None
    p95_ms: Measured | None = None
    p99_ms: Measured | None = None
    max_ms: Measured | None = None
    clocks: dict[str, dict[str, Measured | None]] | None = None
    steady_from_s: Count | None = None
    warm_up_s: Count | None = None
    steady_throughput_rps: Measured | None = None
    steady_p50_ms: Measured | None = None
    steady_p95_ms: Measured | None = None
    steady_p99_ms: Measured | None = None
    users_max: Count | None = None
    noise_floor: dict[str, Measured] | None = None
    label_confusion: dict[str, dict[str, Count]] | None = None
    routes: dict[str, Count] | None = None
    errors: dict[str, Count] | None = None
    log_records: dict[str, Count] | None = None
    unknown_route: Count | None = None  # operations decided for a route that the corpus names nowhere
    blocks: list[dict[str, object]] | None = None  # steps of the target that held the thread, by stage and place
    user_errors: dict[str, Count] | None = None  # what tasks of the locustfile raised -> how often
    steps: list[Step] = []


class Verdict(msgspec.Struct, frozen=True):
    """Criteria, checks and validity of a run, and the word they add up to."""

    verdict: str
    exit_code: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    reason: str | None = None
    criteria: list[Entry] = []
    checks: list[Entry] = []
    validity: list[Entry] = []
    hypotheses: list[Entry] = []
    totals: Totals | None = None

    def _repr_html_(self) -> str:
        """Return a verdict as a table: what decided it, then criteria, checks, validity and hypotheses."""
        reason = f" {html.text(self.reason)}" if self.reason else ""
        groups = {
            "criterion": self.criteria,
            "check": self.checks,
            "validity": self.validity,
            "hypothesis": self.hypotheses,
        }
        rows = "".join(
            html.row(name, entry.name, entry.status, wording.value(entry.actual), entry.detail or "—")
            for name, entries in groups.items()
            for entry in entries
        )
        head = html.heads(("", "", "status", "measured", "evidence"))
        return f"<div><p>{html.badge(self.verdict)}{reason}</p><table><tr>{head}</tr>{rows}</table></div>"


Document = TypeVar("Document", Manifest, Verdict)


MOST_BYTES = 64 * 1024**2
"""Of a document: one with 200 routes by 200 labels has 2 MB."""
MOST_DEPTH = 100
MOST_DIGITS = 19
"""Of a whole number: all that a run counts has 64 bits."""


def read_document(path: Path, kind: type[Document]) -> Document:
    """Return the document in ``path``; raise ``RunError`` with file and reason where it is none."""
    try:
        if path.exists() and not path.is_file():
            raise RunError(f"{path.name}: no regular file")
        text = read_bounded(path, MOST_BYTES).decode("utf-8")
        found = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_constant)
        return msgspec.convert(_without_halves(found), kind)
    except (*UNREADABLE, msgspec.ValidationError) as error:
        raise RunError(f"{path.name}: {reason(error)}") from error


def _whole(digits: str) -> int:
    number = int(digits) if len(digits) <= MOST_DIGITS + 1 else 2**63
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"found a number of {len(digits):,} digits, expected one of 64 bits")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"found {digits[:40]}, expected a finite number")
    return number


def _constant(name: str) -> None:
    """Return nothing for NaN, which is what was not measured."""
    if name != "NaN":
        raise ValueError(f"found {name}, expected a finite number")


def _without_halves(found: object, depth: int = 0) -> object:
    """Return a JSON value whose texts can all be written as UTF-8: JSON may escape half a character, and stays so."""
    if depth > MOST_DEPTH:
        raise ValueError(f"nested more than {MOST_DEPTH} deep")
    if isinstance(found, str):
        return _whole_text(found)
    if isinstance(found, dict):
        return {_whole_text(key): _without_halves(value, depth + 1) for key, value in found.items()}
    if isinstance(found, list):
        return [_without_halves(value, depth + 1) for value in found]
    return found


def _whole_text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _example(example: object) -> str:
    if isinstance(example, int) and not isinstance(example, bool) and example >= 0:
        return display_id(example)
    return example if isinstance(example, str) else json.dumps(example, sort_keys=True, ensure_ascii=False)
