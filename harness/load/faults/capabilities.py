"""What a plan is used in: a target and scenarios. A plan that names what they do not have could never strike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.load.corpus.corpus import Scenario
from harness.load.faults.contradictions import contradictions
from harness.load.faults.kinds import Fault
from harness.load.faults.kinds.where import Capabilities
from harness.load.faults.plan import FaultPlan, FaultPlanError

__all__ = ["Capabilities", "require_known", "require_sent"]


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
    having = known.names(place.kind)
    if having is not None and place.name not in having:
        there = ", ".join(sorted(having)) or "none"
        yield f"where: no {place.kind.value} {place.name!r}, the target has {there}"
    tiers = None if known.tiers is None or where.route is None else known.tiers.get(where.route)
    if where.tier is not None and tiers is not None and where.tier not in tiers:
        there = " and ".join(map(str, sorted(tiers))) or "none"
        yield f"where: no tier {where.tier} of route {where.route!r}, the chains have it at {there}"
    yield from fault.what.objections(where, known)
