"""The documents of a run directory, as the harness writes them."""

from __future__ import annotations

from analysis.files.documents import Totals
from harness.judge.facts import Facts
from harness.record.judging import judge_run
from harness.record.run_directory import create_run_directory


def test_no_total_that_the_harness_writes_is_passed_over(tmp_path) -> None:
    facts = Facts(golden=False, deadline_ms=None, arrivals=0, locust_requests=0)
    written = judge_run(create_run_directory(tmp_path, "route.py"), [], facts).totals

    assert written.keys() <= set(Totals.__struct_fields__)
