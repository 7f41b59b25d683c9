from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import analysis
from analysis import load_run
from harness.words.errors import RunError


def test_a_whole_run_misses_nothing_and_is_typed(make_run, row, manifest, verdict) -> None:
    run = load_run(make_run([row(0, [1000], users=3), row(1, [2000, 3000], users=None)], manifest, verdict))

    assert run.missing == ()
    assert run.name == "20250219T212000Z-route-1f3a"
    assert run.manifest.options["seed"] == 7
    assert run.manifest.workers[0].fate == "finished"
    assert run.verdict is not None
    assert run.verdict.criteria[0].actual == "84.5 ms"
    assert run.verdict.checks[0].example_ids() == ["0-17", "1-3"]
    assert run.series["count"].tolist() == [1, 2]
    assert run.series["users"].isna().tolist() == [False, True]
    kinds = {column: str(kind) for column, kind in run.series.dtypes.items()}
    assert {kinds[column] for column in ("second", "priority", "tier", "count")} == {"int64"}
    assert {kinds[column] for column in ("sum_ms", "p99_ms", "users")} == {"float64"}


@pytest.mark.parametrize("route", ["NA", "null", "nan", "", "1", "a,b", 'quo"te', "two\nlines", "cr\rlf", "\u202eltr"])
def test_routes_are_read_as_written(make_run, row, route: str) -> None:
    run = load_run(make_run([row(0, [1000], route=route), row(1, [1000])]))

    assert run.series["route"].tolist() == [route, "fast"]
    assert "series.csv" not in " ".join(run.missing)


def test_files_with_the_line_ends_of_windows_are_read_as_their_own(make_run, row) -> None:
    folder = make_run([row(second, [1_000, 2_000]) for second in range(3)])
    before = load_run(folder).series
    for name in ("series.csv", "vitals.csv"):
        if (folder / name).exists():
            (folder / name).write_bytes((folder / name).read_bytes().replace(b"\n", b"\r\n"))

    assert load_run(folder).series.equals(before)


def test_operation_ids_are_shown_as_worker_and_ordinal(make_run, verdict) -> None:
    verdict["checks"][0]["examples"] = [(1 << 40) | 5, "0-2", {"id": 3}]

    checks = load_run(make_run(verdict=verdict)).verdict.checks

    assert checks[0].example_ids() == ["1-5", "0-2", '{"id": 3}']


def test_a_run_cut_off_before_its_verdict_says_so(make_run, row, manifest) -> None:
    run = load_run(make_run([row(0, [1000])], manifest))

    assert run.verdict is None
    assert run.missing == ("verdict.json is missing: the run was not judged.",)


def test_a_cut_off_verdict_is_missing_with_its_reason(make_run, row, manifest) -> None:
    folder = make_run([row(0, [1000])], manifest)
    (folder / "verdict.json").write_text('{"verdict": "PA')

    run = load_run(folder)

    assert run.verdict is None
    assert len(run.missing) == 1
    assert run.missing[0].startswith("verdict.json: Unterminated string")


def test_a_run_with_its_manifest_only_loads_and_names_the_rest(make_run, manifest) -> None:
    run = load_run(make_run(rows=None, manifest=manifest))

    assert len(run.series) == 0
    assert [sentence.split()[0] for sentence in run.missing] == [
        "verdict.json", "series.csv", "history/",
        "locust_stats.csv", "locust_stats_history.csv", "locust_failures.csv", "locust_exceptions.csv",
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["", "second,user_cl", "HEADER"])
def test_a_series_without_rows_is_empty_and_said_to_be(make_run, manifest, verdict, content: str) -> None:
    folder = make_run([], manifest, verdict)
    if content != "HEADER":
        (folder / "series.csv").write_text(content)

    run = load_run(folder)

    assert len(run.series) == 0
    assert str(run.series.dtypes["count"]) == "int64"
    assert "series.csv has no rows: no operation was recorded." in run.missing


@pytest.mark.parametrize(
    "data",
    [b"garbage", b"\x00\x01\xff\xfe", b"second,user_class,garbage", b"Timestamp,Name,co", b'{"a": "b"}', b'"a\nb'],
)
@pytest.mark.parametrize(
    ("name", "frame"),
    [(f"{table}.csv", table) for table in ("series", "vitals", "arrivals", "faults")] + [("locust_stats.csv", "stats")],
)
def test_a_file_of_something_else_is_refused_even_without_a_line_end(
    make_run, name: str, frame: str, data: bytes
) -> None:
    folder = make_run([])
    (folder / name).write_bytes(data)

    run = load_run(folder)

    with pytest.raises(RunError, match=name):
        getattr(run, frame)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("series.csv", b"second,user_cl"), ("series.csv", b"second,"), ("series.csv", b""),
        ("vitals.csv", b"second,wor"),
        ("faults.csv", b"name,kind,wh"), ("locust_stats.csv", b"Type,Name,Request Co"),
        ("locust_stats.csv", b'"Type","Name","Req'),
    ],
)  # fmt: skip
def test_a_header_that_was_cut_off_is_an_empty_file(make_run, name: str, data: bytes) -> None:
    folder = make_run([])
    (folder / name).write_bytes(data)
    run = load_run(folder)

    assert run.series.empty
    assert run.vitals.empty
    assert run.faults.empty
    assert run.stats.empty


