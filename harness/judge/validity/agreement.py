"""Whether the processes of a run are alike: in versions, inputs and options."""

from __future__ import annotations

from collections.abc import Mapping


def differences(name: str, found: Mapping[str, object], expected: Mapping[str, object]) -> list[str]:
    """Return what a worker has otherwise than its master, one clause each: ``worker 2: gevent 25.1, master 26.9``.

    Args:
        name: the worker as it is called.
        found: what the worker has, by what it is called.
        expected: what the master has; what it does not know is not compared.

    """
    return [
        f"{name}: {what} {_text(found.get(what))}, master {_text(value)}"
        for what, value in expected.items()
        if found.get(what) != value
    ]


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
