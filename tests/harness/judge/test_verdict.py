"""The exit codes of the README: what decides a run, and in which order."""

from __future__ import annotations

import itertools
import json

import pytest

from harness.judge.entry import Entry, Status
from harness.judge.verdict import Conclusion, conclude
from harness.words.errors import ExitCode
from harness.words.operation import operation_id

GOOD_CRITERION = Entry("p95", Status.PASS, "5 ms", "< 500 ms", "")
BAD_CRITERION = Entry("p99", Status.FAIL, "900 ms", "< 500 ms", "")
OPEN_CRITERION = Entry("p50", Status.UNKNOWN, None, "< 500 ms", "")
GOOD_CHECK = Entry("accuracy", Status.VALID, "100 %", "100 %", "")
BAD_CHECK = Entry("consistency", Status.INVALID, "99 %", "100 %", "", (operation_id(2, 7),))
OPEN_CHECK = Entry("hang", Status.UNKNOWN, None, None, "")
OPTIONAL_CHECK = Entry("labels", Status.UNKNOWN, None, None, "", required=False)
TRUSTED = Entry("workers", Status.VALID, "0 lost", "none lost", "")
UNTRUSTED = Entry("recording", Status.INVALID, "1 lost", "none lost", "")
OPEN_VALIDITY = Entry("load", Status.UNKNOWN, None, None, "")

PASS = (Conclusion.PASS, ExitCode.PASS)
CONCERNS = (Conclusion.CONCERNS, ExitCode.PASS)
CRITERION = (Conclusion.FAIL, ExitCode.CRITERION)
CHECKER = (Conclusion.FAIL, ExitCode.CHECKER)
INCONCLUSIVE = (Conclusion.INCONCLUSIVE, ExitCode.INCONCLUSIVE)


def concluded(*entries, concerns=()):
    criteria = [e for e in (GOOD_CRITERION, *entries) if e in (GOOD_CRITERION, BAD_CRITERION, OPEN_CRITERION)]
    validity = [e for e in (TRUSTED, *entries) if e in (TRUSTED, UNTRUSTED, OPEN_VALIDITY)]
    checks = [e for e in (GOOD_CHECK, *entries) if e in (GOOD_CHECK, BAD_CHECK, OPEN_CHECK, OPTIONAL_CHECK)]
    return conclude(criteria, checks, validity, {"operations": 3}, concerns)


@pytest.mark.parametrize(
    ("entries", "expected", "named"),
    [
        ((), PASS, "every criterion and every check holds"),
        ((OPTIONAL_CHECK,), CONCERNS, "labels is UNKNOWN"),
        ((BAD_CRITERION,), CRITERION, "a criterion failed: p99"),
        ((BAD_CHECK,), CHECKER, "a checker found a violation: consistency"),
        ((UNTRUSTED,), INCONCLUSIVE, "the run cannot be trusted: recording"),
        ((OPEN_CRITERION,), INCONCLUSIVE, "not measured: p50"),
        ((OPEN_CHECK,), INCONCLUSIVE, "not measured: hang"),
        ((OPEN_VALIDITY,), INCONCLUSIVE, "not measured: load"),
        # a violation is proven, whatever else is doubtful
        ((BAD_CHECK, BAD_CRITERION), CHECKER, "consistency"),
        ((BAD_CHECK, UNTRUSTED), CHECKER, "consistency"),
        ((BAD_CHECK, OPEN_CHECK), CHECKER, "consistency"),
        # numbers of a run that cannot be trusted prove nothing
        ((UNTRUSTED, BAD_CRITERION), INCONCLUSIVE, "recording"),
        # a failed criterion is measured, what is UNKNOWN is not
        ((BAD_CRITERION, OPEN_CHECK), CRITERION, "p99"),
        ((BAD_CRITERION, OPEN_CRITERION), CRITERION, "p99"),
        ((BAD_CRITERION, OPTIONAL_CHECK), CRITERION, "p99"),
        ((OPEN_CHECK, OPTIONAL_CHECK), INCONCLUSIVE, "not measured: hang"),
        ((BAD_CHECK, UNTRUSTED, BAD_CRITERION, OPEN_CHECK, OPTIONAL_CHECK), CHECKER, "consistency"),
    ],
)
def test_what_decides_a_run_and_in_which_order(entries, expected, named):
    verdict = concluded(*entries)
    assert (verdict.conclusion, verdict.exit_code) == expected
    assert named in verdict.reason


def test_a_concern_turns_a_pass_into_one_with_concerns_and_is_told():
    verdict = concluded(concerns=["3 operations failed"])
    assert (verdict.conclusion, verdict.exit_code, verdict.reason) == (*CONCERNS, "3 operations failed")
    verdict = concluded(OPTIONAL_CHECK, concerns=["3 operations failed"])
    assert verdict.reason == "3 operations failed; labels is UNKNOWN"


@pytest.mark.parametrize(("entry", "expected"), [(BAD_CHECK, CHECKER), (BAD_CRITERION, CRITERION)])
def test_a_concern_changes_nothing_that_is_worse(entry, expected):
    verdict = concluded(entry, concerns=["3 operations failed"])
    assert (verdict.conclusion, verdict.exit_code) == expected


def test_no_combination_exits_with_locusts_own_1_or_passes_what_is_broken_or_open():
    everything = (BAD_CRITERION, OPEN_CRITERION, BAD_CHECK, OPEN_CHECK, OPTIONAL_CHECK, UNTRUSTED, OPEN_VALIDITY)
    for size in range(len(everything) + 1):
        for entries in itertools.combinations(everything, size):
            verdict = concluded(*entries)
            assert verdict.exit_code in {0, 10, 11, 12}
            assert (verdict.exit_code == 0) == (not set(entries) - {OPTIONAL_CHECK})
            assert (verdict.conclusion is Conclusion.FAIL) == (verdict.exit_code in {10, 11})


def test_every_broken_row_of_a_kind_is_named():
    verdict = conclude([], [BAD_CHECK, GOOD_CHECK, Entry("hang", Status.INVALID, None, None, "")], [TRUSTED], {})
    assert verdict.reason == "a checker found a violation: consistency, hang"


def test_verdict_json_holds_the_keys_of_the_contract_and_readable_ids():
    content = concluded(BAD_CHECK).as_json()
    assert json.loads(json.dumps(content)) == content
    assert set(content) >= {"verdict", "exit_code", "criteria", "checks", "validity", "hypotheses", "totals"}
    assert (content["verdict"], content["exit_code"]) == ("FAIL", 11)
    assert {name: value for name, value in content["totals"].items() if value is not None} == {"operations": 3}
    entry = content["checks"][1]
    assert set(entry) >= {"name", "status", "actual", "target", "detail", "examples"}
    assert (entry["status"], entry["examples"]) == ("INVALID", ["2-7"])


def test_a_doubt_about_a_row_that_holds_makes_pass_a_pass_with_concerns_and_is_told():
    doubtful = Entry("p95", Status.PASS, "5 ms", "< 500 ms", "", concern="p95 holds only without the warm-up")
    verdict = conclude([doubtful], [GOOD_CHECK], [TRUSTED], {}, ["2 operations failed"])
    assert (verdict.conclusion, verdict.exit_code) == CONCERNS
    assert verdict.reason == "2 operations failed; p95 holds only without the warm-up"
