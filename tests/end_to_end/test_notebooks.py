"""The notebooks run from top to bottom, on the example that is shipped and on a run that was just made."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from user_folder import Folder

from analysis import Measured, load_run, statistics
from analysis.cli import main
from analysis.report import readings, sentences
from analysis.report.write import write_report
from analysis.statistics import fits

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "analysis" / "notebooks"
EXAMPLES = tuple(ROOT / "results" / name for name in ("example", "example-busy", "example-overload", "example-storm"))


def execute(name: str, monkeypatch: pytest.MonkeyPatch, **environment: Path) -> list[nbformat.NotebookNode]:
    """Return the executed cells of a notebook; an error in one of them fails the test."""
    for variable, value in environment.items():
        monkeypatch.setenv(variable, str(value))
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[nbformat.NotebookNode], kind: str) -> list[str]:
    """Return what cells show of a MIME type."""
    outputs = [output for cell in cells for output in cell.outputs]
    return [output.data[kind] for output in outputs if "data" in output and kind in output.data]


def said(cells: list[nbformat.NotebookNode], stream: str) -> str:
    outputs = [output for cell in cells for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == stream)


@pytest.fixture(scope="module")
def of_example() -> list[nbformat.NotebookNode]:
    """The cells of the notebook for one run, executed where there is no run but the example."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("ROUTESWARM_RUN", raising=False)
        return execute("post_analysis.ipynb", monkeypatch)


def test_a_fresh_run_goes_through_both_notebooks(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.headless("-u", 4, "-r", 4, "-t", "3s").wait()
    run = load_run(folder.run.path)
    assert run.missing == ()

    cells = execute("post_analysis.ipynb", monkeypatch, ROUTESWARM_RUN=run.path)
    pages = "".join(shown(cells, "text/html"))
    assert run.name in pages
    assert "conservation" in pages
    assert len(shown(cells, "image/png")) >= 8
    assert "p95" in said(cells, "stdout")
    assert "No fault was injected: there is no fallback to see." in said(cells, "stdout")
    assert said(cells, "stderr") == ""

    paths = {"ROUTESWARM_BASELINE": run.path, "ROUTESWARM_CANDIDATE": run.path}
    cells = execute("compare_runs.ipynb", monkeypatch, **paths)
    assert "exit code:" in said(cells, "stdout")
    assert len(shown(cells, "image/png")) == 1


def test_without_a_run_of_ones_own_they_read_the_example(
    of_example: list[nbformat.NotebookNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("ROUTESWARM_BASELINE", "ROUTESWARM_CANDIDATE"):
        monkeypatch.delenv(variable, raising=False)

    assert len(shown(of_example, "image/png")) == 14
    tables = "".join(shown(of_example, "text/html"))
    for fault in load_run(EXAMPLES[3]).faults["name"]:
        assert fault in tables
    assert "Universal Scalability Law" in tables
    assert said(of_example, "stderr") == ""
    cells = execute("compare_runs.ipynb", monkeypatch)
    pages = shown(cells, "text/html")
    assert any("not comparable" in page and "num users" in page for page in pages)
    assert any("no difference shown" in page for page in pages)


def test_plain_locust_files_go_through_and_sections_say_what_they_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in EXAMPLES[0].glob("locust_*.csv"):
        shutil.copy(path, tmp_path)

    cells = execute("post_analysis.ipynb", monkeypatch, ROUTESWARM_RUN=tmp_path)
    said_so = said(cells, "stdout")
    for sentence in (
        "No fault was injected", "No fault windows", "single latencies are not known", "No history was kept",
        "latency by priority is not known", "percentiles are Locust's own",
    ):  # fmt: skip
        assert sentence in said_so
    measured = Measured(load_run(tmp_path))  # what Locust's own files do give is told as the report does
    assert sentences.over_time(measured) in said_so
    assert readings.percentiles(measured.percentile_curve) in said_so


def test_the_notebook_says_what_report_and_terminal_say(
    of_example: list[nbformat.NotebookNode], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown_in = " ".join(said(of_example, "stdout").split())
    for path, in_notebook in ((EXAMPLES[3], 6), (EXAMPLES[2], 3)):
        shutil.copytree(path, tmp_path / path.name)
        run = Measured(load_run(tmp_path / path.name))
        page = write_report(run.run).with_suffix(".md").read_text(encoding="utf-8").replace("\\", "")
        assert main(["curve", str(path)]) == 0
        assert main(["fallback", str(path)]) == 0
        terminal = " ".join(capsys.readouterr().out.split())
        of_run = [
            sentences.by_users(run), sentences.models(run), sentences.throughputs(run), sentences.over_time(run),
            readings.tail(run.tail), readings.confusion(run.confusion, run.undecided),
        ]  # fmt: skip
        assert all(sentence in page for sentence in of_run)
        assert all(sentence in terminal for sentence in of_run[:3])
        assert all(sentence in shown_in for sentence in of_run[:in_notebook])


@pytest.mark.parametrize("name", ["post_analysis.ipynb", "compare_runs.ipynb"])
def test_notebooks_are_kept_without_output(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)

    assert not [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]


def test_the_example_of_an_overload_has_a_knee_and_crosses_its_criterion() -> None:
    series = load_run(EXAMPLES[2]).series
    best = fits.best_fit(fits.fit_models(statistics.load_levels(series)))
    found = statistics.latency_crossing(series, 95, 500).iloc[0]

    assert best is not None
    assert best.model.name == "mmc"
    assert 20 < best.knee.low < best.knee.value < best.knee.high < 40
    assert 40 < found["users_low"] < found["users"] < found["users_high"] < 80
    assert found["missing"] == ""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_whole_valid_and_small(path: Path) -> None:
    run = load_run(path)

    assert run.missing == ()
    assert run.verdict is not None
    failed = [entry.name for entry in run.verdict.criteria if entry.status != "PASS"]
    assert failed == (["p95_ms < 500 at users >= 100"] if path.name == "example-overload" else [])
    assert {entry.status for entry in (*run.verdict.checks, *run.verdict.validity)} == {"VALID"}
    assert run.verdict.totals is not None
    assert len(run.operations) == run.verdict.totals.operations == int(run.series["count"].sum())
    assert sum(file.stat().st_size for file in path.rglob("*")) < 2_000_000
