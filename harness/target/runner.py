"""Running one operation against the target, in its asyncio task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple
from uuid import UUID

from stageflow import Pipeline, StageKind
from stageflow.pipeline.dag import UnifiedPipelineCancelled, UnifiedStageGraph, UnifiedStageSpec

from harness.load.corpus import Scenario
from harness.target.target import ContextBuilder, DecisionReader, Identity, RouteReader, Target, default_context
from harness.target.tracing import Trace, current_trace, trace_stages
from harness.words.clock import now_ns
from harness.words.errors import TargetError, one_line
from harness.words.operation import Decision, Operation, Outcome, SpanTuple, operation_id

GRAPH_SCOPES = ("shared", "per-request")


class Reply(NamedTuple):
    """What one run of the target came to."""

    outcome: Outcome
    decision: Decision
    error: str | None


NO_DECISION = Decision(None)


class TargetRunner:
    """Runs scenarios through a target, one call per operation.

    Args:
        target: the pipeline under test.
        graph_scope: ``shared`` runs all operations on one built graph, as services do; ``per-request`` builds a graph
            with new interceptors for each, as ``Pipeline.run`` does.
        name: how errors call the target.

    Raises:
        TargetError: the pipeline does not build, has no ROUTE stage, or cannot be built per request.

    """

    def __init__(self, target: Target, graph_scope: str, name: str) -> None:
        if graph_scope not in GRAPH_SCOPES:
            raise TargetError(f"--graph-scope {graph_scope}: expected one of {', '.join(GRAPH_SCOPES)}")
        self._name = name
        self._build = self._builder(target)
        graph = self._built()
        self.route_stages = tuple(
            spec.name for spec in _in_order(graph) if spec.kind is not None and spec.kind is StageKind.ROUTE
        )
        if not self.route_stages and target.read_decision is None:
            kinds = ", ".join(
                f"{spec.name} ({spec.kind.value if spec.kind else 'no kind'})" for spec in graph.stage_specs
            )
            raise TargetError(f"--target {name}: the pipeline has no ROUTE stage, found {kinds}")
        if graph_scope == "per-request" and isinstance(target.pipeline, UnifiedStageGraph):
            raise TargetError(
                f"--target {name}: a built graph is shared by nature, --graph-scope per-request needs a Pipeline"
            )
        self._graph: UnifiedStageGraph | None = graph if graph_scope == "shared" else None
        self._read: DecisionReader = target.read_decision or RouteReader(self.route_stages, target.route_keys)
        self._context: ContextBuilder = target.build_context or default_context

    @staticmethod
    def _builder(target: Target) -> Callable[[], object]:
        pipeline = target.pipeline
        if isinstance(pipeline, Pipeline):
            return pipeline.build
        if isinstance(pipeline, UnifiedStageGraph):
            return lambda: pipeline
        return lambda: made.build() if isinstance(made := pipeline(), Pipeline) else made

    def _built(self) -> UnifiedStageGraph:
        try:
            graph = self._build()
        except TargetError:
            raise
        except (Exception, SystemExit) as error:
            raise TargetError(f"--target {self._name}: the pipeline does not build: {one_line(error)}") from error
        if not isinstance(graph, UnifiedStageGraph):
            raise TargetError(f"--target {self._name}: built a {type(graph).__name__}, expected a Stageflow graph")
        trace_stages(graph)
        return graph

    async def run(self, scenario: Scenario, identity: Identity, trace: Trace) -> Reply:
        """Run one operation and return what it came to; ``trace`` is filled on the way.

        A failure that the target surfaces is an outcome, not an exception. Raised is only what is no ``Exception``:
        a cancellation from outside the pipeline, ``SystemExit`` and their like.
        """
        current_trace.set(trace)
        try:
            graph = self._graph if self._graph is not None else self._built()
            results = await graph.run(self._context(scenario, identity))
            decision = self._read(results)
            error = f"no usable route: {decision.flag.value}" if decision.flag is not None else None
            return Reply(Outcome.OK, decision, error)
        except UnifiedPipelineCancelled as cancelled:
            return Reply(Outcome.CANCELLED, NO_DECISION, one_line(cancelled))
        except Exception as error:  # noqa: BLE001  # whatever the target raises is this operation's outcome
            return Reply(Outcome.FAILED, NO_DECISION, one_line(_root(error)))
        finally:
            trace.end_ns = now_ns()


def _root(error: Exception) -> BaseException:
    """Return what a stage raised, without Stageflow's wrapping."""
    original = getattr(error, "original", None)
    return original if isinstance(original, BaseException) else error


def _in_order(graph: UnifiedStageGraph) -> list[UnifiedStageSpec]:
    """Return the stages so that each comes after those it depends on, ties in declared order."""
    left = list(graph.stage_specs)
    done: set[str] = set()
    ordered: list[UnifiedStageSpec] = []
    while left:
        ready = [spec for spec in left if done.issuperset(spec.dependencies)] or left
        ordered += ready
        done.update(spec.name for spec in ready)
        left = [spec for spec in left if spec.name not in done]
    return ordered


def _ended_by(raised: BaseException) -> Reply:
    """Return what an operation came to that ended by no ``Exception``; raise if it is the pass that shall end."""
    task = asyncio.current_task()
    if isinstance(raised, GeneratorExit) or (task is not None and task.cancelling()):
        raise raised
    outcome = Outcome.CANCELLED if isinstance(raised, asyncio.CancelledError) else Outcome.FAILED
    return Reply(outcome, NO_DECISION, one_line(raised))


async def run_sequential(
    runner: TargetRunner, scenarios: Iterable[Scenario], deadline_s: float, budget_s: float | None = None
) -> list[tuple[Operation, list[SpanTuple]]]:
    """Run scenarios one after the other and return an operation and its spans for each.

    A scenario past its deadline is a timeout, and the pass goes on. After ``budget_s`` seconds (None: never) no
    further scenario is begun, so that the first is always run.
    """
    begun = now_ns()
    nobody = Identity(*(UUID(int=purpose + 1) for purpose in range(4)))
    passed: list[tuple[Operation, list[SpanTuple]]] = []
    for ordinal, scenario in enumerate(scenarios):
        if budget_s is not None and passed and now_ns() - begun > budget_s * 1e9:
            break
        trace = Trace()
        start_ns = now_ns()
        try:
            async with asyncio.timeout(deadline_s):
                reply = await runner.run(scenario, nobody, trace)
        except TimeoutError:
            reply = Reply(Outcome.TIMEOUT, NO_DECISION, "no outcome at the deadline")
        except BaseException as raised:  # noqa: BLE001  # whatever a stage raises is this operation's outcome
            reply = _ended_by(raised)
        end_ns = now_ns() if trace.end_ns is None else trace.end_ns
        decision = reply.decision
        operation = Operation(
            id=operation_id(0, ordinal),
            worker=0,
            user=0,
            user_class="(sequential)",
            scenario=scenario.id,
            priority=scenario.priority,
            expected_route=scenario.expected_route,
            intended_ns=start_ns,
            start_ns=start_ns,
            entered_ns=trace.entered_ns,
            end_ns=end_ns,
            resumed_ns=end_ns,
            outcome=reply.outcome,
            route=decision.route,
            asked_route=decision.asked_route,
            confidence=decision.confidence,
            tier=decision.tier,
            attempts=decision.attempts,
            flag=decision.flag,
            error=reply.error,
        )
        passed.append((operation, trace.spans))
    return passed
