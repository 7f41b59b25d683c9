"""Symbolic links in a run from somebody else: nothing is read, shown or written through one that leads out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis import load_run
from analysis.cli import main
from harness.words.errors import RunError
from harness.words.links import leads_out, links_out

FILES = (
    "series.csv",
    "manifest.json",
    "verdict.json",
    "faults.csv",
    "history",
    "locust_stats.csv",
    "plots",
    "report.html",
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the run, with a file that must be neither shown nor changed."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "secret").write_text("secret")
    return path


@pytest.mark.parametrize("name", FILES)
def test_a_run_with_a_link_out_of_it_is_refused_in_one_line(
    make_run, row, manifest, verdict, outside: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = make_run([row(0, [1000])], manifest, verdict)
    if (path / name).exists():
        (path / name).rename(path.with_name(f"kept-{name}"))
    (path / name).symlink_to(outside if name in ("history", "plots") else outside / "secret")
    with pytest.raises(RunError, match=f"{name} is a link"):
        load_run(path)
    for command in (["report", path], ["export", path, "series", "--format", "csv"]):
        assert main([str(word) for word in command]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1
        assert "secret" not in said.out + said.err
    assert [file.name for file in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "secret"


def test_a_link_deep_in_a_run_is_found_and_one_to_another_place_in_it_is_none(
    make_run, row, manifest, verdict, outside: Path
) -> None:
    path = make_run([row(0, [1000])], manifest, verdict)
    (path / "history").mkdir(exist_ok=True)
    (path / "history" / "inner.csv").symlink_to("../series.csv")
    latest = path.with_name("latest")
    latest.symlink_to(path.name)
    assert load_run(latest).series["count"].tolist() == [1]
    (path / "history" / "operations-w001-000000.parquet").symlink_to(outside / "secret")
    with pytest.raises(RunError, match="operations-w001-000000"):
        load_run(latest)


def test_a_link_among_locusts_own_files_is_not_followed_either(write_locust, tmp_path: Path, outside: Path) -> None:
    prefix = write_locust(tmp_path / "locust" / "mine")
    load_run(prefix)
    (tmp_path / "locust" / "mine_failures.csv").unlink(missing_ok=True)
    (tmp_path / "locust" / "mine_failures.csv").symlink_to(outside / "secret")
    with pytest.raises(RunError, match="mine_failures"):
        load_run(prefix)


def test_a_loop_of_links_leads_out(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "up").symlink_to("..")
    assert leads_out(tmp_path / "a", tmp_path)
    assert [str(link) for link in links_out(tmp_path)] == ["a", "b", "up"]
