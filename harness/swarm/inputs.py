"""The inputs of a run, read and validated before any load."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.judge.criteria.criteria import DEFAULT_CRITERIA, Criterion, parse_criteria, read_criteria
from harness.load.arrivals.schedules import Schedule
from harness.load.corpus.corpus import DEFAULT_CORPUS, Corpus, Scenario, read_corpus
from harness.load.corpus.deck import DeckKey, first_drawn
from harness.load.faults.capabilities import require_known, require_sent
from harness.load.faults.plan import FaultPlan, read_fault_plan
from harness.pipeline.find import REFERENCE_TARGETS, find_target
from harness.pipeline.inject.injector import Injector
from harness.pipeline.inject.whole_window import Windows
from harness.pipeline.runner import TargetRunner
from harness.swarm.options import Options
from harness.words.components import Owner, building
from harness.words.errors import ScheduleError

BASELINE_SIZE = 200
BASELINE_BUDGET_S = 10.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a run is made of."""

    options: Options
    runner: TargetRunner
    fault_plan: FaultPlan | None
    scenarios: tuple[Scenario, ...]
    golden: bool  # whether the expected routes are this target's
    criteria: tuple[Criterion, ...]
    digests: Mapping[str, str]  # SHA-256 of corpus, criteria and schedules
    schedules: Mapping[str, Schedule] = field(default_factory=dict)  # by name of an open-loop user class

    @property
    def labels(self) -> dict[str, str]:
        """Human label by scenario id, where the corpus gives one."""
        return {scenario.id: scenario.label for scenario in self.scenarios if scenario.label is not None}

    def baseline_sample(
        self, shares: Mapping[DeckKey, float], certain: Iterable[Scenario] = ()
    ) -> tuple[list[Scenario], float | None]:
        """Return the scenarios of the baseline, and the seconds it may take (None: as long as it needs).

        They are those that will be sent first, so that a short run can be compared as well; ``shares`` says from what
        users draw, ``certain`` what is sent over and over.
        """
        size = self.options.baseline_size
        budget = BASELINE_BUDGET_S if size is None else None
        wanted = BASELINE_SIZE if size is None else size
        return first_drawn(self.scenarios, shares, seed=self.options.seed, size=wanted, certain=certain), budget


def load_inputs(options: Options, declared: Mapping[str, Schedule] | None = None, *, judges: bool = True) -> Inputs:
    """Read and validate target, corpus, criteria, and the schedules ``declared`` by user classes.

    A process that gives no verdict (``judges`` False: a worker) reads no criteria: their file need not be there.

    Raises:
        UsageError: one of them cannot be used; the message is the one line to show.

    """
    runner = load_runner(options)
    plan = None if options.fault_plan is None else _load_fault_plan(options.fault_plan, runner)
    corpus, golden = _load_corpus(options)
    if not judges:
        criteria: tuple[Criterion, ...] = ()
    elif options.criteria is None:
        criteria = parse_criteria(DEFAULT_CRITERIA, "default criteria")
    else:
        criteria = read_criteria(options.criteria)
    schedules = {name: _prepared(name, schedule, options.seed) for name, schedule in (declared or {}).items()}
    digests = {"corpus": corpus.digest}
    if judges:
        text = "\n".join(criterion.text for criterion in criteria)
        digests["criteria"] = hashlib.sha256(text.encode()).hexdigest()
    digests |= {f"schedule of {name}": schedule.digest for name, schedule in schedules.items()}
    scenarios = corpus.scenarios
    if not golden:
        scenarios = tuple(
            scenario if scenario.expected_route is None else replace(scenario, expected_route=None)
            for scenario in scenarios
        )
    if plan is not None and options.fault_plan is not None:
        require_sent(plan, str(options.fault_plan), scenarios, runner.capabilities())
        digests["fault_plan"] = hashlib.sha256(options.fault_plan.read_bytes()).hexdigest()
    return Inputs(options, runner, plan, scenarios, golden, criteria, digests, schedules)


def _prepared(user_class: str, schedule: Schedule, seed: int) -> Schedule:
    try:
        return schedule.prepared(f"{seed} {user_class}")
    except ScheduleError as error:
        raise ScheduleError(f"schedule of {user_class}: {error}") from error


def load_runner(options: Options) -> TargetRunner:
    """Find and build the target anew.

    Raises:
        TargetError: it cannot be found, built or tested.

    """
    owner = Owner()
    with building(owner):
        return TargetRunner(find_target(options.target, seed=options.seed), options.graph_scope, options.target, owner)


def _load_fault_plan(path: Path, runner: TargetRunner) -> FaultPlan:
    """Return the plan, all of which the target has."""
    plan = read_fault_plan(path)
    require_known(plan, str(path), runner.capabilities())
    Injector(plan, str(path))
    Windows(plan, str(path))
    return plan


def _load_corpus(options: Options) -> tuple[Corpus, bool]:
    """Return the corpus and whether its golden routes count: the shipped ones are the reference targets' alone."""
    if options.corpus is None:
        return read_corpus(DEFAULT_CORPUS), options.target in REFERENCE_TARGETS
    corpus = read_corpus(options.corpus)
    return corpus, bool(corpus.routes)
