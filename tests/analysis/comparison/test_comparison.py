from __future__ import annotations

import copy
import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import compare, load_run, statistics
from analysis.cli import main
from analysis.comparison.differences import Difference, difference, holm
from analysis.comparison.result import Answer, Row, signed
from analysis.comparison.sample import Estimate, sample_of
from harness.words.errors import RunError, UsageError

GOOD = {
    "verdict": "PASS", "exit_code": 0, "criteria": [], "checks": [], "hypotheses": [],
    "validity": [{"name": "workers", "status": "VALID"}],
    "totals": {"operations": 100, "ok": 100},
}  # fmt: skip

Pair = Callable[..., Path]


def rows_of(row, seconds: int, slower: float, seed: int) -> list[dict[str, object]]:
    source = random.Random(seed)
    rows = []
    for second in range(seconds):
        for route, middle in (("fast", 3_000), ("standard", 20_000)):
            values = [int(source.lognormvariate(math.log(middle * slower), 0.3)) for _ in range(25)]
            rows.append(row(second, values, 10, route=route, expected_route=route))
    return rows


@pytest.fixture(name="good_run")
def good_run_fixture(make_run, row, manifest) -> Pair:
    def make(name: str, seed: int = 1, slower: float = 1.0, seconds: int = 40, **changes: object) -> Path:
        document = copy.deepcopy(manifest) | {"run_id": name}
        document["options"] |= changes.pop("options", {})
        verdict = copy.deepcopy(GOOD) | changes.pop("verdict", {})
        return make_run(rows_of(row, seconds, slower, seed), document | changes, verdict, name=name)

    return make


def test_a_slower_run_is_slower_in_every_route_and_by_as_much(good_run: Pair) -> None:
    found = compare(good_run("before", 1), good_run("after", 2, slower=1.3))

    assert found.answer is Answer.SLOWER
    assert [row.route for row in found.rows] == ["(all routes)"] * 3 + ["fast"] * 3 + ["standard"] * 3
    fast = next(row for row in found.rows if row.route == "fast" and row.percent == 50)
    assert fast.answer is Answer.SLOWER
    assert fast.low_pct < 30 < fast.high_pct
    assert fast.superiority > 0.6
    assert fast.counts == (1000, 1000)
    assert compare("after" and good_run("a", 2, slower=1.3), good_run("b", 1)).answer is Answer.FASTER


def test_a_run_compared_with_itself_shows_no_difference(good_run: Pair) -> None:
    folder = good_run("one")

    found = compare(folder, load_run(folder))

    assert found.answer is Answer.NO_DIFFERENCE
    assert {row.difference_pct for row in found.rows if row.difference_pct is not None} == {0.0}
    assert not any("one run on each side" in note for note in found.notes)


def test_the_percentiles_are_those_of_the_statistics(good_run: Pair) -> None:
    folder = good_run("one")
    rows = statistics.percentiles(statistics.ended_ok(load_run(folder).series), ["route"]).set_index("route")

    found = compare(folder, folder)

    for row in found.rows:
        if row.route in rows.index and row.baseline_ms is not None:
            assert row.baseline_ms == pytest.approx(rows.loc[row.route, f"p{row.percent:g}_ms"], rel=1e-9)


def test_warm_up_and_wind_down_are_left_out(make_run, row, manifest) -> None:
    verdict = copy.deepcopy(GOOD)
    verdict["totals"]["steady_from_s"] = 1_740_000_000 + 5
    rows = [row(second, [9_000_000 if second < 5 else 1_000] * 10, 10) for second in range(40)]
    run = load_run(make_run([*rows, row(40, [9_000_000] * 3, 0)], manifest, verdict))

    sample = sample_of(run)

    assert sample.seconds == 35
    assert sample.routes["fast"].count == 350
    assert sample.routes["fast"].bucket.max() == 1_000


