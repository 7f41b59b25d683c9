"""Faults of a plan that contradict each other: both settle the same thing of calls that both must hit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

from harness.load.corpus.corpus import Scenario
from harness.load.faults.kinds import Fault, ScenarioIs, When, Where
from harness.words.place import PlaceKind

_ROUNDING = 1e-9


def contradictions(
    faults: Sequence[Fault],
    scenarios: Sequence[Scenario] | None = None,
    route_stages: Collection[str] = (),
) -> Iterator[str]:
    """Yield a line for each pair of faults that settle the same thing differently, for calls that both must hit.

    Their windows overlap, their places have calls in common, so have their scenarios, and their shares add up to more
    than all: some calls are hit by both, whatever the seed.

    Args:
        faults: of a plan.
        scenarios: that are sent; None: not known, and of two predicates only equal ones count as having some in common.
        route_stages: names of the ROUTE stages, where ``scenario`` alone puts a fault.

    """
    for first, second in combinations(faults, 2):
        what = _settled_by_both(first, second)
        if (
            what is not None
            and first.share + second.share > 1 + _ROUNDING
            and _overlap(first.when, second.when)
            and _calls_in_common(first.where, second.where, route_stages)
            and _scenarios_in_common(first.where.scenario, second.where.scenario, scenarios)
        ):
            calls = "all" if min(first.share, second.share) >= 1 else "some"
            yield (
                f"faults {first.name!r} and {second.name!r} contradict: both {what} {calls} calls of {second.where}"
                f"{' end' if first.what.decides else ''}, in windows that overlap"
            )


def _settled_by_both(first: Fault, second: Fault) -> str | None:
    """Return what two faults settle differently, None where there is nothing."""
    one, other = first.what, second.what
    if one == other:
        return None
    if one.decides and other.decides:
        return "decide how"
    return f"settle {one.settles} of" if one.settles is not None and one.settles == other.settles else None


def _calls_in_common(one: Where, other: Where, route_stages: Collection[str]) -> bool:
    here, there = one.place, other.place
    if {here.kind, there.kind} == {PlaceKind.STAGE, PlaceKind.ROUTE_STAGES}:
        return (here.name or there.name) in route_stages
    alike = (here.kind, here.name) == (there.kind, there.name)
    return alike and (here.tier is None or there.tier is None or here.tier == there.tier)


def _scenarios_in_common(
    one: ScenarioIs | None, other: ScenarioIs | None, scenarios: Sequence[Scenario] | None
) -> bool:
    if one is None or other is None or one == other:
        return True
    return any(one.matches(scenario) and other.matches(scenario) for scenario in scenarios or ())


def _overlap(one: When, other: When) -> bool:
    infinite = float("inf")
    (first, last), (others_first, others_last) = (when.operations or (0, infinite) for when in (one, other))
    in_time = (one.from_s or 0.0) < (other.to_s or infinite) and (other.from_s or 0.0) < (one.to_s or infinite)
    return in_time and first <= others_last and others_first <= last
