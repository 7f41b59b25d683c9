"""``Target``: a pipeline together with how to ask it and how to read its routing decision.

A plain Stageflow pipeline needs none of this. Whoever has a pipeline that keeps its route somewhere else, or needs
a context of its own, points ``--target`` at a ``Target`` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from stageflow import Pipeline, PipelineContext, StageOutput, StageStatus
from stageflow.pipeline.dag import UnifiedStageGraph

from harness.load.corpus import Scenario
from harness.words.operation import ROUTE_LABEL_LIMIT, Decision, Flag

Results = Mapping[str, StageOutput]
DecisionReader = Callable[[Results], Decision]


class Identity(NamedTuple):
    """Ids of one request. Stageflow leaves them None unless given."""

    pipeline_run_id: UUID
    request_id: UUID
    session_id: UUID
    user_id: UUID


ContextBuilder = Callable[[Scenario, Identity], PipelineContext]


@dataclass(frozen=True, slots=True)
class Target:
    """A pipeline under test.

    Attributes:
        pipeline: a ``Pipeline``, a built graph, or a function returning either (called once for ``--graph-scope
            shared``; for ``per-request`` once per request if it returns a graph).
        read_decision: reads the ``Decision`` out of the results of one run; by default ``route_keys`` of the ROUTE
            stages' outputs are read.
        build_context: makes the ``PipelineContext`` of one request out of a scenario; ``default_context`` by default.
        route_keys: names under which a ROUTE stage may give its route, the first present one counts.

    """

    pipeline: Pipeline | UnifiedStageGraph | Callable[[], Pipeline | UnifiedStageGraph]
    read_decision: DecisionReader | None = None
    build_context: ContextBuilder | None = None
    route_keys: tuple[str, ...] = ("route", "selected_route", "chosen_route", "destination")


def default_context(scenario: Scenario, identity: Identity) -> PipelineContext:
    """Return the context of one request: the text, the metadata, and the priority as ``metadata["priority"]``."""
    metadata = scenario.fresh_metadata()
    metadata.setdefault("priority", scenario.priority)
    return PipelineContext.create(
        pipeline_run_id=identity.pipeline_run_id,
        request_id=identity.request_id,
        session_id=identity.session_id,
        user_id=identity.user_id,
        input_text=scenario.text,
        metadata=metadata,
        execution_mode="load-test",
    )


class RouteReader:
    """Reads the decision out of the outputs of the ROUTE stages.

    With several ROUTE stages the routes are joined with ``/`` in pipeline order, and the confidence is the lowest:
    a change in any of them changes the decision.
    """

    def __init__(self, route_stages: tuple[str, ...], route_keys: tuple[str, ...]) -> None:
        self._stages = route_stages
        self._keys = route_keys

    def __call__(self, results: Results) -> Decision:
        """Return the decision of one run; ``flag`` says what is wrong with it."""
        if len(self._stages) == 1:
            return self._read(results.get(self._stages[0]))
        found = [self._read(results[name]) for name in self._stages if not _skipped(results.get(name))]
        if not found:
            return Decision(None, flag=Flag.NO_ROUTE)
        return Decision(
            route="/".join(decision.route or "" for decision in found) if any(d.route for d in found) else None,
            asked_route="/".join(decision.asked_route or decision.route or "" for decision in found) or None,
            confidence=min((d.confidence for d in found if d.confidence is not None), default=None),
            tier=max(decision.tier for decision in found),
            attempts=sum(decision.attempts for decision in found),
            flag=next((decision.flag for decision in found if decision.flag is not None), None),
        )

    def _read(self, output: StageOutput | None) -> Decision:
        data = output.data if output is not None else {}
        value = next((data[key] for key in self._keys if key in data), None)
        route, flag = route_label(value)
        asked, _ = route_label(data.get("asked_route"))
        confidence = data.get("confidence")
        tier = data.get("tier")
        attempts = data.get("attempts")
        return Decision(
            route=route,
            asked_route=asked or route,
            confidence=float(confidence) if isinstance(confidence, (int, float)) else None,
            tier=tier if isinstance(tier, int) else 0,
            attempts=len(attempts)
            if isinstance(attempts, (list, tuple))
            else attempts
            if isinstance(attempts, int)
            else 1,
            flag=flag,
        )


def _count(attempts: object) -> int:
    """Return a number of attempts given as a number or as a list of them; 1 where the target gives none."""
    if isinstance(attempts, (list, tuple)):
        return len(attempts)
    return attempts if isinstance(attempts, int) else 1


def _skipped(output: StageOutput | None) -> bool:
    return output is None or output.status is StageStatus.SKIP


def route_label(value: object) -> tuple[str | None, Flag | None]:
    """Return the label of a route as recorded, and what is wrong with it.

    A label has at most ``ROUTE_LABEL_LIMIT`` characters: a longer route keeps its head and a checksum, so that two
    long routes stay two.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or value == "":
        return None, Flag.NO_ROUTE
    flag = None if isinstance(value, str) else Flag.MALFORMED
    text = value if isinstance(value, str) else repr(value)
    if len(text) > ROUTE_LABEL_LIMIT:
        checksum = crc32(text.encode("utf-8", "surrogatepass"))
        return f"{text[: ROUTE_LABEL_LIMIT - 10]}…#{checksum:08x}", flag or Flag.OVERSIZED
    return text, flag
