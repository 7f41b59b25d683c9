"""The inputs of a run, read and validated before any load."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.judge.criteria import DEFAULT_CRITERIA, Criterion, parse_criteria, read_criteria
from harness.load.corpus import DEFAULT_CORPUS, Corpus, Scenario, read_corpus
from harness.swarm.options import Options
from harness.target.find import REFERENCE_TARGET, find_target
from harness.target.runner import TargetRunner

BASELINE_SIZE = 200
BASELINE_BUDGET_S = 10.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a run is made of."""

    options: Options
    runner: TargetRunner
    scenarios: tuple[Scenario, ...]
    golden: bool  # whether the expected routes are this target's
    criteria: tuple[Criterion, ...]
    digests: Mapping[str, str]  # SHA-256 of corpus and criteria

    @property
    def labels(self) -> dict[str, str]:
        """Human label by scenario id, where the corpus gives one."""
        return {scenario.id: scenario.label for scenario in self.scenarios if scenario.label is not None}

    def baseline_sample(self) -> tuple[list[Scenario], float | None]:
        """Return the scenarios of the sequential pass, and the seconds it may take (None: as long as it needs)."""
        size = self.options.baseline_size
        budget = BASELINE_BUDGET_S if size is None else None
        wanted = min(BASELINE_SIZE if size is None else size, len(self.scenarios))
        return random.Random(f"baseline {self.options.seed}").sample(self.scenarios, wanted), budget


def load_inputs(options: Options) -> Inputs:
    """Read and validate target, corpus and criteria.

    Raises:
        UsageError: one of them cannot be used; the message is the one line to show.

    """
    runner = load_runner(options)
    corpus, golden = _load_corpus(options)
    if options.criteria is None:
        criteria = parse_criteria(DEFAULT_CRITERIA, "default criteria")
    else:
        criteria = read_criteria(options.criteria)
    text = "\n".join(criterion.text for criterion in criteria)
    digests = {"corpus": corpus.digest, "criteria": hashlib.sha256(text.encode()).hexdigest()}
    scenarios = corpus.scenarios
    if not golden:
        scenarios = tuple(replace(scenario, expected_route=None) for scenario in scenarios)
    return Inputs(options, runner, scenarios, golden, criteria, digests)


def load_runner(options: Options) -> TargetRunner:
    """Find and build the target anew.

    Raises:
        TargetError: it cannot be found, built or tested.

    """
    return TargetRunner(find_target(options.target, seed=options.seed), options.graph_scope, options.target)


def _load_corpus(options: Options) -> tuple[Corpus, bool]:
    """Return the corpus and whether its golden routes count: the shipped ones are the reference target's alone."""
    if options.corpus is None:
        return read_corpus(DEFAULT_CORPUS), options.target == REFERENCE_TARGET
    corpus = read_corpus(options.corpus)
    return corpus, bool(corpus.routes)