@pytest.mark.parametrize("route", ["fast", "two\nlines"])
@pytest.mark.parametrize("cut", [1, 30, 90])
def test_a_last_row_that_was_cut_off_is_left_out_and_said_to_be(
    make_run, row, manifest, verdict, route: str, cut: int
) -> None:
    folder = make_run([row(0, [1000], route=route), row(1, [2000], route=route)], manifest, verdict)
    series = folder / "series.csv"
    series.write_bytes(series.read_bytes()[:-cut])

    run = load_run(folder)

    assert run.series["max_ms"].tolist() == [1.0]
    assert run.missing == ("series.csv ends in the middle of a row: that row is left out.",)


def foreign(folder: Path) -> dict[str, Path]:
    (folder / "file").write_text("")
    (folder / "empty").mkdir()
    (folder / "site").mkdir()
    (folder / "site" / "manifest.json").write_text('{"name": "a web app"}')
    (folder / "list").mkdir()
    (folder / "list" / "manifest.json").write_text("[1, 2]")
    return {name: folder / name for name in ("absent", "file", "empty", "site", "list")}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", "does not exist"),
        ("file", "is a file"),
        ("empty", "holds none of manifest.json"),
        ("site", "no run_id"),
        ("list", "holds none of"),
    ],
)
def test_what_is_no_run_directory_is_refused_in_one_line(tmp_path: Path, name: str, reason: str) -> None:
    path = foreign(tmp_path)[name]

    with pytest.raises(RunError, match=reason) as raised:
        load_run(path)

    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Timestamp,User Count\n1,2\n", "no column second"),
        ("HEADER\nx" + "," * 17 + "h,,,,,1,h\n", "'x'"),
        ("HEADER\n1,U,4\n", "row 0 .* has too few values"),
        ("HEADER\n1,U,4,a,a,0,ok,1,1,,,,,,,1,1,h\n", "row 0 .* has too few values"),
        (
            "HEADER\n1,U,4,a,a,0,ok,1,1,,,,,,,1,1,h,,,,,1,h\n9999999,U,4,a,a,0,ok,1,1,,,,,,,1,1,h,,,,,1,h\n",
            "spans 116 days",
        ),
    ],
)
def test_a_foreign_series_is_refused_in_one_line(make_run, content: str, reason: str) -> None:
    folder = make_run([])
    header = (folder / "series.csv").read_text().strip()
    (folder / "series.csv").write_text(content.replace("HEADER", header))

    with pytest.raises(RunError, match=reason) as raised:
        _ = load_run(folder).series

    assert "series.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_loading_reads_no_series(make_run) -> None:
    folder = make_run([])
    (folder / "series.csv").write_text("foreign\n1\n")

    run = load_run(folder)

    assert run.verdict is None
    with pytest.raises(RunError):
        _ = run.missing


@pytest.mark.slow
def test_importing_analysis_waits_for_nothing_it_may_not_need() -> None:
    script = "import analysis, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert not {"pandas", "numpy", "matplotlib", "scipy", "pyarrow"} & set(modules)
    assert {"Run", "load_run", "plots", "statistics"} <= set(dir(analysis))


@pytest.mark.slow
def test_loading_and_statistics_pull_in_no_load_generator_and_no_plots() -> None:
    script = "import analysis, sys; analysis.load_run, analysis.statistics; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert "analysis.run" in modules
    unwanted = ("locust", "gevent", "stageflow", "flask", "matplotlib", "scipy")
    found = {name for name in modules if name.split(".")[0] in unwanted}
    assert not found


@pytest.mark.slow
def test_everything_a_notebook_needs_is_imported_in_less_than_a_second() -> None:
    """Of processor time, and the least of three: other processes decide how long it takes."""
    script = """
import time
begin = time.process_time()
import analysis
analysis.load_run, analysis.compare, analysis.statistics, analysis.plots
print(time.process_time() - begin)
"""
    took = [float(subprocess.check_output([sys.executable, "-c", script])) for _ in range(3)]

    assert min(took) < 1.0


@pytest.mark.slow
def test_the_report_pulls_in_no_load_generator_and_no_pyplot() -> None:
    script = "import analysis.report.write, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert "matplotlib.figure" in modules
    assert "matplotlib.pyplot" not in modules
    assert not {name for name in modules if name.split(".")[0] in ("locust", "gevent", "stageflow", "flask")}
