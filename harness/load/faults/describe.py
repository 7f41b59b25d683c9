"""Faults and their kinds in the words of people: what terminal, reports and documentation say of them."""

from __future__ import annotations

from harness.load.faults.kinds import KINDS, Fault
from harness.load.faults.kinds.what import Effect, What
from harness.words.place import PlaceKind


def in_words(fault: Fault) -> str:
    """Return where a fault is put, what it does and how often: ``route premium, tier 0: latency 400 ms, 60 %``."""
    words = " ".join([fault.kind, *fault.what.said()])
    share = f", {100 * fault.share:g} %" if fault.share < 1 else ""
    return f"{fault.where}: {words}{share}"


NONE = "–"  # noqa: RUF001
HEADER = "| kind | settings | where | effect | what happens |\n|---|---|---|---|---|\n"


def table_of_kinds() -> str:
    """Return all kinds as the Markdown table of ``docs/faults.md``, by their effects."""
    effects = list(Effect)
    kinds = sorted(KINDS.values(), key=lambda kind: (effects.index(kind.effect), kind.name()))
    return HEADER + "".join(map(_row, kinds))


def _row(kind: type[What]) -> str:
    places = [place.value for place in PlaceKind if place in kind.places - {PlaceKind.ROUTE_STAGES, PlaceKind.PROCESS}]
    where, settings = ", ".join(places) or NONE, kind.settings or NONE
    return f"| `{kind.name()}` | {settings} | {where} | {kind.effect.value} | {kind.does} |\n"