@pytest.mark.parametrize(
    ("changes", "reason", "accepted"),
    [
        ({"options": {"target": "other:pipeline"}}, "target: ", "target"),
        ({"options": {"graph_scope": "per-request"}}, "graph scope: ", "target"),
        ({"digests": {"corpus": "cd" * 32}}, "corpus (sha256): ", "corpus"),
        ({"digests": {}}, "corpus (sha256): not known of after", "corpus"),
        ({"options": {"seed": 8}}, "seed: 7 in before, 8 in after", "seed"),
        ({"options": {"num_users": 9}}, "num users: ", "load"),
        ({"digests": {"corpus": "ab" * 32, "fault_plan": "ef"}}, "fault plan (sha256): ", "faults"),
        ({"verdict": {"validity": [{"name": "workers", "status": "INVALID", "detail": "one was lost"}]}},
         "after: validity workers is INVALID: one was lost", "validity"),
        ({"verdict": {"totals": {"operations": 100, "ok": 40}}}, "fewer than half of its operations", "validity"),
    ],
)  # fmt: skip
def test_unlike_runs_are_not_compared_unless_that_is_accepted(
    good_run: Pair, changes: dict[str, object], reason: str, accepted: str
) -> None:
    before, after = good_run("before", 1), good_run("after", 2, **changes)

    found = compare(before, after)

    assert found.answer is Answer.NOT_COMPARABLE
    assert len(found.reasons) == 1
    assert reason in found.reasons[0]
    assert found.rows == ()
    assert found.exit_code(5) == 12
    assert compare(before, after, accept=[accepted]).answer is Answer.NO_DIFFERENCE


def test_a_run_that_was_not_judged_or_is_plain_locust_is_not_compared(good_run: Pair, write_locust, tmp_path) -> None:
    before, after = good_run("before"), good_run("after")
    (after / "verdict.json").unlink()
    plain = write_locust(tmp_path / "plain")

    assert "it was not judged" in compare(before, after).reasons[0]
    assert "can be neither merged nor resampled" in compare(before, plain).reasons[0]


def test_a_run_that_failed_its_criteria_can_be_compared(good_run: Pair) -> None:
    found = compare(good_run("a"), good_run("b", 2, verdict={"verdict": "FAIL", "exit_code": 10}))

    assert found.answer is Answer.NO_DIFFERENCE


def test_too_few_seconds_or_operations_are_no_answer(good_run: Pair, make_run, row, manifest) -> None:
    short = compare(good_run("a", seconds=10), good_run("b", 2, seconds=10))
    rare = compare(*(make_run([row(s, [1000]) for s in range(30)], manifest, GOOD, name=n) for n in "cd"))

    assert short.answer is Answer.TOO_FEW
    assert short.exit_code(5) == 12
    assert "a: 10 s to compare, expected at least 20" in short.notes
    assert {row.answer for row in rare.rows if row.percent == 99} == {Answer.TOO_FEW}


def test_what_did_not_end_ok_and_what_else_differs_is_said(good_run: Pair) -> None:
    after = good_run("after", 2, verdict={"totals": {"operations": 100, "ok": 90}}, cpus=64)

    notes = compare(good_run("before"), after).notes

    assert "cpus differ: 2, 64" in notes
    assert any("after: 10 % did not end ok" in note for note in notes)
    assert any("one run on each side" in note for note in notes)


def test_mistakes_are_one_line(good_run: Pair, tmp_path: Path) -> None:
    folder = good_run("a")
    with pytest.raises(UsageError, match="cannot accept 'weather'"):
        compare(folder, folder, accept=["weather"])
    with pytest.raises(UsageError, match="a side without a run"):
        compare(folder, [])
    with pytest.raises(RunError, match="does not exist"):
        compare(folder, tmp_path / "nowhere")


def test_a_run_named_twice_on_a_side_counts_once_and_that_is_said(good_run: Pair, tmp_path: Path) -> None:
    before, after = good_run("before", 1), good_run("after", 2)
    (link := before.parent / "latest").symlink_to(before)
    shutil.copytree(before, copied := tmp_path / "copied" / "before")

    found, once = compare([before, link, copied, before], [after]), compare(before, after)

    assert found.baseline == ("before",)
    assert found.rows == once.rows
    said = [note for note in found.notes if "counted once" in note]
    assert said == [f"{path} is the run {before} again: counted once" for path in (link, copied, before)]
    assert not any("counted once" in note or "both sides" in note for note in once.notes)


