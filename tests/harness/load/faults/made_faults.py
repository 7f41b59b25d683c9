"""A fault of any kind, with the least that it must be given, and the plan of it."""

from __future__ import annotations

import json

import msgspec

from harness.load.faults.kinds import Fault, Where
from harness.load.faults.kinds.what import What
from harness.words.place import NAMED, PlaceKind

PLACES = {place: f'{place.value} = "x"' for place in NAMED} | {
    PlaceKind.ROUTE_STAGES: 'scenario = { tag = "x" }',
    PlaceKind.PROCESS: "",
}


def a_fault(kind: type[What]) -> Fault:
    """Return a fault of a kind, with the least that it must be given."""
    required = kind.__struct_fields__[: len(kind.__struct_fields__) - len(kind.__struct_defaults__)]
    for given in (2, "m:f"):
        try:
            what = msgspec.convert({"kind": kind.name(), **dict.fromkeys(required, given)}, kind)
        except msgspec.ValidationError:
            continue
        return Fault(name="x", what=what, where=a_place(kind))
    raise AssertionError(f"{kind.name()}: settings of several types: {required}")


def plan_of(fault: Fault, where: str | None = None) -> bytes:
    """Return a plan with a fault, at its own place or another."""
    given = {name: getattr(fault.what, name) for name in fault.what.__struct_fields__}
    given = {name: value for name, value in given.items() if value is not None}
    what = ", ".join(f"{name} = {json.dumps(value)}" for name, value in {"kind": fault.kind, **given}.items())
    where = PLACES[fault.where.place.kind] if where is None else where
    return f'[[fault]]\nname = "x"\nwhat = {{ {what} }}\nwhere = {{ {where} }}\n'.encode()


def a_place(kind: type[What]) -> Where:
    place = min(kind.places - {PlaceKind.ROUTE_STAGES})
    return Where() if place is PlaceKind.PROCESS else Where(**{place.value: "x"})
