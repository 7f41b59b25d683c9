from __future__ import annotations

from pathlib import Path

import pytest

from analysis import load_run, load_runs, plots
from analysis.statistics import locust_statistics
from analysis.statistics.locust_statistics import WINDOW_S
from harness.words.errors import RunError

START = 1_740_000_000


def history(second: int, users: int, p50: object, count: int, name: str = "Aggregated", top: object = 900) -> str:
    percentiles = [p50, 2, 3, 4, 90, 95, 98, 99, 999, 1000, top]
    kind = "" if name == "Aggregated" else "GET"
    return (
        f"{START + second},{users},{kind},{name},10.500000,0.000000,"
        f"{','.join(map(str, percentiles))},{count},1,50,51.5,1,900,120.0"
    )


def full(levels: list[tuple[int, int]]) -> list[str]:
    """Return a history with a row per second and named rows: (users, seconds) after each other."""
    rows, second = [], 0
    for users, seconds in levels:
        for _ in range(seconds):
            rows += [history(second, users, 7, second * 5, "/a"), history(second, users, users, second * 10)]
            second += 1
    return rows


STATS = [
    "GET,/a,40,2,50,51.5,1,900,120.0,10.5,0.5,50,66,75,80,90,95,98,99,999,1000,900",
    ",Aggregated,40,2,50,51.5,1,900,120.0,10.5,0.5,50,66,75,80,90,95,98,99,999,1000,900",
]


@pytest.fixture(name="plain")
def plain_fixture(tmp_path: Path, write_locust) -> Path:
    return write_locust(
        tmp_path / "some" / "prefix",
        stats=STATS,
        stats_history=full([(10, 14), (20, 5), (30, 14)]),
        failures=['GET,/a,"ValueError: a, b",2,2026-01-01 00:00:00,2026-01-01 00:00:01'],
        exceptions=["3,boom,Traceback,worker"],
    )


@pytest.mark.parametrize("given", ["", "_stats.csv", "_stats_history.csv", "folder"])
def test_a_prefix_one_of_its_files_and_their_folder_are_the_same_run(plain: Path, given: str) -> None:
    run = load_run(plain.parent if given == "folder" else f"{plain}{given}")

    assert run.plain
    assert run.path == plain
    assert run.name == "prefix"
    assert run.stats["count"].tolist() == [40, 40]
    assert run.stats["p999_ms"].tolist() == [999, 999]
    assert run.failures["error"].tolist() == ["ValueError: a, b"]
    assert run.exceptions["count"].tolist() == [3]
    assert run.stats_history["users"].max() == 30
    assert run.verdict is None
    assert run.operations.empty
    assert run.series.empty


def test_it_says_what_its_percentiles_are_not(plain: Path) -> None:
    assert len(load_run(plain).missing) == 1
    assert "cannot be merged" in load_run(plain).missing[0]
    assert "last 10 seconds" in load_run(plain).missing[0]


def test_without_full_history_percentiles_are_of_everything_so_far(tmp_path: Path, write_locust) -> None:
    prefix = write_locust(tmp_path / "p", stats_history=[history(second, 10, 50, second) for second in range(20)])

    run = load_run(prefix)

    assert "since the begin of the run" in run.missing[0]
    assert locust_statistics.latency_by_users(run.stats_history).empty
    assert len(locust_statistics.latency_over_time(run.stats_history)) == 20


def test_files_of_several_prefixes_need_one_named(plain: Path, write_locust) -> None:
    write_locust(plain.parent / "other")

    with pytest.raises(RunError, match=r"several prefixes; expected one of them: other, prefix$"):
        load_run(plain.parent)


def test_a_missing_file_is_named_and_its_frame_empty(plain: Path) -> None:
    plain.with_name("prefix_failures.csv").unlink()

    run = load_run(plain)

    assert run.failures.empty
    assert list(run.failures.columns)[:3] == ["method", "name", "error"]
    assert "prefix_failures.csv is missing." in run.missing


