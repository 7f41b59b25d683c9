"""``Target``: a pipeline together with how to ask it and how to read its routing decision.

A plain Stageflow pipeline needs none of this. Whoever has a pipeline that keeps its route somewhere else, or needs
a context of its own, points ``--target`` at a ``Target`` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from stageflow import Pipeline, PipelineContext, StageOutput, StageStatus
from stageflow.pipeline.dag import UnifiedStageGraph

from harness.load.corpus.corpus import Scenario
from harness.words.clock import now_ns
from harness.words.errors import one_line, printable
from harness.words.operation import ROUTE_LABEL_LIMIT, AttemptOutcome, AttemptTuple, Decision, Flag

_new_tuple = tuple.__new__  # Decision(...) is a Python call more
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
        self._first_key = route_keys[0]
        self._only = route_stages[0] if len(route_stages) == 1 else None

    def __call__(self, results: Results) -> Decision:
        """Return the decision of one run; ``flag`` says what is wrong with it."""
        if self._only is not None:
            output = results.get(self._only)
            return self._plain(output.data if output is not None else {})
        found = [self._read(results[name].data) for name in self._stages if not _skipped(results.get(name))]
        if not found:
            return Decision(None, flag=Flag.NO_ROUTE)
        return Decision(
            route="/".join(decision.route or "" for decision in found) if any(d.route for d in found) else None,
            asked_route="/".join(decision.asked_route or "" for decision in found)
            if any(d.asked_route for d in found)
            else None,
            confidence=min((d.confidence for d in found if d.confidence is not None), default=None),
            tier=max(decision.tier for decision in found),
            attempts=sum(decision.attempts for decision in found),
            flag=next((decision.flag for decision in found if decision.flag is not None), None),
            tried=tuple(attempt for decision in found for attempt in decision.tried),
        )

    def _plain(self, data: Mapping[str, object]) -> Decision:
        """Read what nearly every operation gives, a route and a confidence, on the target's own core."""
        route = data.get(self._first_key)
        if (
            type(route) is str
            and 0 < len(route) <= ROUTE_LABEL_LIMIT
            and route.isprintable()
            and _REPORTS.isdisjoint(data)
        ):
            confidence = data.get("confidence")
            if type(confidence) is not float or not -1e30 < confidence < 1e30:
                confidence = _share(confidence)
            return _new_tuple(Decision, (route, route, confidence, 0, 1, None, ()))
        return self._read(data)

    def _read(self, data: Mapping[str, object]) -> Decision:
        value = data.get(self._first_key)
        if value is None:
            value = next((data[key] for key in self._keys if key in data), None)
        route, flag = route_label(value)
        asked = data.get("asked_route")
        tier, attempts = _count(data.get("tier"), 0), _count(data.get("attempts"), 1)
        tried, well_formed = tried_in(data.get("attempts"))
        if tier is None or attempts is None or not well_formed:
            flag = flag or Flag.MALFORMED
        return Decision(
            route,
            route if asked is None else route_label(asked)[0],
            _share(data.get("confidence")),
            tier or 0,
            1 if attempts is None else attempts,
            flag,
            tried,
        )


def checked(decision: object) -> Decision:
    """Return what a reader of the user's own gave, as the history can keep it; TypeError if it is no ``Decision``."""
    if not isinstance(decision, Decision):
        raise TypeError(f"read_decision returned {type(decision).__name__}, expected a Decision")
    route, flag = route_label(decision.route)
    asked = None if decision.asked_route is None else route_label(decision.asked_route)[0]
    tier, attempts = _count(decision.tier, 0), _count(decision.attempts, 1)
    tried, well_formed = tried_in([_as_told(attempt) for attempt in decision.tried])
    if tier is None or attempts is None or not well_formed:
        flag = flag or Flag.MALFORMED
    own = decision.flag if isinstance(decision.flag, Flag) and decision.flag is not Flag.STOPPED else None
    return Decision(
        route, asked, _share(decision.confidence), tier or 0, 1 if attempts is None else attempts, own or flag, tried
    )


