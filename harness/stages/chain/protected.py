"""Protected context: what a route may read and, unless it has declared so, not change for the routes after it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import replace
from zlib import crc32

from stageflow import StageContext

SNAPSHOT_FIELDS = ("conversation", "enrichments", "extensions")
"""Fields of Stageflow's snapshot that can be protected as a whole; any other name is an entry of its metadata."""

_ATOMS = frozenset({str, int, float, bool, bytes, type(None)})
_ABSENT = object()


def protected_values(ctx: StageContext, keys: Collection[str]) -> dict[str, object]:
    """Return copies of the values of protected keys; what is absent is not in it."""
    return {key: _copy(value) for key in keys if (value := _read(ctx, key)) is not _ABSENT}


def protected_view(ctx: StageContext, keys: Collection[str], values: Mapping[str, object]) -> StageContext:
    """Return a context like ``ctx`` for one attempt, with copies of ``values`` under the protected keys.

    Its metadata is a dict of its own, so that entries the attempt adds or replaces stay in it. What is nested in
    unprotected entries is shared.
    """
    metadata = dict(ctx.snapshot.metadata)
    fields: dict[str, object] = {}
    for key in keys:
        if key in SNAPSHOT_FIELDS:
            fields[key] = _copy(values[key]) if key in values else None
        elif key in values:
            metadata[key] = _copy(values[key])
        else:
            metadata.pop(key, None)
    snapshot = replace(ctx.snapshot, metadata=metadata, **fields)  # type: ignore[arg-type]
    return replace(ctx, snapshot=snapshot, inputs=replace(ctx.inputs, snapshot=snapshot))


def written(view: StageContext, keys: Collection[str], values: Mapping[str, object]) -> dict[str, object]:
    """Return the protected keys that differ in ``view`` from ``values``, with what stands there now.

    A key that was removed has the value None.
    """
    found: dict[str, object] = {}
    for key in keys:
        now, before = _read(view, key), values.get(key, _ABSENT)
        if not _same(now, before):
            found[key] = None if now is _ABSENT else now
    return found


def checksum(values: Mapping[str, object]) -> int | None:
    """Return a checksum of values of protected keys; equal values have equal ones. None where it cannot be made.

    What JSON does not know counts by its type alone.
    """
    try:
        text = json.dumps(values, sort_keys=True, skipkeys=True, default=lambda value: type(value).__name__)
    except (TypeError, ValueError, RecursionError):  # keys of several types, a value that holds itself
        return None
    return crc32(text.encode())


def _read(ctx: StageContext, key: str) -> object:
    if key in SNAPSHOT_FIELDS:
        return getattr(ctx.snapshot, key)
    return ctx.snapshot.metadata.get(key, _ABSENT)


def _copy(value: object) -> object:
    return value if type(value) in _ATOMS else deepcopy(value)


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001  # values whose comparison raises (arrays) cannot be vouched for
        return False