def test_runs_of_their_own_all_count(good_run: Pair) -> None:
    found = compare([good_run("a", 1), good_run("b", 2)], [good_run("c", 3), good_run("d", 4)])

    assert found.baseline == ("a", "b")
    assert not any("counted once" in note or "both sides" in note for note in found.notes)


def test_a_run_on_both_sides_of_several_is_said(good_run: Pair) -> None:
    shared = good_run("shared", 1)
    found = compare([shared, good_run("b", 2)], [shared, good_run("d", 4)])

    assert "shared is on both sides, which makes them look alike" in found.notes


def test_plain_runs_without_an_id_are_told_apart_by_their_place(write_locust, tmp_path: Path) -> None:
    one, two = write_locust(tmp_path / "one"), write_locust(tmp_path / "two")

    assert compare([one, two], [one]).baseline == ("one", "two")
    assert compare([one, one], [two]).baseline == ("one",)


def test_the_frame_of_sides_that_cannot_be_compared_says_why(good_run: Pair) -> None:
    found = compare(good_run("before"), good_run("after", 2, options={"seed": 8, "num_users": 9}))

    assert found.frame["answer"].tolist() == ["not comparable"] * 2
    assert found.frame["reason"].tolist() == list(found.reasons)
    assert found.frame["low_pct"].isna().all()
    assert compare(good_run("a"), good_run("b", 2)).frame["reason"].tolist() == [""] * 9


def test_holm_stops_at_the_first_that_is_not_shown() -> None:
    shown, levels = holm([0.03, 0.001, 0.02, 0.9], 0.05)

    assert shown == [False, True, False, False]
    assert levels == pytest.approx([0.05 / 3, 0.05 / 4, 0.05 / 3, 0.05 / 3])
    assert holm([], 0.05) == ([], [])


def test_an_interval_leaves_out_zero_exactly_where_the_difference_is_shown() -> None:
    for ratio in (0.0, 0.02, 0.05, 0.1, -0.1):
        found = Difference(1.0, 1.0, ratio, ((0.02, 8.0), (0.01, 3.0)))
        low, high = found.interval(0.05)
        assert (low > 0 or high < 0) == (found.p_value <= 0.05)


def test_runs_of_a_side_that_differ_widen_the_interval() -> None:
    def side(*logs: float) -> list[Estimate]:
        return [Estimate(log, 0.001, 15) for log in logs]

    alike = difference(side(1.0, 1.001, 0.999), side(1.1, 1.101, 1.099))
    unlike = difference(side(0.8, 1.0, 1.2), side(0.9, 1.1, 1.3))

    assert alike.log_ratio == pytest.approx(unlike.log_ratio)
    assert alike.p_value < 0.001
    assert unlike.p_value > 0.3


@pytest.mark.parametrize(
    ("low", "high", "answer", "limit", "code", "open_rows"),
    [
        (6.0, 12.0, Answer.SLOWER, 5.0, 10, 0),
        (1.0, 12.0, Answer.SLOWER, 5.0, 0, 1),
        (1.0, 12.0, Answer.SLOWER, 0.0, 10, 0),
        (1.0, 12.0, Answer.SLOWER, None, 0, 0),
        (-12.0, -6.0, Answer.FASTER, 5.0, 0, 0),
        (-3.0, 4.0, Answer.NO_DIFFERENCE, 5.0, 0, 0),
        (-3.0, 9.0, Answer.NO_DIFFERENCE, 5.0, 0, 1),
    ],
)
def test_the_exit_code_is_10_where_a_whole_interval_lies_above_the_limit(
    low: float, high: float, answer: Answer, limit: float | None, code: int, open_rows: int
) -> None:
    from analysis import Comparison

    row = Row("fast", 95, answer, 10.0, 11.0, (low + high) / 2, low, high, 0.6, (100, 100))
    found = Comparison(("a",), ("b",), 0.05, (row,))

    assert found.exit_code(limit) == code
    if limit is not None:
        assert len(found.undecided(limit)) == open_rows


