"""Faults in the words of people: what a line in the terminal or a report says of one."""

from __future__ import annotations

from collections.abc import Iterator

from harness.load.faults.kinds import Error, Fault

_UNITS = {
    "ms": "{:g} ms",
    "after_ms": "after {:g} ms",
    "by_s": "{:+g} s",
    "factor": "x {:g}",
    "one_in": "one in {:g}",
    "remove": "-{:g}",
}


def in_words(fault: Fault) -> str:
    """Return where a fault is put, what it does and how often: ``route premium, tier 0: latency 400 ms, 60 %``."""
    words = " ".join([fault.kind, *_settings(fault)])
    share = f", {100 * fault.share:g} %" if fault.share < 1 else ""
    return f"{fault.where}: {words}{share}"


def _settings(fault: Fault) -> Iterator[str]:
    """Yield the settings of a kind that differ from its defaults, an error's type always."""
    what = fault.what
    if isinstance(what, Error):
        yield f"{what.type}: {what.message}"
        return
    required = len(what.__struct_fields__) - len(what.__struct_defaults__)
    defaults = (*[None] * required, *what.__struct_defaults__)
    for name, default in zip(what.__struct_fields__, defaults, strict=True):
        value = getattr(what, name)
        if value != default:
            yield _UNITS.get(name, f"{name} {{}}").format(value)
