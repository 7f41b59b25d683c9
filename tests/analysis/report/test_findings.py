"""Advice fits the row it is given for, and the run that has it."""

from __future__ import annotations

import pytest

from analysis.files.documents import CriterionEntry, Entry, Manifest, Verdict
from analysis.report.findings import BY_METRIC, OF_ERRORS, OF_LATENCY, findings, recommendations
from harness.judge.criteria.criteria import _UNITS


def advice(criterion: str = "", check: str = "", **options: object) -> str | None:
    criteria = [CriterionEntry(criterion, "FAIL", metric=criterion.split()[0])] if criterion else []
    checks = [Entry(check, "INVALID")] if check else []
    found = findings(Verdict("FAIL", criteria=criteria, checks=checks), Manifest(options=dict(options)))
    return found[-1].recommendation


@pytest.mark.parametrize("metric", _UNITS)
def test_a_criterion_gets_the_advice_of_its_metric(metric: str) -> None:
    said = advice(f"{metric} < 1")

    assert said
    assert (said == OF_LATENCY) == metric.endswith("_ms")
    assert (said == OF_ERRORS) == (metric in ("availability_pct", "failed_pct"))
    assert metric.endswith(("_ms", "accuracy_pct", "consistency_pct")) or said == BY_METRIC[metric]


@pytest.mark.parametrize("row", [{"criterion": "consistency_pct == 100"}, {"check": "consistency"}])
def test_another_graph_scope_is_advised_where_it_is_another(row: dict[str, str]) -> None:
    assert "--graph-scope per-request" in str(advice(**row, graph_scope="shared"))
    assert "--graph-scope" not in str(advice(**row, graph_scope="per-request"))


def test_wrong_routes_are_read_with_consistency() -> None:
    both = Verdict("FAIL", checks=[Entry("accuracy", "INVALID"), Entry("consistency", "INVALID")])

    assert "Consistency is INVALID as well" in recommendations(both, findings(both))[0]
    assert "Load does not change decisions" in str(advice(check="accuracy"))
    assert "Load does not change decisions" in str(advice("accuracy_pct == 100"))


def test_a_criterion_of_a_later_version_gets_no_advice() -> None:
    assert advice("beauty_pct > 5") is None
