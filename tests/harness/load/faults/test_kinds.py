"""Every kind of faults says what it is and does, and everybody who has to know asks it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from made_cases import made
from made_faults import PLACES, a_fault, plan_of

from harness.judge.checkers.disturbances.ledger import Fate, fate_of
from harness.judge.checkers.fallbacks.chain_deadline import ChainDeadline
from harness.judge.entry import Status
from harness.load.faults.capabilities import Capabilities, require_known
from harness.load.faults.describe import in_words, table_of_kinds
from harness.load.faults.kinds import KINDS
from harness.load.faults.kinds.what import Effect, Rules, What
from harness.load.faults.plan import FaultPlan, FaultPlanError, parse_fault_plan
from harness.words.place import PlaceKind
from scripts.document_kinds import documented

ROOT = Path(__file__).parents[4]
ACTS = {
    Effect.DELAY: ("before", "after"),
    Effect.CHANGE: ("read",),
    Effect.ANSWER: ("answer",),
    Effect.DECIDE: ("decide", "answer"),
    Effect.WHOLE_WINDOW: ("open",),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@every_kind
def test_a_kind_says_what_it_is(kind):
    assert isinstance(kind.effect, Effect)
    assert isinstance(kind.rules, Rules)
    assert kind.does
    assert kind.places <= set(PlaceKind)
    assert kind.places
    assert set(kind.units) <= set(kind.__struct_fields__)
    assert all(f"`{name}`" in kind.settings for name in kind.__struct_fields__)


@every_kind
def test_a_kind_acts_as_its_effect_says_and_not_otherwise(kind):
    hooks = {name for names in ACTS.values() for name in names}
    own = {name for name in hooks if getattr(kind, name) is not getattr(What, name)}
    assert own
    assert own <= set(ACTS[kind.effect])


@every_kind
def test_a_kind_that_settles_nothing_about_the_call_cannot_stand_in_for_it(kind):
    decides = kind.effect in (Effect.DECIDE, Effect.ANSWER)
    assert a_fault(kind).what.decides == decides
    assert decides or not kind.instead
    assert not (kind.instead and kind.needs_call)


@every_kind
def test_a_plan_takes_a_kind_at_its_places_and_nowhere_else(kind):
    fault = a_fault(kind)
    assert parse_fault_plan(plan_of(fault), "plan").fault == (fault,)
    for other in set(PlaceKind) - kind.places:
        with pytest.raises(FaultPlanError):
            parse_fault_plan(plan_of(fault, PLACES[other]), "plan")


@every_kind
def test_people_read_a_kind_by_its_name(kind):
    fault = a_fault(kind)
    assert in_words(fault).startswith(f"{fault.where}: {kind.name()}")


@every_kind
def test_a_target_that_lacks_the_place_is_refused_and_one_that_has_it_is_not(kind):
    plan = FaultPlan((a_fault(kind),))
    names = ["x"]
    there = Capabilities(names, names, names, names, names, slots={"x": 3})
    require_known(plan, "plan", there)
    if plan.fault[0].where.place.name:
        with pytest.raises(FaultPlanError):
            require_known(plan, "plan", Capabilities([], routes=[]))


@every_kind
def test_the_ledger_knows_what_became_of_a_kind(kind):
    fates = {
        Effect.DELAY: Fate.SERVED_LATE,
        Effect.CHANGE: Fate.NO_EFFECT,
        Effect.ANSWER: Fate.NO_EFFECT,
        Effect.DECIDE: Fate.UNACCOUNTED,
        Effect.WHOLE_WINDOW: Fate.UNACCOUNTED,
    }
    case = made(injections=(("x", kind.name(), "stage router", 1, 2),))
    assert fate_of(case, case.injections[0], {}) is fates[kind.effect]


def test_what_a_kind_of_another_version_did_is_undecided():
    case = made(injections=(("x", "solar flare", "stage router", 1, 2),))
    assert fate_of(case, case.injections[0], {}) is Fate.UNDECIDED


@every_kind
def test_a_chain_is_late_unless_a_kind_held_the_loop(kind):
    check = ChainDeadline(1.0)
    check.add(made(", ".join(["a0 failed"] * 9 + ["b1 ok"]), injections=(("x", kind.name(), "route a, tier 0", 1, 2),)))
    assert check.close().status is (Status.VALID if kind.holds_loop else Status.INVALID)


def test_the_documents_have_the_table_that_the_kinds_give():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert table_of_kinds() in page
    assert documented(page) == page


def test_a_table_that_lacks_a_kind_is_written_anew():
    rows = table_of_kinds().splitlines(keepends=True)
    assert documented("".join(["before\n", *rows[:-1], "\nafter\n"])) == f"before\n{table_of_kinds()}\nafter\n"


def test_nobody_else_knows_a_kind_by_its_name():
    unlike_any_other_word = {name for name in KINDS if "_" in name} | {"reload"}
    own = ROOT / "harness" / "load" / "faults" / "kinds"
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value}"
        for package in ("harness", "analysis")
        for path in (ROOT / package).rglob("*.py")
        if own not in path.parents
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in unlike_any_other_word
    ]
    assert not found
