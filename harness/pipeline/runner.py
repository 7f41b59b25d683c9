"""Running one operation against the target, in its asyncio task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from stageflow import Pipeline, StageKind
from stageflow.pipeline.dag import UnifiedPipelineCancelled, UnifiedStageGraph, UnifiedStageSpec

from harness.load.corpus.corpus import Scenario
from harness.load.faults.kinds.where import Capabilities
from harness.pipeline.error_place import raised_at
from harness.pipeline.target import (
    ContextBuilder,
    DecisionReader,
    Identity,
    RouteReader,
    Target,
    checked,
    default_context,
    tried_in,
)
from harness.pipeline.tracing import Faulty, Trace, current_trace, trace_stages
from harness.words.clock import now_ns
from harness.words.components import BACKEND, BREAKER, CHAIN, Component, Owner, components
from harness.words.errors import ChainFailedError, StepEndedError, TargetError, one_line
from harness.words.operation import Decision, Outcome

GRAPH_SCOPES = ("shared", "per-request")
_new_tuple = tuple.__new__  # Reply(...) is a Python call more


class Reply(NamedTuple):
    """What one run of the target came to."""

    outcome: Outcome
    decision: Decision
    error: str | None


NO_DECISION = Decision(None)


class Injects(Protocol):
    """The faults of a plan (``inject.injector``)."""

    def hit(self, scenario: Scenario, identity: Identity) -> Faulty:
        """Return what the plan may do to an operation; called in its task."""


class TargetRunner:
    """Runs scenarios through a target, one call per operation.

    Args:
        target: the pipeline under test.
        graph_scope: ``shared`` runs all operations on one built graph, as services do; ``per-request`` builds a graph
            with new interceptors for each, as ``Pipeline.run`` does.
        name: how errors call the target.
        owner: the build to which the parts of the target belong, None where it was not built for this.

    Raises:
        TargetError: the pipeline does not build, has no ROUTE stage, or cannot be built per request.

    """

    def __init__(self, target: Target, graph_scope: str, name: str, owner: Owner | None = None) -> None:
        if graph_scope not in GRAPH_SCOPES:
            raise TargetError(f"--graph-scope {graph_scope}: expected one of {', '.join(GRAPH_SCOPES)}")
        self._name = name
        self.owner = owner
        self.injector: Injects | None = None  # where a fault plan is in force
        self._build = self._builder(target)
        graph = self._built()
        self._stages = tuple(spec.name for spec in graph.stage_specs)
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
        self._read: DecisionReader = RouteReader(self.route_stages, target.route_keys)
        if (own := target.read_decision) is not None:
            self._read = lambda results: checked(own(results))
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
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            raise TargetError(
                f"--target {self._name}: the pipeline does not build: {one_line(error)}{raised_at(error)}"
            ) from error
        if not isinstance(graph, UnifiedStageGraph):
            raise TargetError(f"--target {self._name}: built a {type(graph).__name__}, expected a Stageflow graph")
        trace_stages(graph)
        return graph

    def capabilities(self) -> Capabilities:
        """Return what a fault plan may name in this target."""
        chains, backends = components(CHAIN, owner=self.owner), components(BACKEND, owner=self.owner)
        return Capabilities(
            stages=self._stages,
            route_stages=self.route_stages,
            backends=[part.name for part in backends],
            slots={part.name: slots for part in backends if isinstance(slots := getattr(part, "slots", None), int)},
            breakers=[part.name for part in components(BREAKER, owner=self.owner)],
            routes=[route for chain in chains for route in getattr(chain, "route_names", ())],
            tiers=_tiers(chains),
        )

    def chain_deadline_ms(self) -> float | None:
        """Return the longest deadline its fallback chains declare; None without one, or where one declares none.

        Chains that belong to no build are its own where its build made none.
        """
        chains = components(CHAIN, owner=self.owner, alone=True) or components(CHAIN, owner=self.owner)
        declared = [getattr(chain, "declared_deadline_ms", None) for chain in chains]
        known = [deadline_ms for deadline_ms in declared if deadline_ms is not None]
        return max(known) if known and len(known) == len(declared) else None

    async def run(self, scenario: Scenario, identity: Identity, trace: Trace) -> Reply:
        """Run one operation and return what it came to; ``trace`` is filled on the way.

        Whatever the target raises is an outcome, ``SystemExit`` and its like included. Raised is only the cancellation
        of the task itself.
        """
        current_trace.set(trace)
        if self.injector is not None:
            trace.hit = self.injector.hit(scenario, identity)
        try:
            graph = self._graph if self._graph is not None else self._built()
            results = await graph.run(self._context(scenario, identity))
            decision = self._read(results)
            error = f"no usable route: {decision.flag.value}" if decision.flag is not None else None
            return _new_tuple(Reply, (Outcome.OK, decision, error))
        except UnifiedPipelineCancelled as cancelled:
            return Reply(Outcome.CANCELLED, NO_DECISION, one_line(cancelled))
        except Exception as error:  # noqa: BLE001  # whatever the target raises is this operation's outcome
            root = _root(error)
            return Reply(Outcome.FAILED, _undecided(root), one_line(root))
        except GeneratorExit:
            raise  # the coroutine is closed
        except BaseException as error:
            if isinstance(error, StepEndedError):
                return Reply(Outcome.TIMEOUT, NO_DECISION, one_line(error))
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                raise
            outcome = Outcome.CANCELLED if isinstance(error, asyncio.CancelledError) else Outcome.FAILED
            return Reply(outcome, NO_DECISION, one_line(error))
        finally:
            trace.end_ns = now_ns()


def _root(error: Exception) -> BaseException:
    """Return what a stage raised, without Stageflow's wrapping."""
    original = getattr(error, "original", None)
    return original if isinstance(original, BaseException) else error


def _undecided(error: BaseException) -> Decision:
    """Return the decision of an operation that failed: none, with the attempts that a fallback chain tells of."""
    tried, _ = tried_in(error.attempts) if isinstance(error, ChainFailedError) else ((), True)
    return NO_DECISION._replace(attempts=len(tried), tried=tried) if tried else NO_DECISION


def _tiers(chains: list[Component]) -> dict[str, set[int]]:
    """Return the places each route has in the orders of all chains, without those that may have any."""
    found: dict[str, set[int]] = {}
    anywhere: set[str] = set()
    for chain in chains:
        tiers = getattr(chain, "tiers", None)
        if tiers is None:
            anywhere.update(getattr(chain, "route_names", ()))
            continue
        for route, places in tiers.items():
            found.setdefault(route, set()).update(places)
    return {route: places for route, places in found.items() if route not in anywhere}


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
