"""Whoever puts a checker into the package has everything said of it, everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.files.documents import Entry as Row
from analysis.files.documents import Verdict
from analysis.report.findings import findings, recommendations
from harness.judge.checker import Checker, OfCases, OfOperations
from harness.judge.checkers.registry import named, registered
from harness.judge.criteria.criteria import _OF_CHECKS
from harness.judge.entry import Entry, Status
from harness.judge.evidence import Evidence, Need
from harness.judge.facts import Facts
from scripts.checker_pages import PAGES, TABLES, rendered

FACTS = Facts(golden=True, deadline_ms=None, arrivals=None, locust_requests=None)
ROWS = [
    *("accuracy", "consistency", "conservation", "hang", "silent fallback", "fallback correctness", "fallback loop"),
    *("state preservation", "chain deadline", "breaker legality", "ledger", "recovery", "silent failure"),
    "route vocabulary",
]


def test_rows_of_a_verdict_keep_their_names_and_their_order():
    assert [checker.name for checker in registered() if checker.name in ROWS] == ROWS


@pytest.mark.parametrize("checker", registered(), ids=lambda checker: checker.name)
class TestEveryChecker:
    def test_says_all_of_itself(self, checker: type[Checker]) -> None:
        for attribute in ("name", "means", "advice", "invalid_when", "unknown_when", "source"):
            text = getattr(checker, attribute)
            assert re.fullmatch(r"\S(.*\S)?", text), (attribute, text)
            assert "|" not in text  # it stands in a table
        assert issubclass(checker, OfOperations | OfCases)
        assert checker.needs <= frozenset(Need)
        assert isinstance(checker.required, bool)

    def test_lies_in_a_file_of_its_own(self, checker: type[Checker]) -> None:
        assert [each for each in registered() if each.__module__ == checker.__module__] == [checker]

    def test_is_made_of_the_evidence_and_holds_nothing_for_good_without_any(self, checker: type[Checker]) -> None:
        entry = checker.of(Evidence(FACTS)).close()
        assert entry is None or (entry.name, entry.status) == (checker.name, Status.UNKNOWN)

    def test_has_its_advice_in_the_findings_of_a_report(self, checker: type[Checker]) -> None:
        verdict = Verdict("FAIL", checks=[Row(checker.name, "INVALID")])
        (found,) = findings(verdict)
        assert found.recommendation == checker.advise({checker.name}, {})
        assert recommendations(verdict, [found])

    def test_is_in_the_definitions_and_in_the_guide(self, checker: type[Checker]) -> None:
        definitions, guide = (page.read_text(encoding="utf-8") for page in PAGES)
        assert f"| {checker.name} | " in definitions
        assert f"| {checker.name} | {checker.means} | {checker.advice} |" in guide

    def test_is_what_criteria_on_its_metric_ask(self, checker: type[Checker]) -> None:
        assert [metric for metric, name in _OF_CHECKS.items() if name == checker.name] == [
            metric for metric in [checker.metric] if metric is not None
        ]
        assert checker.of(Evidence(FACTS)).percent is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_say_what_the_checkers_say(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == rendered(text), "make docs"


def test_every_table_of_checks_is_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert re.findall(r"<!-- checks: ([a-z ]+) -->", text) == [*TABLES]


def test_every_row_of_the_guide_that_can_be_invalid_has_advice_in_a_report() -> None:
    guide = PAGES[1].read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", guide, re.MULTILINE)
    names = {name for name, means in rows if not means.startswith(("never INVALID", "what INVALID"))}
    names -= {"locustfile of your own", "a criterion"} | {name for name, _ in rows if ".py" in name}
    assert {"workers", "fault plan", "chain deadline", "event loop"} <= names
    for name in names:
        (found,) = findings(Verdict("FAIL", validity=[Row(name, "INVALID")]))
        assert found.recommendation, name


def test_there_is_no_checker_of_another_name() -> None:
    assert named("beauty") is None


class Late(OfOperations):
    """A checker that a test puts into the registry."""

    name, place, means, advice = "late", 35, "late", "be early"
    invalid_when, unknown_when, source = "late", "never", "ours"

    def close(self) -> Entry:
        return Entry(self.name, Status.VALID, None, None, "")


@pytest.fixture(name="with_late")
def with_late_fixture(monkeypatch):
    """Put a class into the module of another checker, as a file of its own would have it."""
    from harness.judge.checkers.outcomes import hang

    monkeypatch.setattr(Late, "__module__", hang.__name__)
    monkeypatch.setattr(hang, "Late", Late, raising=False)
    registered.cache_clear()
    yield
    registered.cache_clear()


@pytest.mark.usefixtures("with_late")
def test_a_class_in_a_module_of_the_package_is_a_checker_and_nothing_else_is_needed() -> None:
    names = [checker.name for checker in registered()]
    assert names.index("conservation") < names.index("late") < names.index("hang")
    assert named("late") is Late


@pytest.mark.usefixtures("with_late")
def test_two_checkers_of_one_name_are_an_error(monkeypatch) -> None:
    monkeypatch.setattr(Late, "name", "hang")
    with pytest.raises(TypeError, match="one name"):
        registered()