def test_a_row_that_was_cut_off_is_left_out_and_named(plain: Path) -> None:
    path = plain.with_name("prefix_stats_history.csv")
    path.write_bytes(path.read_bytes()[:-30])

    run = load_run(plain)

    assert len(run.stats_history) == 2 * 33 - 1
    assert any("prefix_stats_history.csv ends in the middle of a row" in sentence for sentence in run.missing)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("a,b\n1,2\n", "no column Type, Name"), (None, "Unable to parse string")],
)
def test_a_foreign_file_is_refused_in_one_line(plain: Path, content: str | None, reason: str) -> None:
    path = plain.with_name("prefix_stats.csv")
    path.write_text(content if content is not None else path.read_text().replace("GET,/a,40", "GET,/a,many"))

    with pytest.raises(RunError, match=reason) as raised:
        _ = load_run(plain).stats

    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_older_files_without_some_percentiles_load(tmp_path: Path, write_locust) -> None:
    prefix = write_locust(tmp_path / "old", failures=[])
    header = "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,"
    header += "Max Response Time,Average Content Size,Requests/s,Failures/s,50%,95%"
    prefix.with_name("old_stats.csv").write_text(f"{header}\nGET,/a,4,0,50,51,1,90,0,1,0,N/A,95\n")
    prefix.with_name("old_failures.csv").write_text("Method,Name,Error,Occurrences\nGET,/a,no,2\n")

    run = load_run(prefix)

    assert run.stats["p95_ms"].tolist() == [95]
    assert run.stats["p50_ms"].isna().all()
    assert run.stats["p99_ms"].isna().all()
    assert run.failures["first_seen"].isna().all()


def test_latency_over_time_is_locusts_own_row_by_row(plain: Path) -> None:
    frame = locust_statistics.latency_over_time(load_run(plain).stats_history)

    assert frame["elapsed_s"].tolist() == list(range(33))
    assert frame["p50_ms"].tolist() == [10] * 14 + [20] * 5 + [30] * 14
    assert frame["count"].tolist()[1:] == [10] * 32
    assert not frame["winding_down"].any()
    assert plots.latency_over_time(frame).get_lines()


def test_a_second_without_a_row_and_one_without_requests_have_no_percentile(tmp_path: Path, write_locust) -> None:
    rows = [history(0, 5, "N/A", 0), history(1, 5, 0, 4, top=0), history(3, 5, 8, 9), history(4, 0, 8, 9)]
    frame = locust_statistics.latency_over_time(
        load_run(write_locust(tmp_path / "p", stats_history=rows)).stats_history
    )

    assert frame["p50_ms"].isna().tolist() == [True, True, True, False, False]
    assert frame["winding_down"].tolist() == [False] * 4 + [True]


def test_latency_against_users_takes_levels_that_were_held(plain: Path) -> None:
    frame = locust_statistics.latency_by_users(load_run(plain).stats_history)

    assert frame["users"].tolist() == [10, 30]
    assert frame["p50_ms"].tolist() == [10, 30]
    assert frame["seconds"].tolist() == [WINDOW_S, WINDOW_S]
    assert plots.latency_by_users(frame).get_lines()


def test_the_files_in_a_run_directory_are_read_as_well(make_run, write_locust) -> None:
    folder = make_run([])
    write_locust(folder / "locust", stats=STATS)

    assert load_run(folder).stats["name"].tolist() == ["/a", "Aggregated"]


def test_many_runs_are_loaded_by_a_pattern_without_links_to_them(make_run, tmp_path: Path) -> None:
    for name in ("2025-b", "2025-a", "2024-c"):
        make_run([], name=name)
    (tmp_path / "2025-latest").symlink_to("2025-b")

    assert [run.path.name for run in load_runs(str(tmp_path / "2025-*"))] == ["2025-a", "2025-b"]
    assert [run.path.name for run in load_runs(str(tmp_path / "*-latest"))] == ["2025-latest"]
    with pytest.raises(RunError, match="matches nothing"):
        load_runs(str(tmp_path / "2026*"))


def test_a_prefix_and_its_files_are_one_run_however_they_are_named(write_locust, tmp_path: Path) -> None:
    prefix = write_locust(tmp_path / "plain" / "foo")
    write_locust(tmp_path / "plain" / "bar")

    for pattern in (prefix, f"{prefix}*", f"{prefix}_*.csv", f"{prefix}_stats.csv"):
        assert [run.path for run in load_runs(str(pattern))] == [prefix]
    both = load_runs(str(tmp_path / "plain" / "*"))
    assert [run.path.name for run in both] == ["bar", "foo"]
    with pytest.raises(RunError, match="matches nothing"):
        load_runs(str(tmp_path / "plain" / "fo"))


def test_a_run_goes_by_its_own_name_even_where_a_link_sorts_before_it(make_run, row) -> None:
    folder = make_run([row(0, [1_000])], name="run")
    (folder.parent / "a-link").symlink_to(folder)

    assert [run.path for run in load_runs(str(folder.parent / "*"))] == [folder]
