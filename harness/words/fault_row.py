"""What one window of a fault came to: a row of ``faults.csv`` and of ``totals.faults`` in ``verdict.json``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from harness.words.column import LATEST_S, integer, real, text

_COUNT = int | None


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One window of a fault, as the run was judged by it. None is what was not measured."""

    name: Annotated[str, text("of the fault, in the fault plan")]
    kind: Annotated[str, text("kind of the fault")]
    where: Annotated[str, text("where it hits: a stage, a route with its tier, a backend")]
    share: Annotated[float, real("share of the calls that it hits", most=1)]
    start_unix_s: Annotated[float | None, real("when the first worker opened it", "s", most=LATEST_S)]
    end_unix_s: Annotated[float | None, real("when the last worker closed it; none where none did", "s", most=LATEST_S)]
    operations_hit: Annotated[_COUNT, integer(64, "operations that it hit")]
    injected: Annotated[_COUNT, integer(64, "calls that it hit")]
    retried: Annotated[_COUNT, integer(64, "of these: followed by a retry of the same route, backend or stage")]
    fell_back: Annotated[_COUNT, integer(64, "of these: followed by an attempt of a later tier")]
    surfaced: Annotated[_COUNT, integer(64, "of these: in operations that did not end ok, or are flagged")]
    served_late: Annotated[_COUNT, integer(64, "of these: delayed, or without effect, in operations that ended ok")]
    unaccounted: Annotated[_COUNT, integer(64, "of these: anything else")]
    no_effect: Annotated[_COUNT, integer(64, "of those served late: changed nothing")]
    undecided: Annotated[_COUNT, integer(64, "of those unaccounted: no route to compare with")]
    # Both go from a moment of one worker to one of another, so that they may come out below 0.
    activation_delay_ms: Annotated[float | None, real("its begin to the first fallback", "ms", least=-math.inf)]
    recovery_s: Annotated[
        float | None, real("its end to the first of three seconds that were as before", "s", least=-math.inf)
    ]
    false_fallbacks: Annotated[_COUNT, integer(64, "fallbacks without need")]
    missed_fallbacks: Annotated[_COUNT, integer(64, "operations that had a next route and did not try it")]
    out_of_order: Annotated[_COUNT, integer(64, "operations that tried tiers out of order")]
    failed: Annotated[str | None, text("why it could not be put in force or undone")] = None
