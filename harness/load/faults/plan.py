"""The fault plan: what goes wrong, where, when, how often, from which seed. TOML in, frozen values out.

A plan is a ``seed`` and any number of ``[[fault]]`` tables (the kinds are in ``harness.load.faults.kinds``)::

    seed = 7
    [[fault]]
    name  = "primary down"
    where = { route = "premium", tier = 0 }
    what  = { kind = "error", type = "ConnectionError", message = "503" }
    when  = { from_s = 10, to_s = 25 }
    share = 0.6

Everything here is a pure function of the plan and of what an operation is: equal seed, equal operation index, equal
fault, in every worker.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from harness.load.faults.contradictions import contradictions
from harness.load.faults.kinds import KINDS, Fault
from harness.words.arguments import LARGEST
from harness.words.errors import UNREADABLE, UsageError, cut, reason
from harness.words.files import read_bounded
from harness.words.place import NAMED, PlaceKind

PLANS = Path(__file__).parents[1] / "plans"
"""Folder of the plans that ship with the harness, and of the criteria that belong to them."""


MOST_FAULTS = 500
"""Of a plan: each is compared with each other for contradictions."""
MOST_BYTES = 256 * 1024
"""Of a plan; ``tomllib`` takes time that grows with the square of the length of some texts."""


class FaultPlanError(UsageError):
    """A fault plan cannot be read, is no plan, or names what the target does not have."""


class FaultPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """A seed and the faults, in the order in which they are asked."""

    fault: Annotated[tuple[Fault, ...], Meta(max_length=MOST_FAULTS)]
    seed: Annotated[int, Meta(ge=0, le=LARGEST)] = 1


def plan_path(name: str) -> Path:
    """Return the file of a plan: ``name`` itself, or where there is no such file that of a shipped plan so called."""
    return _path_or_shipped(name, ".toml")


def criteria_path(name: str) -> Path:
    """Return the file of criteria: ``name`` itself, or where there is none those of a shipped plan so called."""
    return _path_or_shipped(name, ".criteria")


def _path_or_shipped(name: str, suffix: str) -> Path:
    path, shipped = Path(name), PLANS / f"{name}{suffix}"
    return shipped if not path.exists() and name == path.name and shipped.is_file() else path


def shipped_name(path: Path) -> str:
    """Return the name that leads to this path: for a shipped file the one that holds on every machine."""
    return path.stem if path.parent == PLANS else str(path)


def read_fault_plan(path: Path) -> FaultPlan:
    """Return the plan of a TOML file.

    Raises:
        FaultPlanError: the file cannot be read, or is no plan; one line with file, place, found and expected.

    """
    try:
        content = read_bounded(path, MOST_BYTES)
    except (OSError, ValueError) as error:
        raise FaultPlanError(f"{path}: cannot read fault plan: {getattr(error, 'strerror', None) or error}") from error
    return parse_fault_plan(content, str(path))


def parse_fault_plan(content: bytes, source: str) -> FaultPlan:
    """Return the plan of a TOML text; errors name ``source`` and the place in it.

    Raises:
        FaultPlanError: it is no plan.

    """
    if len(content) > MOST_BYTES:
        raise FaultPlanError(f"{source}: found {len(content):,} bytes, expected at most {MOST_BYTES:,}")
    try:
        plan = msgspec.toml.decode(content, type=FaultPlan)
    except msgspec.MsgspecError as error:
        raise FaultPlanError(f"{source}: {_explained(content, str(error))}") from error
    except UNREADABLE as error:
        raise FaultPlanError(f"{source}: no TOML: {reason(error)}") from error
    for complaint in _complaints(plan):
        raise FaultPlanError(f"{source}: {complaint}")
    return plan


def _explained(content: bytes, message: str) -> str:
    """Return msgspec's message with its place in front and what was found there: ``fault 2, when.from_s: ...``."""
    text, _, path = message.partition(" - at `$")
    steps = re.findall(r"\w+", path)
    value: object = None
    try:
        value = tomllib.loads(content.decode())
        for step in steps:
            value = value[int(step) if step.isdigit() else step]  # type: ignore[index]
    except UNREADABLE:
        value = None  # the text is no TOML, or the place is one where something is missing
    text = text[:1].lower() + text[1:]
    if isinstance(value, (str, int, float)) and (shown := _shown(value)) not in text:
        text = f"found {shown}, {text}"
    if steps[-1:] == ["kind"]:
        text += f", expected one of {', '.join(KINDS)}"
    place = ".".join(steps)
    if steps[:1] == ["fault"] and len(steps) > 1 and steps[1].isdigit():
        place = ", ".join(part for part in (f"fault {int(steps[1]) + 1}", ".".join(steps[2:])) if part)
    return f"{place}: {text}" if place else text


def _shown(value: str | float) -> str:
    try:
        return cut(repr(value), 60)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a number of thousands of digits"


def _complaints(plan: FaultPlan) -> Iterator[str]:
    """Yield what is wrong with a plan beyond the types of its values."""
    if not plan.fault:
        yield "no fault found, expected [[fault]] tables"
    seen: set[str] = set()
    for fault in plan.fault:
        if fault.name in seen:
            yield f"fault {fault.name!r} is there twice, expected names that differ"
        seen.add(fault.name)
        yield from (f"fault {fault.name!r}: {complaint}" for complaint in _of_fault(fault))
    yield from contradictions(plan.fault)


def _not_finite(metadata: Mapping[str, object]) -> str | None:
    """Return the first key with a number that JSON does not have: nan, inf."""
    return next((key for key, value in metadata.items() if isinstance(value, float) and not isfinite(value)), None)


def _of_fault(fault: Fault) -> Iterator[str]:
    where, when, place = fault.where, fault.when, fault.where.place
    if when.to_s is not None and when.to_s <= (when.from_s or 0.0):
        yield f"when: found to_s {when.to_s:g} after from_s {when.from_s or 0:g}, expected a positive duration"
    if when.operations is not None and when.operations[1] < when.operations[0]:
        yield f"when: found operations {list(when.operations)}, expected [first, last]"
    named = [kind.value for kind in NAMED if getattr(where, kind.value) is not None]
    if len(named) > 1:
        yield f"where: found {' and '.join(named)}, expected one of them"
    if where.tier is not None and where.route is None:
        yield "where: found a tier without a route"
    places = fault.what.places
    expected = ", ".join(sorted(places - {PlaceKind.PROCESS}))
    if place.kind not in places and place.kind is not PlaceKind.PROCESS:
        yield f"where: {fault.kind} cannot be put at a {place.kind.value}, expected {expected or 'no where at all'}"
    elif place.kind not in places:
        yield f"where: found none, expected one of {expected}"
    if (scenario := where.scenario) is not None and (odd := _not_finite(scenario.metadata)) is not None:
        yield f"where.scenario.metadata: found {odd} = {scenario.metadata[odd]}, which nothing is equal to"
    if (scenario := where.scenario) is not None and scenario.priority_min > scenario.priority_max:
        found = f"priority_min {scenario.priority_min} above priority_max {scenario.priority_max}"
        yield f"where.scenario: found {found}, which no scenario can have"
    if fault.whole_window and (fault.share < 1 or when.operations is not None):
        yield f"{fault.kind} is on for a window of time as a whole: found a share or operations"
