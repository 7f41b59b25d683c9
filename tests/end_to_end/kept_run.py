"""What a run left behind, read without the project's own readers; and judged again, with them."""

from __future__ import annotations

import csv
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from harness.record.judging_again import judged_again

OUTCOMES = ("ok", "failed", "cancelled", "timeout", "shed")
FILES = {
    "manifest.json",
    "facts.json",
    "locust_stats.csv",
    "locust_stats_history.csv",
    "locust_failures.csv",
    "locust_exceptions.csv",
    "series.csv",
    "verdict.json",
    "history",
}
REPORT_FILES = {"report.html", "report.md", "plots"}

OF_THE_MACHINE = frozenset({"harness share", "event loop lag", "processor"})
"""Rows of validity that other processes of the machine can break: the product tells its user to repeat such a run."""

Row = dict[str, Any]


class BusyMachineError(AssertionError):
    """A run that cannot be trusted, by nothing but rows of the machine: the test is done again, at most twice."""


class KeptRun:
    """A run directory."""

    def __init__(self, path: Path, has_report: bool = True) -> None:
        self.path = path
        self.has_report = has_report

    @cached_property
    def manifest(self) -> Row:
        return json.loads((self.path / "manifest.json").read_text(encoding="utf-8"))

    @cached_property
    def verdict(self) -> Row:
        return json.loads((self.path / "verdict.json").read_text(encoding="utf-8"))

    @property
    def totals(self) -> Row:
        return self.verdict["totals"]

    @cached_property
    def operations(self) -> list[Row]:
        """The operations, in the order in which their workers started them."""
        return sorted(self.rows("operations"), key=lambda row: row["id"])

    def parts(self, table: str) -> list[Path]:
        """Return the files of a table of the history."""
        return sorted(self.path.glob(f"history/{table}-*.parquet"))

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table of the history."""
        return [row for part in self.parts(table) for row in pq.read_table(part).to_pylist()]

    @cached_property
    def series(self) -> list[dict[str, str]]:
        with (self.path / "series.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def locust_stats(self) -> list[dict[str, str]]:
        with (self.path / "locust_stats.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def locust_requests(self) -> int:
        return next(int(row["Request Count"]) for row in self.locust_stats if row["Name"] == "Aggregated")

    def status(self, name: str) -> str:
        """Return the status of a row of the verdict."""
        rows = [*self.verdict["criteria"], *self.verdict["checks"], *self.verdict["validity"]]
        return next(row["status"] for row in rows if row["name"] == name)

    @property
    def doubts(self) -> list[Row]:
        """The rows of the verdict that do not hold."""
        rows = [*self.verdict["criteria"], *self.verdict["checks"], *self.verdict["validity"]]
        return [row for row in rows if row["status"] not in ("PASS", "VALID")]

    def assert_concluded(self, *wanted: str, code: int | None = None) -> None:
        """The verdict is one of those ``wanted``, and ``code``, where it is given, is its exit code."""
        found = self.verdict["verdict"]
        said = "\n".join([f"{found} ({code}): {self.verdict['reason']}", *map(str, self.doubts)])
        if found not in wanted and self.is_of_the_machine:
            raise BusyMachineError(said)
        assert found in wanted, said
        assert code in (None, self.verdict["exit_code"]), said

    @property
    def is_of_the_machine(self) -> bool:
        """Whether the run cannot be trusted and nothing but rows of the machine says so."""
        broken = {row["name"] for row in self.doubts if row["status"] == "INVALID"}
        return self.verdict["verdict"] == "INCONCLUSIVE" and bool(broken) and broken <= OF_THE_MACHINE

    def outcomes(self) -> dict[str, int]:
        """Return the outcomes that occurred, counted in the history."""
        seen: dict[str, int] = {}
        for row in self.operations:
            seen[row["outcome"]] = seen.get(row["outcome"], 0) + 1
        return seen

    def assert_complete(self) -> None:
        """Every file is there, whole, and nothing unfinished."""
        names = {entry.name for entry in self.path.iterdir()}
        assert names >= FILES
        assert names & REPORT_FILES == (REPORT_FILES if self.has_report else set())
        assert [str(path) for path in self.path.rglob("*.partial")] == []
        if self.has_report:
            report = (self.path / "report.html").read_text(encoding="utf-8")
            assert report.rstrip().endswith("</html>")
            assert self.verdict["verdict"] in report
        assert self.manifest["t1"] is not None
        assert self.parts("baseline")

    @property
    def was_judged(self) -> bool:
        """Whether the run itself came to its verdict: else its sentinel gave one, or nobody."""
        if not {"facts.json", "verdict.json"} <= {entry.name for entry in self.path.iterdir()}:
            return False
        return all(row["name"] != "process" for row in [*self.verdict["validity"], *self.verdict["checks"]])

    def assert_judged_alike(self) -> None:
        """Judged again, from its folder and in another process, it has the same verdict, byte for byte."""
        again = judged_again(self.path)
        assert again.before == again.text

    def assert_conserved(self, *, least: int = 1) -> None:
        """Arrivals = outcomes = history = series = Locust's requests, and every operation is there once."""
        count = self.totals["arrivals"]
        assert count is not None, (self.verdict["reason"], self.manifest["workers"])
        assert count >= least
        assert {
            "outcomes": sum(self.totals[outcome] for outcome in OUTCOMES),
            "history": len(self.operations),
            "ids": len({row["id"] for row in self.operations}),
            "series": sum(int(row["count"]) for row in self.series),
            "locust": self.locust_requests,
        } == dict.fromkeys(("outcomes", "history", "ids", "series", "locust"), count)
        assert self.outcomes() == {outcome: self.totals[outcome] for outcome in OUTCOMES if self.totals[outcome]}
        assert self.status("conservation") == "VALID"
        assert self.status("recording") == "VALID"
