"""Every fault plan that the documents show does what it says, on the target that ships with the harness."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from uuid import UUID

import pytest

from harness.load.corpus.corpus import DEFAULT_CORPUS, read_corpus
from harness.load.faults.capabilities import require_known, require_sent
from harness.load.faults.kinds import KINDS
from harness.load.faults.plan import PLANS, parse_fault_plan
from harness.pipeline.find import RESILIENT_TARGET, find_target
from harness.pipeline.inject.fault_schedule import Switches
from harness.pipeline.inject.injector import Injector
from harness.pipeline.inject.whole_window import Windows
from harness.pipeline.runner import TargetRunner
from harness.pipeline.target import Identity
from harness.pipeline.tracing import Trace, current_trace
from harness.words.components import BACKEND, BREAKER, Owner, building, components
from harness.words.operation import Outcome

ROOT = Path(__file__).parents[4]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
    if "[[fault]]" in block
]
SHIPPED = [pytest.param(path.read_text(encoding="utf-8"), id=path.stem) for path in sorted(PLANS.glob("*.toml"))]

OPERATIONS_PER_S = 20
USERS = 60
FIRST_INDEX = 900  # of the run that is looked at: the pages show windows of operations from 1,000 on


async def _faulty(info, serve):
    await current_trace.get().hit.backend(info.backend, serve)


class Run:
    """Operations of the shipped corpus against the reference target with chains, under a plan, on the loop's clock."""

    def __init__(self, text):
        plan = parse_fault_plan(text.encode(), "documents")
        self.faults, self.edges, self.traces, self.slots = plan.fault, [], [], []
        self.scenarios = read_corpus(DEFAULT_CORPUS).scenarios
        owner = Owner()
        with building(owner):
            self.runner = TargetRunner(find_target(RESILIENT_TARGET), "shared", RESILIENT_TARGET, owner)
        require_known(plan, "documents", self.runner.capabilities())
        require_sent(plan, "documents", self.scenarios, self.runner.capabilities())
        self.runner.injector = Injector(plan, "documents")
        self.switches = Switches(self.runner.injector, Windows(plan, "documents", owner), self.edges.append)
        self.backends = components(BACKEND, owner=owner, alone=True)
        for backend in self.backends:
            backend.fault = _faulty
        self.whole = self.all_slots()
        for breaker in components(BREAKER, owner=owner, alone=True):
            breaker._clock = lambda: asyncio.get_running_loop().time()  # else a minute of the run is no time for them

    def all_slots(self):
        return {backend.name: backend.slots for backend in self.backends}

    async def go(self):
        """Send operations until every window has been open for 3 s, and return their outcomes."""
        ends_s = max((fault.when.to_s or (fault.when.from_s or 0) + 10) for fault in self.faults) + 3
        tasks = []
        for n in range(int(ends_s * OPERATIONS_PER_S)):
            self.switches.update(asyncio.get_running_loop().time(), USERS)
            tasks.append(asyncio.ensure_future(self.one(n)))
            self.slots.append(self.all_slots())
            await asyncio.sleep(1 / OPERATIONS_PER_S)
        replies = await asyncio.gather(*tasks)
        self.switches.end()
        return [reply.outcome for reply in replies]

    async def one(self, n):
        self.traces.append(Trace())
        identity = Identity(*[UUID(int=FIRST_INDEX + n)] * 4)
        return await self.runner.run(self.scenarios[7 * n % len(self.scenarios)], identity, self.traces[-1])


@pytest.mark.slow
@pytest.mark.parametrize("plan", SHOWN + SHIPPED)
def test_every_fault_of_a_plan_that_is_shown_strikes_and_is_undone(virtually, plan):
    run = Run(plan)
    outcomes = virtually(run.go())
    assert {edge.name for edge in run.edges if edge.after == "open"} == {fault.name for fault in run.faults}
    assert len([edge for edge in run.edges if edge.after == "closed"]) == len(run.edges) / 2
    assert not [edge for edge in run.edges if edge.cause.startswith("failed")]
    struck = {injection.fault for trace in run.traces for injection in trace.hit.injections}
    assert struck == {fault.name for fault in run.faults if not fault.whole_window}
    for fault in run.faults:
        if fault.kind == "slots":
            name = fault.where.backend
            assert min(slots[name] for slots in run.slots) == run.whole[name] - fault.what.remove
    assert run.all_slots() == run.whole
    assert set(outcomes) == {Outcome.OK}  # the chains answer whatever the plans do


def test_there_are_plans_in_the_documents():
    assert SHOWN
    assert SHIPPED


def test_the_documents_name_every_kind() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert rows >= set(KINDS)
