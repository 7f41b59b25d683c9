"""Nothing that comes from a target, a plan, a corpus or a path reaches a terminal raw."""

from __future__ import annotations

import csv
import io
import logging
from types import SimpleNamespace

import pytest
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT

from harness import cli
from harness.judge.entry import Entry, Status
from harness.judge.verdict import conclude
from harness.load.corpus.corpus import Scenario
from harness.pipeline.golden import Change, GoldenDiff
from harness.swarm import terminal
from harness.swarm.keeping.locust_csv import DownloadedCsv, PreciseCsv
from harness.swarm.loading.log_filter import OneLine

HOSTILE = "\x1b]0;title\x07\x1b[31mred\x9b2J\u202erev\r\u2028line"
FORMAT = "%(levelname)s: %(message)s"


def is_plain(text: str) -> bool:
    """Whether every line of a text can be shown as it is."""
    return all(line.isprintable() for line in text.split("\n"))


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord("target", logging.WARNING, "x.py", 1, message, arguments, exc_info)


@pytest.fixture(name="formatter")
def formatter_fixture() -> OneLine:
    return OneLine(logging.Formatter(FORMAT))


def test_a_logged_message_is_one_printable_line(formatter) -> None:
    shown = formatter.format(record("route %s", f"{HOSTILE}\nWARNING: forged"))

    assert shown.isprintable()
    assert shown.startswith("WARNING: route \\x1b]0;title")


def test_a_traceback_keeps_its_lines_which_cannot_be_taken_for_records(formatter) -> None:
    try:
        raise ValueError(f"{HOSTILE}\nWARNING: forged")
    except ValueError as error:
        shown = formatter.format(record("failed", error=error))

    assert is_plain(shown)
    first, *rest = shown.split("\n")
    assert first == "WARNING: failed"
    assert "  Traceback (most recent call last):" in rest
    assert all(line.startswith("  ") for line in rest)


def test_the_record_itself_stays_as_it_was_logged(formatter) -> None:
    logged = record("route %s", HOSTILE)
    formatter.format(logged)

    assert logged.getMessage() == f"route {HOSTILE}"
    assert logged.args == (HOSTILE,)


def test_the_verdict_shows_what_rows_quote_as_text() -> None:
    entry = Entry(f"row{HOSTILE}", Status.INVALID, HOSTILE, HOSTILE, f"detail {HOSTILE}\nexit     0")
    blocks = [{"stage": HOSTILE, "longest_s": 2.0, "place": HOSTILE}]
    outcomes = dict.fromkeys(("failed", "cancelled", "timeout", "shed"), 0)
    totals = {"operations": 3, **outcomes, "blocks": blocks}
    out = io.StringIO()
    terminal.print_verdict(conclude([], [entry], [], totals), f"/tmp/{HOSTILE}/report.html", out)

    assert is_plain(out.getvalue())
    assert not [line for line in out.getvalue().split("\n") if line.startswith("exit     0")]


def test_a_line_of_the_runs_own_is_one_printable_line(capsys) -> None:
    terminal.say(f"target {HOSTILE}\nrouteswarm: forged")

    assert capsys.readouterr().err.removesuffix("\n").isprintable()


def test_a_diff_of_golden_decisions_is_lines_of_text(capsys) -> None:
    scenario = Scenario(f"id{HOSTILE}", f"text {HOSTILE}\nforged", 5)
    cli._show(GoldenDiff(new=(), changed=(Change(scenario, f"a{HOSTILE}", f"b{HOSTILE}", None),), undecided=(), same=0))

    shown = capsys.readouterr().out
    assert is_plain(shown)
    assert len(shown.splitlines()) == 2


def test_statistics_for_download_have_no_formulas_and_files_of_a_run_have_texts_as_they_are() -> None:
    environment = Environment()
    environment.stats.log_request("ROUTE", "=cmd()", 5, 0)
    environment.stats.log_error("ROUTE", "=cmd()", "@error")
    environment.runner = SimpleNamespace(exceptions={})

    def cells(writer: type[PreciseCsv], table: str) -> list[str]:
        out = io.StringIO()
        getattr(writer(environment, PERCENTILES_TO_REPORT), table)(csv.writer(out))
        return next(row for row in csv.reader(out.getvalue().splitlines()) if row[0] == "ROUTE")[:3]

    assert cells(DownloadedCsv, "requests_csv")[:2] == ["ROUTE", "'=cmd()"]
    assert cells(DownloadedCsv, "failures_csv") == ["ROUTE", "'=cmd()", "'@error"]
    assert cells(PreciseCsv, "requests_csv")[:2] == ["ROUTE", "=cmd()"]
