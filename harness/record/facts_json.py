"""``facts.json``: what a verdict needs besides history, series and vitals, written down before the run is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from harness.judge.criteria.criteria import Criterion, parse_criterion
from harness.judge.facts import Facts
from harness.load.shapes.search import Search
from harness.words.errors import UNREADABLE, RecordError, RouteSwarmError, RunError, reason
from harness.words.files import read_bounded

MOST_BYTES = 1 << 30
"""A corpus of a million labels takes a tenth of it."""


@dataclass(frozen=True, slots=True)
class _Document:
    criteria: tuple[str, ...]
    facts: Facts
    labels: dict[str, list[str]]  # by label its scenarios: the other way round it is twice as long


class _Searched(msgspec.Struct, frozen=True):
    """A search of a ramp to failure, by what it was asked for and the trials it made."""

    first: int
    most: int
    factor: float
    resolution: float
    trials: list[tuple[int, bool]]


def write_facts(path: Path, criteria: Sequence[Criterion], facts: Facts) -> None:
    """Write the file whole or not at all. Stacks of blocks are left out: no verdict needs them.

    Raises:
        RecordError: a text in it is none of UTF-8.
        OSError: it cannot be written.

    """
    labels: dict[str, list[str]] = {}
    for scenario, label in facts.labels.items():
        labels.setdefault(label, []).append(scenario)
    short = replace(facts, labels={}, blocks=tuple(block._replace(stacks="") for block in facts.blocks))
    document = _Document(tuple(criterion.text for criterion in criteria), short, labels)
    try:
        content = msgspec.json.encode(document, enc_hook=_encoded)
    except UnicodeEncodeError as error:
        raise RecordError(f"{path}: cannot write: {error}") from error
    partial = path.with_suffix(".partial")
    partial.write_bytes(content + b"\n")
    partial.rename(path)


def read_facts(path: Path) -> tuple[list[Criterion], Facts]:
    """Return the criteria and the facts of a run.

    Raises:
        RunError: the file is not there, or holds something else.

    """
    try:
        document = msgspec.json.decode(read_bounded(path, MOST_BYTES), type=_Document, dec_hook=_decoded)
        labels = {scenario: label for label, scenarios in document.labels.items() for scenario in scenarios}
        return [parse_criterion(text) for text in document.criteria], replace(document.facts, labels=labels)
    except (*UNREADABLE, msgspec.MsgspecError, RouteSwarmError) as error:
        raise RunError(f"{path}: no facts of a run: {reason(error)}") from error


def _encoded(value: object) -> object:
    if isinstance(value, Search):
        trials = [(trial.users, trial.held) for trial in value.trials]
        return _Searched(value.first, value.most, value.factor, value.resolution, trials)
    raise TypeError(f"no fact: {type(value)}")


def _decoded(kind: type, value: Any) -> object:
    if kind is not Search:
        raise TypeError(f"no fact: {kind}")
    known = msgspec.convert(value, _Searched)
    search = Search(known.first, known.most, known.factor, known.resolution)
    for users, held in known.trials:
        if search.next_users != users:
            raise ValueError(f"a search that tries {search.next_users} users next, not {users}")
        search.record(held)
    return search
