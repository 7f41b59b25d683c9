"""The report of plain ``locust --csv`` files."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import load_run
from analysis.cli import main
from analysis.statistics import locust_statistics

SECONDS, RATE = 40, 50


@pytest.fixture(name="prefix")
def prefix_fixture(tmp_path: Path, write_locust) -> Path:
    """Return files of a run at 10, then 20 users: 50, then 100 requests a second, of 30 and 60 ms in the mean."""
    rows, count, total_ms = [], 0, 0.0
    for second in range(SECONDS):
        level = 1 if second < SECONDS // 2 else 2
        count += RATE * level
        total_ms += RATE * level * 30 * level
        for name in ("Aggregated", "fast"):
            percentiles = ",".join(str(value * level) for value in (30, 32, 33, 34, 40, 50, 60, 70, 80, 90, 100))
            sums = f"{count},0,30,{total_ms / count},5,200,0"
            rows.append(f"{1_740_000_000 + second},{10 * level},,{name},{RATE * level},0,{percentiles},{sums}")
    stats = f",Aggregated,{count},0,30,45,5,200,0,75,0,30,32,33,34,40,50,60,70,80,90,100"
    return write_locust(tmp_path / "some" / "prefix", stats=[stats], stats_history=rows)


def test_levels_come_from_the_sums_locust_keeps(prefix: Path) -> None:
    frame = locust_statistics.load_levels(load_run(prefix).stats_history)

    assert frame["users"].tolist() == [10, 20]
    assert frame["throughput_rps"].tolist() == [50, 100]
    assert frame["mean_ms"].tolist() == pytest.approx([30, 60])
    assert frame["in_flight"].tolist() == pytest.approx([1.5, 6])


def test_percentiles_are_locusts_own_as_far_as_they_have_operations_beyond(prefix: Path) -> None:
    frame = locust_statistics.percentile_curve(load_run(prefix).stats)

    assert frame["percent"].tolist() == [50, 66, 75, 80, 90, 95, 98, 99]
    assert frame["value_ms"].iloc[-1] == 70
    assert frame["low_ms"].isna().all()


@pytest.mark.slow
def test_the_report_stands_beside_the_files_with_what_they_give(prefix: Path, capsys) -> None:
    assert main(["report", str(prefix)]) == 0

    page = prefix.with_name("prefix_report.html")
    assert capsys.readouterr().out == f"{page}\n"
    plots = {path.stem for path in prefix.with_name("prefix_plots").iterdir()}
    assert plots == {
        "latency-over-time", "percentile-curve", "latency-against-users", "latency-and-models",
        "throughput-against-users",
    }  # fmt: skip
    source, text = page.read_text(encoding="utf-8"), prefix.with_name("prefix_report.md").read_text(encoding="utf-8")
    assert 'href="prefix_plots/"' in source
    assert "(prefix_plots/latency-over-time.png)" in text
    assert "they cannot be merged" in source
    assert "Latency by priority: not in this run, Locust&#39;s files have no histograms." in source
    assert "| operations | 3,000 |" in text


@pytest.mark.slow
def test_files_with_headers_only_get_a_report(tmp_path: Path, write_locust, no_plots) -> None:
    assert main(["report", str(write_locust(tmp_path / "empty"))]) == 0
    assert "Locust&#39;s files tell of no request" in (tmp_path / "empty_report.html").read_text(encoding="utf-8")
