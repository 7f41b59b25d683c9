"""The report of a run with faults: windows, breakers, rows of violations, findings, in the page and in Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis import load_run
from analysis.cli import main
from analysis.files.history import SCHEMAS
from analysis.report import fault_rows, readings
from analysis.report import write as report
from analysis.report.evidence import quotes
from analysis.report.findings import findings, recommendations
from analysis.run_statistics import Measured
from harness.record.faults_csv import HEADER
from harness.words.operation import operation_id

WINDOW = (10.25, 20.0)


@pytest.fixture(name="stormy")
def stormy_fixture(make_run, row, at, write_part, operation, manifest, verdict) -> Path:
    """Return a run whose primary fails for ten seconds: a fallback serves 40 ms after the begin of the window."""
    rows = []
    for second in range(30):
        down = WINDOW[0] < second < WINDOW[1]
        rows.append(row(second, [10_000] * 20, **({"tier": 1, "route": "backup"} if down else {}), priority=second % 2))
    verdict["checks"][0]["examples"] = ["0-17", "1-3", "no id", "0-99"]
    folder = make_run(rows, manifest, verdict)
    history = folder / "history"
    told = {operation_id(0, 17): 10.29, operation_id(1, 3): 12.0, operation_id(0, 18): 3.0}
    fields = {"route": "back|up", "attempts": 2}
    rows_of = [operation(number, begin, begin + 0.02, tier=int(begin > 10), **fields) for number, begin in told.items()]
    operations = [dict(zip(SCHEMAS["operations"].names, each, strict=False)) for each in rows_of]
    write_part(history, "operations", operations)
    attempts = [
        {"operation": operation_id(0, 17), "ordinal": 0, "route": "fast", "tier": 0, "start_ns": at(10.28),
         "end_ns": at(10.285), "outcome": "failed", "breaker": "closed", "reason": "503"},
        {"operation": operation_id(0, 17), "ordinal": 1, "route": "backup", "tier": 1, "start_ns": at(10.29),
         "end_ns": at(10.30), "outcome": "answered", "breaker": "closed", "reason": None},
    ]  # fmt: skip
    write_part(history, "attempts", attempts)
    edges = [
        ("fault", "primary is down", "closed", "open", WINDOW[0], "its time"),
        ("breaker", "fast", "closed", "open", 11.0, "failure rate: 10 of 20"),
        ("breaker", "fast", "open", "half_open", 13.5, "open time over"),
        ("breaker", "fast", "half_open", "closed", 14.0, "probe answered"),
        ("fault", "primary is down", "open", "closed", WINDOW[1], "its time"),
    ]
    names = ("what", "name", "before", "after", "at_ns", "cause")
    write_part(history, "edges", [dict(zip(names, (*edge[:4], at(edge[4]), edge[5]), strict=True)) for edge in edges])
    zero = at(0) / 1e9
    line = {
        "name": "primary is down", "kind": "error", "where": "route fast, tier 0", "share": 1.0,
        "start_unix_s": zero + WINDOW[0], "end_unix_s": zero + WINDOW[1], "operations_hit": 190, "injected": 195,
        "retried": 5, "fell_back": 190, "surfaced": 0, "activation_delay_ms": 40.0, "recovery_s": 1.0,
        "false_fallbacks": 0, "missed_fallbacks": 2,
    }  # fmt: skip
    text = ",".join(HEADER) + "\n" + ",".join(f'"{line.get(name, "")}"' for name in HEADER) + "\n"
    (folder / "faults.csv").write_text(text)
    return folder


def test_a_window_is_a_row_with_what_its_faults_came_to(stormy: Path) -> None:
    rows = fault_rows.fault_windows(Measured(load_run(stormy)))

    assert rows is not None
    assert rows.rows == [
        [
            "primary is down", "error at route fast, tier 0", "10.2 s – 20.0 s", "190", "40 ms", "1 s", "0, 2",  # noqa: RUF001
            "5 retried, 190 fell back",
        ]
    ]  # fmt: skip


def test_a_fault_that_failed_says_why(stormy: Path) -> None:
    path = stormy / "faults.csv"
    path.write_text(path.read_text().replace('"",""\n', '"","no such backend"\n'))
    rows = fault_rows.fault_windows(Measured(load_run(stormy)))

    assert rows is not None
    assert rows.rows[0][-1] == "5 retried, 190 fell back, failed: no such backend"


def test_a_breaker_is_a_row_with_its_changes_and_its_first_cause(stormy: Path) -> None:
    rows = fault_rows.breakers(Measured(load_run(stormy)))

    assert rows is not None
    assert rows.rows == [["fast", "1", "1", "1", "2.50 s", "failure rate: 10 of 20"]]


def test_a_run_without_faults_has_neither(make_run, row) -> None:
    run = Measured(load_run(make_run([row(0, [1_000])])))

    assert fault_rows.fault_windows(run) is None
    assert fault_rows.breakers(run) is None
    assert fault_rows.activation(run).rows == []


def test_the_reading_says_how_soon_and_how_much(stormy: Path) -> None:
    run = Measured(load_run(stormy))

    assert readings.activation(run.activation, run.served) == (
        "Fallbacks began 40 ms after 'primary is down'. They served most in 'primary is down': 100 %, "
        "against 0 % before the first window."
    )


def test_delay_and_recovery_are_those_of_the_verdict_where_it_has_them(stormy: Path) -> None:
    path = stormy / "faults.csv"
    path.write_text(path.read_text().replace('"40.0","1.0"', '"123.0","2.5"'))
    row = Measured(load_run(stormy)).activation.iloc[0]
    assert (row["activation_delay_s"], row["recovery_s"], row["recovered_s"]) == (0.123, 2.5, 22.5)

    path.write_text(path.read_text().replace('"123.0","2.5"', '"",""'))
    row = Measured(load_run(stormy)).activation.iloc[0]
    assert row[["activation_delay_s", "recovery_s"]].isna().all()  # it was looked for, and not found
    assert "no fallback was taken" in row["missing"]
    assert "recovery was not seen" in row["missing"]

    path.unlink()  # never judged
    row = Measured(load_run(stormy)).activation.iloc[0]
    assert row["activation_delay_s"] == pytest.approx(0.04)
    assert row["recovery_s"] == 0


def test_a_violation_quotes_the_rows_of_its_first_operations(stormy: Path) -> None:
    run = load_run(stormy)
    assert run.verdict is not None

    quoted = quotes(run, run.verdict.checks)

    assert list(quoted) == ["accuracy"]
    assert [cells[0] for cells in quoted["accuracy"].rows] == ["0-17", "1-3"]
    assert quoted["accuracy"].rows[0][1:] == [
        "10.29 s", "chat-1", "4", "fast", "fast, back|up", "1, 2", "ok, 20 ms", "—",
    ]  # fmt: skip
    assert quoted["accuracy"].left_out == 1  # 0-99 is not in the history


def test_what_holds_is_not_quoted_and_a_history_that_is_gone_is_no_crash(stormy: Path) -> None:
    for part in (stormy / "history").glob("operations-*"):
        part.unlink()
    run = load_run(stormy)
    assert run.verdict is not None

    assert quotes(run, run.verdict.checks) == {}
    assert quotes(run, run.verdict.validity) == {}


def test_findings_are_the_broken_rows_and_recommendations_follow_from_rows(stormy: Path) -> None:
    verdict = load_run(stormy).verdict
    found = findings(verdict)

    assert [(each.kind, each.entry.name) for each in found] == [("check", "accuracy")]
    said = recommendations(verdict, found)
    assert said[0].startswith("accuracy: Load does not change decisions")
    assert said[1].startswith("consistency_pct == 100: it is required and UNKNOWN")
    assert len(said) == 2
    assert findings(None) == []


@pytest.mark.slow
def test_page_and_markdown_hold_all_of_it(stormy: Path, no_plots) -> None:
    page = report.write_report(load_run(stormy)).read_text(encoding="utf-8")
    text = (stormy / "report.md").read_text(encoding="utf-8")

    for said in ("error at route fast, tier 0", "5 retried, 190 fell back", "failure rate: 10 of 20", "40 ms after"):
        assert said in page
        assert said in text
    assert "back|up" in page
    assert r"| 0-17 | 10.29 s | chat-1 | 4 | fast | fast, back\|up | 1, 2 | ok, 20 ms | — |" in text
    assert "![Who served, and faults](plots/fallback-activation.png)" in text
    assert "What the slowest 1 % spent their time on: not in this run, too few" in text


def test_markdown_has_the_order_of_its_model(stormy: Path, no_plots) -> None:
    report.write_report(load_run(stormy))
    text = (stormy / "report.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Executive summary", "What was run", "Hypotheses", "Test results", "Silent failure detection", "Log analysis",
        "Findings", "What was not tested", "Recommendations", "Configuration", "How to reproduce",
    ]  # fmt: skip
    assert "### 1. accuracy (check, INVALID)" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    assert tables
    for lines in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


class TestCommand:
    def test_it_shows_delay_shares_recovery_and_breakers(self, stormy: Path, capsys) -> None:
        assert main(["fallback", str(stormy)]) == 0

        out = " ".join(capsys.readouterr().out.split())
        assert "primary is down 10.2 s 20.0 s 2 40 ms tier 1 100 %" in out
        assert "Fallbacks began 40 ms after 'primary is down'." in out
        assert "fast 1 1 1 2.50 s failure rate: 10 of 20" in out

    @pytest.mark.slow
    @pytest.mark.parametrize("ending", ["csv", "json", "parquet", "png", "svg"])
    def test_it_goes_into_a_file(self, stormy: Path, tmp_path: Path, ending: str) -> None:
        path = tmp_path / f"fallback.{ending}"

        assert main(["fallback", str(stormy), "-o", str(path)]) == 0
        assert path.stat().st_size > 100

    def test_without_faults_it_says_so(self, make_run, row, capsys) -> None:
        assert main(["fallback", str(make_run([row(0, [1_000] * 30)]))]) == 0
        assert "No fault was injected; fallbacks served 0 % of the operations." in capsys.readouterr().out

    def test_without_anything_it_is_no_crash(self, tmp_path: Path, write_locust, capsys) -> None:
        assert main(["fallback", str(write_locust(tmp_path / "prefix"))]) == 0
        assert "No data: no operation was recorded." in capsys.readouterr().out


def test_a_judged_run_has_the_windows_of_its_faults_csv_and_one_without_those_of_its_edges(stormy, monkeypatch) -> None:
    def refuse(*_tables: object) -> None:
        raise AssertionError("windows were made anew")

    monkeypatch.setattr("analysis.statistics.fault_windows", refuse)
    run = Measured(load_run(stormy))
    assert run.windows["fault"].tolist() == ["primary is down"]
    assert len(run.activation) == 1
    (stormy / "faults.csv").unlink()
    with pytest.raises(AssertionError, match="made anew"):
        _ = Measured(load_run(stormy)).windows
