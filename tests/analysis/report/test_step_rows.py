"""The steps of a run in the report: a table, and the points of latency against users."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.files.documents import Step
from analysis.report.write import write_report
from analysis.run import load_run
from analysis.statistics.steps import latency_by_step, rows_of

S = 1_000_000_000
START = 1_740_000_000 * S


def step_of(users: int, begin_s: float, **fields: object) -> dict[str, object]:
    begin = START + round(begin_s * S)
    measured = {
        "users": users,
        "from_ns": begin,
        "to_ns": begin + 15 * S,
        "held": None,
        "warm_up_s": 1.5,
        "seconds": 13.5,
        "operations": 400,
        "ok": 390,
        "failed": 10,
        "throughput_rps": 29.63,
        "p50_ms": 10.0 * users,
        "p95_ms": 20.0 * users,
        "p99_ms": 30.0 * users,
    }
    return measured | fields


def steps_of(*rows: dict[str, object]) -> list[Step]:
    return [Step(**row) for row in rows]  # type: ignore[arg-type]


def test_latency_against_users_has_a_point_for_each_step_that_has_enough_operations() -> None:
    frame = latency_by_step(
        steps_of(
            step_of(10, 30),
            step_of(5, 15),
            step_of(1, 0, ok=19),
            step_of(20, 45, p50_ms=None, p95_ms=None, p99_ms=None),
        )
    )
    assert frame["users"].tolist() == [5, 10]
    assert frame["p95_ms"].tolist() == [100, 200]
    assert frame["seconds"].tolist() == [13.5, 13.5]
    assert latency_by_step([]).empty


def test_steps_with_as_many_users_are_one_point_whose_percentiles_are_merged(make_run, row) -> None:
    rows = [row(s, [10_000] * 20, users=5) for s in range(15)] + [row(s, [30_000] * 20, users=5) for s in range(15, 30)]
    series = load_run(make_run(rows)).series
    steps = steps_of(step_of(5, 0, ok=300), step_of(5, 15, ok=260), step_of(9, 30))

    frame = latency_by_step(steps, series)

    assert frame["users"].tolist() == [5, 9]
    assert frame.loc[0, ["seconds", "count"]].tolist() == [27, 20 * 26]  # whole seconds after warm-ups of 1.5 s
    assert frame.loc[0, "p50_ms"] == pytest.approx(10, rel=0.001)
    assert frame.loc[0, "p95_ms"] == pytest.approx(30, rel=0.001)


def test_steps_with_as_many_users_and_no_series_are_the_one_with_the_most_operations() -> None:
    frame = latency_by_step(steps_of(step_of(5, 0, ok=300, p95_ms=1.0), step_of(5, 15, ok=310, p95_ms=2.0)))

    assert frame["p95_ms"].tolist() == [2.0]


def test_rows_are_in_the_order_of_the_run_and_say_what_is_not_known() -> None:
    never = {"users": 200, "from_ns": None, "to_ns": None, "held": None}
    first, second, third = rows_of(
        steps_of(step_of(5, 0, warm_up_s=None, warm_up_unknown="few"), step_of(1, 15, held=False), never),
        START / S - 0.25,
    )
    assert (first.begin, first.warm_up, first.p95, first.not_ok) == ("0.2 s", "unknown: few", "100 ms", "10 failed")
    assert (second.begin, second.warm_up, second.held) == ("15.2 s", "1.5 s", "breaks")
    assert (third.begin, third.p95) == ("not reached", "—")


@pytest.mark.parametrize("held", [None, True])
def test_the_report_shows_the_steps_and_reads_them(
    make_run, ramp, manifest, verdict, no_plots, held: bool | None
) -> None:
    verdict["totals"]["steps"] = [step_of(1, 0, held=held), step_of(7, 15, held=held)]
    run: Path = make_run(rows=ramp(20), manifest=manifest, verdict=verdict)
    page = write_report(load_run(run)).read_text(encoding="utf-8")
    section = page.partition('<section id="steps">')[2].partition("</section>")[0]
    assert section.count('<th scope="row">') == 2
    assert ("holds" in section) is (held is True)
    assert "p95 is 20 ms at 1 user (13.5 seconds) and 140 ms at 7 users (13.5 seconds)" in page


def test_a_run_without_steps_has_no_such_section(make_run, ramp, manifest, verdict, no_plots) -> None:
    run = load_run(make_run(rows=ramp(20), manifest=manifest, verdict=verdict))
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="steps"' not in page
