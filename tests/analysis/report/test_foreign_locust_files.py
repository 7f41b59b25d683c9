"""Files of ``locust --csv`` as other versions, machines and runs leave them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from analysis import load_run, plots, wording
from analysis.cli import main
from analysis.report import figures, readings, sentences
from analysis.run_statistics import Measured
from analysis.statistics import locust_statistics
from analysis.statistics.locust_statistics import covers
from harness.words.errors import RunError

START = 1_740_000_000
SHARES = (0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1)


def percentiles(values: Sequence[int]) -> str:
    """Return Locust's percentiles of a sorted list, of few digits, or N/A of none."""
    if not values:
        return ",".join(["N/A"] * len(SHARES))
    return ",".join(str(values[min(int(share * len(values)), len(values) - 1)]) for share in SHARES)


def run_of(
    prefix: Path, write_locust, seconds: Sequence[tuple[int, list[int]]], *, full: bool, window: bool, failed: float = 0
) -> Path:
    """Write what Locust does: users and the latencies of each second, percentiles of the last ten or of all so far."""
    history, so_far = [], []
    by_second = [latencies for _, latencies in seconds]
    for second, (users, latencies) in enumerate(seconds):
        so_far = sorted([*so_far, *latencies])
        last = sorted(value for each in by_second[max(second - 9, 0) : second + 1] for value in each)
        n, bad = len(so_far), round(failed * len(so_far))
        mean, middle = (sum(so_far) / n, so_far[(n - 1) // 2]) if n else (0, 0)
        sums = f"{n},{bad},{middle},{mean},1,{max(so_far, default=0)},0"
        for kind, name in [("GET", "/a"), ("", "Aggregated")] if full else [("", "Aggregated")]:
            shown = last if window and name == "Aggregated" else so_far
            history.append(f"{START + second},{users},{kind},{name},{len(latencies)},0,{percentiles(shown)},{sums}")
    rates = f"{n / len(seconds)},{bad / len(seconds)}"
    stats = [
        f"{kind},{name},{n},{bad},{middle},{mean},1,{max(so_far)},0,{rates},{percentiles(so_far)}"
        for kind, name in (("GET", "/a"), ("", "Aggregated"))
    ]
    errors = [f"GET,/a,timeout,{bad},2025-01-01 00:00:00,2025-01-01 00:00:09"] if bad else []
    return write_locust(prefix, stats=stats, stats_history=history, failures=errors)


TWO_LEVELS = [(10, [100] * 50)] * 60 + [(20, [500] * 20)] * 30
GROWING = [(10, [20 + second] * 40) for second in range(60)]
EVEN = [(10, [100] * 50)] * 31 + [(20, [100] * 50)] * 30


@pytest.mark.parametrize("seconds", [TWO_LEVELS, GROWING], ids=["two levels", "growing"])
@pytest.mark.parametrize(
    ("full", "window", "expected"), [(True, True, "window"), (True, False, "not told"), (False, False, "so far")]
)
def test_what_a_percentile_covers_is_read_off_the_numbers(
    tmp_path: Path, write_locust, seconds, full: bool, window: bool, expected: str
) -> None:
    run = load_run(run_of(tmp_path / "p", write_locust, seconds, full=full, window=window))

    assert covers(run.stats_history) == expected
    assert locust_statistics.latency_by_users(run.stats_history).empty == (expected != "window")
    assert ("are of the last 10 seconds." in run.missing[0]) == (expected == "window")
    of = wording.latency_of(locust_statistics.latency_over_time(run.stats_history))
    assert ("last 10 s" in of, "so far" in of) == (expected == "window", expected == "so far")


def test_the_default_form_of_a_version_that_wrote_windows_is_known_for_it(tmp_path: Path, write_locust) -> None:
    run = load_run(run_of(tmp_path / "p", write_locust, GROWING, full=False, window=True))

    assert covers(run.stats_history) == "window"


def test_equal_latencies_do_not_tell(tmp_path: Path, write_locust) -> None:
    run = load_run(run_of(tmp_path / "p", write_locust, EVEN, full=True, window=True))

    assert covers(run.stats_history) == "not told"


class TestAllFailed:
    """A run of 300 requests, all of which failed after a minute."""

    @pytest.fixture
    def run(self, tmp_path: Path, write_locust) -> Measured:
        seconds = [(300, [60_000] * 5)] * 60
        return Measured(load_run(run_of(tmp_path / "p", write_locust, seconds, full=True, window=True, failed=1)))

    def test_no_plot_calls_its_latency_one_of_ok_operations(self, run: Measured) -> None:
        drawn = [
            plots.latency_over_time(run.latency_over_time),
            plots.latency_by_users(run.latency_by_users),
            plots.percentile_curve(run.percentile_curve),
            plots.latency_against_users(run.levels, run.fits),
            plots.throughput_against_users(run.levels, run.fits),
        ]
        for ax in drawn:
            words = [ax.get_xlabel(), ax.get_ylabel(), *(text.get_text() for text in ax.texts)]
            assert not [each for each in words if " ok" in each]
        labels = [ax.get_ylabel() for ax in drawn]
        labels[2] = drawn[2].get_xlabel()
        assert all("failed ones too" in label for label in labels)

    def test_no_sentence_does_either_and_the_failed_are_counted(self, run: Measured) -> None:
        said = [
            wording.reading_over_time(run.latency_over_time),
            sentences.by_users(run),
            readings.percentiles(run.percentile_curve),
            readings.throughputs(run.throughputs, run.fits),
            sentences.clocks(run),
            *(figure.lacks(run) for figure in figures.FIGURES),
        ]
        assert not [each for each in said if "ended ok" in each]
        assert "Of 300 requests 300 failed." in run.run.missing[0]


class TestNoneFailed:
    """A run in Locust's default form: reasons for what is not there are those of the files."""

    @pytest.fixture
    def prefix(self, tmp_path: Path, write_locust) -> Path:
        return run_of(tmp_path / "p", write_locust, EVEN, full=False, window=False)

    def test_reasons_name_what_the_files_lack(self, prefix: Path, capsys) -> None:
        run = Measured(load_run(prefix))
        lacks = {figure.name: figure.lacks(run) for figure in figures.FIGURES}

        assert "--csv-full-history" in lacks["latency-against-users"]
        assert lacks["tail-attribution"] == "Locust's files have no single operations"
        assert not [each for each in lacks.values() if "ended ok" in each]
        assert main(["curve", str(prefix)]) == 0
        out = capsys.readouterr().out
        assert "--csv-full-history" in out
        assert "ended ok" not in out

    def test_equal_throughputs_have_no_highest(self, prefix: Path) -> None:
        run = Measured(load_run(prefix))

        assert readings.throughputs(run.throughputs, run.fits).startswith("Throughput is about the same")


def test_a_level_that_was_not_held_is_the_reason_where_percentiles_are_of_the_last_seconds(
    tmp_path: Path, write_locust
) -> None:
    short = [(users, [20 + users] * 40) for users in range(1, 30)]
    run = Measured(load_run(run_of(tmp_path / "p", write_locust, short, full=True, window=True)))

    assert "held for 10 seconds" in sentences.by_users(run)


@pytest.mark.parametrize("table", ["stats", "failures"])
def test_a_last_row_without_a_line_end_is_read_where_the_file_is_written_whole(
    tmp_path: Path, write_locust, table: str
) -> None:
    prefix = run_of(tmp_path / "p", write_locust, EVEN, full=False, window=False, failed=0.5)
    path = prefix.with_name(f"p_{table}.csv")
    before = getattr(load_run(prefix), table)
    path.write_bytes(path.read_bytes().rstrip(b"\r\n"))

    found = getattr(load_run(prefix), table)
    assert len(found) == len(before) > 0
    assert found["name"].tolist() == before["name"].tolist()
    assert len(load_run(prefix).missing) == 1


def test_a_last_row_without_a_line_end_and_without_all_its_values_is_left_out(tmp_path: Path, write_locust) -> None:
    prefix = run_of(tmp_path / "p", write_locust, EVEN, full=False, window=False)
    path = prefix.with_name("p_stats.csv")
    path.write_bytes(path.read_bytes()[:-30])

    assert load_run(prefix).stats["name"].tolist() == ["/a"]
    assert any("p_stats.csv ends in the middle of a row" in each for each in load_run(prefix).missing)


def test_a_byte_that_is_not_utf_8_is_told_and_the_rest_is_read(tmp_path: Path, write_locust) -> None:
    prefix = run_of(tmp_path / "p", write_locust, EVEN, full=False, window=False)
    path = prefix.with_name("p_failures.csv")
    path.write_bytes(path.read_bytes() + b"GET,/a,Zeit\xfcberschreitung,3,,\r\n")
    run = load_run(prefix)

    assert run.failures["error"].tolist() == ["Zeit\ufffdberschreitung"]
    assert run.failures["count"].tolist() == [3]
    assert [each for each in run.missing if "p_failures.csv" in each and "UTF-8" in each]
    assert main(["curve", str(prefix)]) == 0


def test_several_prefixes_of_a_folder_are_named(tmp_path: Path, write_locust) -> None:
    for name in ("b", "a"):
        write_locust(tmp_path / name)
    with pytest.raises(RunError, match=r"several prefixes; expected one of them: a, b$"):
        load_run(tmp_path)

    for number in range(20):
        write_locust(tmp_path / f"c{number}")
    with pytest.raises(RunError, match=r"and 14 more$"):
        load_run(tmp_path)


@pytest.mark.parametrize("given", ["", "p", "p_requests.csv"])
def test_files_of_locust_before_0_14_are_called_that(tmp_path: Path, given: str) -> None:
    header = '"Method","Name","# requests","# failures","Median response time"\n'
    (tmp_path / "p_requests.csv").write_text(header)
    (tmp_path / "p_distribution.csv").write_text('"Name","# requests","50%","66%"\n')

    with pytest.raises(RunError, match=r"Locust before 0\.14"):
        load_run(tmp_path / given)


@pytest.mark.parametrize("table", ["stats", "stats_history"])
def test_columns_of_locust_0_14_are_called_that(tmp_path: Path, write_locust, table: str) -> None:
    prefix = write_locust(tmp_path / "p")
    path = prefix.with_name(f"p_{table}.csv")
    path.write_text('"Type","Name","# requests","# failures","Median response time"\n"GET","/a",3,0,5\n')

    with pytest.raises(RunError, match=rf"p_{table}\.csv: columns of Locust 0\.x"):
        getattr(load_run(prefix), table)


def test_files_of_locust_1_0_load(tmp_path: Path, write_locust) -> None:
    """They have a percentile more, no exceptions, no times of errors, and no last line end."""
    prefix = write_locust(tmp_path / "p")
    percents = ",".join(f'"{each}"' for each in ("50%", "95%", "99%", "99.9%", "99.99%", "99.999%", "100%"))
    sums = '"Median Response Time","Average Response Time","Min Response Time","Max Response Time"'
    header = f'"Type","Name","Request Count","Failure Count",{sums},"Average Content Size","Requests/s","Failures/s"'
    row = "4,0,50,51,1,90,0,1.00,0.00,50,90,90,90,90,90,90"
    prefix.with_name("p_stats.csv").write_text(f'{header},{percents}\n"GET","/a",{row}\n"None","Aggregated",{row}')
    prefix.with_name("p_failures.csv").write_text('"Method","Name","Error","Occurrences"')
    prefix.with_name("p_exceptions.csv").unlink()
    run = load_run(prefix)

    assert run.stats["name"].tolist() == ["/a", "Aggregated"]
    assert run.stats["count"].tolist() == [4, 4]
    assert run.failures.empty
