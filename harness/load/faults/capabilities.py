"""What a plan is used in: a target and scenarios. A plan that names what they do not have could never strike."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from harness.load.corpus.corpus import Scenario
from harness.load.faults.contradictions import contradictions
from harness.load.faults.kinds import Fault, Slots
from harness.load.faults.plan import FaultPlan, FaultPlanError


class Capabilities(Struct, frozen=True):
    """What a target has that a plan may name. None: not known, so nothing is refused."""

    stages: Collection[str]
    route_stages: Collection[str] = ()
    backends: Collection[str] = ()
    routes: Collection[str] | None = None
    breakers: Collection[str] = ()
    tiers: Mapping[str, Collection[int]] | None = None
    """The places each route has in the orders that chains declare; a route that is not there may have any."""
    slots: Mapping[str, int] = {}
    """Slots by backend, where they are known."""


def require_known(plan: FaultPlan, source: str, known: Capabilities) -> None:
    """Raise ``FaultPlanError`` where a plan names a stage, backend, route or breaker that the target does not have."""
    for fault in plan.fault:
        for complaint in _unknown(fault, known):
            raise FaultPlanError(f"{source}: fault {fault.name!r}: {complaint}")


def require_sent(plan: FaultPlan, source: str, scenarios: Sequence[Scenario], known: Capabilities) -> None:
    """Raise ``FaultPlanError`` where a predicate holds for no scenario, or faults contradict for some of them."""
    for fault in plan.fault:
        predicate = fault.where.scenario
        if predicate is not None and not any(map(predicate.matches, scenarios)):
            raise FaultPlanError(
                f"{source}: fault {fault.name!r}: where.scenario: {predicate} holds for none of {len(scenarios)} "
                "scenarios, expected one of the corpus that it holds for"
            )
    for contradiction in contradictions(plan.fault, scenarios, known.route_stages):
        raise FaultPlanError(f"{source}: {contradiction}")


def _unknown(fault: Fault, known: Capabilities) -> Iterator[str]:
    """Yield what a fault names that the target does not have."""
    where, place = fault.where, fault.where.place
    names: dict[str | None, Collection[str] | None] = {
        "stage": known.stages,
        "backend": known.backends,
        "route": known.routes,
        "breaker": known.breakers,
    }
    having = names.get(place)
    if place is not None and having is not None and (name := getattr(where, place)) not in having:
        there = ", ".join(sorted(having)) or "none"
        yield f"where: no {place} {name!r}, the target has {there}"
    tiers = None if known.tiers is None or where.route is None else known.tiers.get(where.route)
    if where.tier is not None and tiers is not None and where.tier not in tiers:
        there = " and ".join(map(str, sorted(tiers))) or "none"
        yield f"where: no tier {where.tier} of route {where.route!r}, the chains have it at {there}"
    slots = None if where.backend is None else known.slots.get(where.backend)
    if isinstance(fault.what, Slots) and slots is not None and fault.what.remove >= slots:
        found = f"{fault.what.remove} of {slots} slots"
        yield f"what.remove: found {found}, expected at most {slots - 1}: one is always left"