def tried_in(attempts: object) -> tuple[tuple[AttemptTuple, ...], bool]:
    """Return the attempts that a list tells one by one, and whether all of them are well-formed.

    An attempt is a mapping with ``route``, ``tier``, ``start_ns``, ``end_ns`` (``time.monotonic_ns`` of this process),
    ``outcome`` (an ``AttemptOutcome``), and where known ``breaker``, ``reason``, ``given`` and ``left``. Elements
    without ``start_ns`` are told in a form of the target's own: they are counted elsewhere, and not looked at here.
    """
    if not isinstance(attempts, (list, tuple)) or len(attempts) > COUNT_LIMIT:
        return (), True
    told = [attempt for attempt in attempts if isinstance(attempt, Mapping) and "start_ns" in attempt]
    now = now_ns()
    tried = [_attempt(attempt, now) for attempt in told]
    kept = tuple(attempt for attempt in tried if attempt is not None)
    return kept, len(kept) == len(told)


def _attempt(told: Mapping[object, object], now: int) -> AttemptTuple | None:
    """Return an attempt as the history can keep it; None where it is malformed."""
    route, flag = route_label(told.get("route"))
    tier, start_ns, end_ns = _count(told.get("tier"), 0), told.get("start_ns"), told.get("end_ns")
    outcome, breaker, reason = told.get("outcome"), told.get("breaker"), told.get("reason")
    if route is None or flag is Flag.MALFORMED or tier is None:
        return None
    if type(start_ns) is not int or type(end_ns) is not int or not 0 <= start_ns <= end_ns <= now:
        return None
    if not isinstance(outcome, str) or str.__str__(outcome) not in _ATTEMPT_OUTCOMES:
        return None
    if not isinstance(breaker, (str, NoneType)) or not isinstance(reason, (str, NoneType)):
        return None
    given, left = (_checksum(told.get(key)) for key in ("given", "left"))
    return route, tier, start_ns, end_ns, str.__str__(outcome), _text(breaker, 40), _text(reason, 300), given, left


def _checksum(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 63 else None


def _text(text: str | None, limit: int) -> str | None:
    return None if text is None else printable(str.__str__(text)[:limit])


def _as_told(attempt: object) -> dict[object, object]:
    """Return an attempt that the user's own reader gave, also one given as a tuple, as a target tells it."""
    given = zip(_TOLD, attempt, strict=False) if isinstance(attempt, tuple) else attempt
    told: dict[object, object] = dict(given) if isinstance(given, (Mapping, zip)) else {}
    return {"start_ns": None, **told}


_TOLD = ("route", "tier", "start_ns", "end_ns", "outcome", "breaker", "reason", "given", "left")
_ATTEMPT_OUTCOMES = frozenset(outcome.value for outcome in AttemptOutcome)


_REPORTS = frozenset({"asked_route", "tier", "attempts"})  # what a target that falls back reports besides
COUNT_LIMIT = 32_767  # what the history keeps


def _count(value: object, default: int) -> int | None:
    """Return a tier or a number of attempts, also given as a list; None where it is no such thing."""
    if value is None:
        return default
    if isinstance(value, (list, tuple)):
        value = len(value)
    return value if type(value) is int and 0 <= value <= COUNT_LIMIT else None


def _share(value: object) -> float | None:
    """Return a confidence, None where the target gives no finite number."""
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, (int, float))):
        return None
    return float(value) if abs(value) < 1e30 else None  # not-a-number compares false


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  # an object of the target whose own repr raises
        return f"<{type(value).__name__}: {one_line(error)}>"


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
    text = value if isinstance(value, str) else _repr(value)
    shown = printable(text[:ROUTE_LABEL_LIMIT])
    if len(text) > ROUTE_LABEL_LIMIT:
        flag = flag or Flag.OVERSIZED
    if max(len(text), len(shown)) > ROUTE_LABEL_LIMIT:
        checksum = crc32(text.encode("utf-8", "surrogatepass"))
        shown = f"{shown[: ROUTE_LABEL_LIMIT - 10]}…#{checksum:08x}"
    return shown, flag