def test_json_and_frame_say_the_same(good_run: Pair) -> None:
    found = compare(good_run("before"), good_run("after", 2, slower=1.3))
    document = json.loads(found.to_json())

    assert document["answer"] == "slower"
    assert document["baseline"] == ["before"]
    assert [row["route"] for row in document["rows"]] == found.frame["route"].tolist()
    assert found.frame["answer"].tolist() == [row["answer"] for row in document["rows"]]
    assert (
        found.to_json()
        == compare(*(good_run(n, s, slower=f) for n, s, f in [("before", 1, 1.0), ("after", 2, 1.3)])).to_json()
    )
    assert "slower" in found._repr_html_()


def test_signs_are_shown() -> None:
    assert [signed(each) for each in (1.5, -1.5, 0.0, None)] == ["+1.50 %", "−1.50 %", "0 %", "—"]  # noqa: RUF001


class TestCommand:
    def test_it_prints_an_answer_a_table_and_the_limit(self, good_run: Pair, capsys) -> None:
        before, after = good_run("before"), good_run("after", 2, slower=1.3)

        assert main(["compare", str(before), str(after), "--max-regression", "5%"]) == 10

        out, err = capsys.readouterr()
        assert out.startswith("slower: after against before\n")
        assert "(all routes)" in out
        assert "regression beyond 5 %: " in out
        assert err == ""

    def test_without_a_limit_a_slower_run_is_fine(self, good_run: Pair, capsys) -> None:
        assert main(["compare", str(good_run("before")), str(good_run("after", 2, slower=1.3))]) == 0

    def test_what_is_not_comparable_exits_12_and_says_why(self, good_run: Pair, capsys) -> None:
        before, after = good_run("before"), good_run("after", options={"seed": 99})

        assert main(["compare", str(before), str(after)]) == 12
        assert "seed: 7 in before, 99 in after" in capsys.readouterr().out
        assert main(["compare", str(before), str(after), "--accept", "seed"]) == 0

    def test_several_candidates_share_the_chance_of_a_false_alarm(self, good_run: Pair, capsys, tmp_path) -> None:
        runs = [str(good_run(name, seed)) for seed, name in enumerate("abc")]

        assert main(["compare", *runs, "--format", "json"]) == 0

        documents = json.loads(capsys.readouterr().out)
        assert [document["candidate"] for document in documents] == [["b"], ["c"]]
        assert {document["level"] for document in documents} == {0.025}

    def test_several_runs_of_each_side_are_named(self, good_run: Pair, capsys, tmp_path) -> None:
        runs = [str(good_run(name, seed)) for seed, name in enumerate("abcd")]
        path = tmp_path / "found.json"

        assert main(["compare", "--baseline", *runs[:2], "--candidate", *runs[2:], "-o", str(path)]) == 0

        document = json.loads(path.read_text())
        assert (document["baseline"], document["candidate"]) == (["a", "b"], ["c", "d"])
        assert not any("one run on each side" in note for note in document["notes"])

    @pytest.mark.parametrize(
        "arguments",
        [["one"], [], ["one", "two", "--baseline", "one"], ["--baseline", "one"], ["one", "two", "--accept", "moon"]],
    )
    def test_a_mistake_is_one_line_and_2(self, good_run: Pair, capsys, arguments: list[str]) -> None:
        paths = {name: str(good_run(name)) for name in ("one", "two")}

        assert main(["compare", *(paths.get(each, each) for each in arguments)]) == 2
        assert capsys.readouterr().err.startswith("error: compare: ")

    @pytest.mark.parametrize("limit", ["-5%", "much", "nan", "inf"])
    def test_a_limit_is_a_percentage(self, capsys, limit: str) -> None:
        with pytest.raises(SystemExit) as raised:
            main(["compare", "a", "b", f"--max-regression={limit}"])
        assert raised.value.code == 2
