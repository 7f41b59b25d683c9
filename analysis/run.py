"""A run directory, or the files of ``locust --csv PREFIX``, as typed frames, read when first asked for."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd

from analysis import html, wording
from analysis.files import history, locust_files
from analysis.files.columns import ARRIVALS, EVERY_TABLE, HISTORY
from analysis.files.csv_rows import read_rows
from analysis.files.documents import Manifest, Verdict, read_document
from analysis.files.faults_file import read_faults
from analysis.files.series_file import read_series, read_vitals
from analysis.statistics import locust_statistics
from harness.words.errors import RunError, printable
from harness.words.links import leads_out, links_out

_FILES = ("manifest.json", "series.csv", "verdict.json")
_TABLES_OF_ALL = ("operations", "spans")
"""Tables of the history that every run has; the others are there where the target or a fault plan gives them."""


class Run:
    """One run. Nothing is read before it is asked for; what is not there is in ``missing``.

    Columns, units and types of every frame are in ``files.columns``, and ``columns_of("operations")`` shows them.
    Where a file is missing its frame is empty, with the same columns.
    """

    def __init__(self, path: Path, *, plain: bool = False) -> None:
        """Use ``load_run``: it says in one line when ``path`` is no run. ``plain`` is for Locust's files alone."""
        self.path = path
        self.plain = plain
        """Whether there are Locust's CSV files alone; ``path`` then is their prefix."""

    @property
    def name(self) -> str:
        """The run's id: as in its manifest, else the name of its folder or prefix."""
        return self.manifest.run_id or (self.path.name if self.plain else self.path.resolve().name)

    @property
    def manifest(self) -> Manifest:
        """What was run, with what, where and when; empty fields where the file is missing or broken."""
        found = self._documents[0]
        return found if found is not None else Manifest()

    @property
    def verdict(self) -> Verdict | None:
        """Criteria, checks, validity, totals; None where the run was cut off before it was judged."""
        return self._documents[1]

    @property
    def series(self) -> pd.DataFrame:
        """One row per second and label set, in the order of ``series.csv``.

        Columns: ``second`` (Unix second in which the outcome was known), ``priority`` (0-9), ``tier`` and
        ``count`` as int64; ``sum_ms`` to ``max_ms`` as float64 milliseconds and ``users`` as float64, NaN where
        not measured; ``user_class``, ``expected_route``, ``route``, ``outcome``, ``hdr`` and the ``..._hdr`` of the
        other clocks (base64 HdrHistograms, microseconds) as text.
        Raises ``RunError`` where the file is no series.
        """
        return self._series[0]

    @cached_property
    def vitals(self) -> pd.DataFrame:
        """One row per second and loading process, in the order of ``vitals.csv``; empty where there is none.

        Columns as in ``docs/definitions.md``: ``second``, ``worker`` and ``gc_count`` as int64; ``users`` and
        milliseconds as float64, NaN where not measured; the ``..._hdr`` as text.
        Raises ``RunError`` where the file holds something else.
        """
        return read_vitals(self.path / "vitals.csv")

    @cached_property
    def arrivals(self) -> pd.DataFrame:
        """One row per second of a schedule: ``second, due, not_delivered``; empty where there was none."""
        return read_rows(self.path / "arrivals.csv", ARRIVALS)[0]

    @cached_property
    def faults(self) -> pd.DataFrame:
        """One row per window of a fault, as it was judged, in the order of ``faults.csv``; empty where there was none.

        Columns as in the file, and ``start_ns``, ``end_ns``, ``start_s``, ``end_s``: see ``columns_of("faults")``.
        ``plots.shade_windows`` and ``statistics.load_levels`` take it.
        Raises ``RunError`` where the file holds something else.
        """
        second = self.series["second"].min()
        return read_faults(self.path / "faults.csv", None if pd.isna(second) else int(second))

    @cached_property
    def operations(self) -> pd.DataFrame:
        """One row per operation, in order of worker and time; see ``read`` for some columns or rows of it."""
        return self.read("operations")

    @cached_property
    def baseline(self) -> pd.DataFrame:
        """The operations that were sent one after the other, before the load; columns as ``operations``."""
        return self.read("baseline")

    @cached_property
    def spans(self) -> pd.DataFrame:
        """One row per execution of a stage."""
        return self.read("spans")

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One row per attempt, of operations whose target tells them."""
        return self.read("attempts")

    @cached_property
    def injections(self) -> pd.DataFrame:
        """One row per operation that a fault hit."""
        return self.read("injections")

    @cached_property
    def calls(self) -> pd.DataFrame:
        """One row per call of a simulated backend."""
        return self.read("calls")

    @cached_property
    def edges(self) -> pd.DataFrame:
        """One row per change of state, of a fault's window or of a circuit breaker."""
        return self.read("edges")

    @property
    def stats(self) -> pd.DataFrame:
        """Locust's statistics over the whole run: one row per route, and one named Aggregated."""
        return self._locust("stats")

    @property
    def stats_history(self) -> pd.DataFrame:
        """Locust's statistics as they went, one row per second (and route)."""
        return self._locust("stats_history")

    @property
    def failures(self) -> pd.DataFrame:
        """Locust's failed requests by error."""
        return self._locust("failures")

    @property
    def exceptions(self) -> pd.DataFrame:
        """Exceptions of user classes, as Locust counted them."""
        return self._locust("exceptions")

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        ids: Collection[int] | None = None,
        filters: history.Filters | history.Alternatives | None = None,
    ) -> pd.DataFrame:
        """Return a table of the history anew, with some columns, or the rows of some operations, only.

        ``run.read("operations", ["end_ns", "route"], filters=[("outcome", "=", "ok")])`` needs a tenth of the memory
        of ``run.operations``. Raises ``RunError`` for a table that is none, and where its files hold something else.
        """
        if table not in HISTORY:
            raise RunError(f"no table {table} in a history; expected one of {', '.join(HISTORY)}")
        return history.read_table(self._history, table, columns, ids, filters, left_out=self._left_out)

    @property
    def missing(self) -> tuple[str, ...]:
        """What a whole run has and this one lacks, one sentence each; empty for a whole run.

        A part of the history whose pages are damaged is found, left out and named when it is read.
        """
        if self.plain:
            return (locust_statistics.caution(self.stats_history), *self._locust_faults)
        return (*self._document_faults, *self._series[1], *self._history_faults, *self._locust_faults)

    @cached_property
    def _series(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        return read_series(self.path / "series.csv")

    @property
    def _history(self) -> Path:
        return self.path / "history"

    @cached_property
    def _left_out(self) -> dict[str, str]:
        """Damaged parts of the history that were met so far, with the reason."""
        return {}

    @property
    def _history_faults(self) -> tuple[str, ...]:
        if not any(self._history.glob("*.parquet")):
            return ("history/ has no tables: there are no single operations.",)
        absent = [table for table in _TABLES_OF_ALL if not any(self._history.glob(f"{table}-w*.parquet"))]
        broken = [fault for table in HISTORY for fault in history.damaged(self._history, table, self._left_out)]
        return (*(f"history/ has no {table}." for table in absent), *broken)

    @cached_property
    def _locust_tables(self) -> dict[str, tuple[pd.DataFrame, str | None]]:
        return {}

    def _locust(self, table: locust_files.Table) -> pd.DataFrame:
        tables = self._locust_tables
        if table not in tables:
            tables[table] = locust_files.read(self.path if self.plain else self.path / "locust", table)
        return tables[table][0]

    @property
    def _locust_faults(self) -> tuple[str, ...]:
        for table in locust_files.TABLES:
            self._locust(table)
        return tuple(fault for _, fault in self._locust_tables.values() if fault is not None)

    @cached_property
    def _read(self) -> tuple[Manifest | None, Verdict | None, tuple[str, ...]]:
        manifest: Manifest | None = None
        verdict: Verdict | None = None
        faults: list[str] = []
        try:
            manifest = read_document(self.path / "manifest.json", Manifest)
        except RunError as error:
            faults.append(f"{_reason(self.path / 'manifest.json', error)}: what was run, and how, is not known.")
        try:
            verdict = read_document(self.path / "verdict.json", Verdict)
        except RunError as error:
            faults.append(f"{_reason(self.path / 'verdict.json', error)}: the run was not judged.")
        return manifest, verdict, tuple(faults)

    @property
    def _documents(self) -> tuple[Manifest | None, Verdict | None]:
        return self._read[:2]

    @property
    def _document_faults(self) -> tuple[str, ...]:
        return self._read[2]

    def __repr__(self) -> str:
        return f"Run({os.fspath(self.path)!r})"

    def _repr_html_(self) -> str:
        """Return a run in short: its name, verdict, size, and what is missing; reads no history."""
        verdict, totals = self.verdict, self.verdict.totals if self.verdict is not None else None
        word = verdict.verdict if verdict is not None else wording.NOT_JUDGED
        facts = {
            "operations": wording.number(totals.operations) if totals is not None else None,
            "p95": wording.milliseconds(totals.p95_ms) if totals is not None else None,
            "most users": wording.number(totals.users_max) if totals is not None and totals.users_max else None,
            "duration": wording.seconds(totals.duration_s) if totals is not None else None,
            "target": html.text(self.manifest.options.get("target")),
            "started": self.manifest.t0,
        }
        rows = "".join(html.row(name, value) for name, value in facts.items() if value is not None)
        missing = "".join(f"<li>{html.text(sentence)}</li>" for sentence in self.missing)
        lacks = f"<p>This run is not whole:</p><ul>{missing}</ul>" if missing else ""
        return f"<div><p>{html.badge(word)} <b>{html.text(self.name)}</b></p><table>{rows}</table>{lacks}</div>"


def load_run(path: str | os.PathLike[str]) -> Run:
    """Return the run in the directory ``path``, or of the files that ``locust --csv path`` wrote.

    Its frames are read when first used. A run that was cut off loads with what it has. Of Locust's files a prefix, one
    of the files, or a folder with those of one prefix will do.
    Raises ``RunError`` where ``path`` is no run, or has a link that leads out of it.
    """
    folder = Path(path)
    if any((folder / name).is_symlink() or (folder / name).exists() for name in _FILES):
        _require_closed(folder, links_out(folder))
    run = _load(folder)
    if run.plain:  # what else is in its folder is not the run's
        of_run = sorted(run.path.parent.glob(f"{glob.escape(run.path.name)}_*"))
        out = (file for file in of_run if file.is_symlink() and leads_out(file, run.path.parent))
        _require_closed(run.path, out)
    return run


def _require_closed(run: Path, links: Iterable[Path]) -> None:
    """Refuse a run with a link that leads out of it: what somebody else made could show, or replace, any file."""
    for link in links:
        raise RunError(f"{run}: {printable(str(link))} is a link that leads out of the run, and is not followed")


def _load(folder: Path) -> Run:
    if not any((folder / name).exists() for name in _FILES) and (prefix := locust_files.prefix_of(folder)) is not None:
        return Run(prefix, plain=True)
    if not any((folder / name).exists() for name in _FILES):
        locust_files.refuse_unclear(folder)
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise RunError(f"{folder}: {found}; expected a run directory such as results/latest")
    if (folder / "series.csv").is_file() or (folder / "verdict.json").is_file():
        return Run(folder)
    try:
        manifest = read_document(folder / "manifest.json", Manifest)
    except RunError as error:
        wanted = ", ".join(_FILES)
        raise RunError(f"{folder}: holds none of {wanted}; expected a run directory such as results/latest") from error
    if manifest.run_id is None:
        raise RunError(f"{folder}: manifest.json is not a run's (no run_id); expected a directory under results/")
    return Run(folder)


def load_runs(pattern: str) -> list[Run]:
    """Return the runs whose paths match ``pattern``, such as ``results/2025*-route-*``, sorted by path.

    Each run is there once, whether a link such as ``latest``, or several of Locust's files, lead to it. Whatever
    ``load_run`` takes is a pattern, too. Raises ``RunError`` where nothing matches, and for a path that is no run.
    """
    paths = [Path(path) for path in sorted(glob.glob(pattern))]  # noqa: PTH207  # of any folder, absolute ones too
    if not paths and locust_files.prefix_of(Path(pattern)) is not None:
        paths = [Path(pattern)]
    if not paths:
        raise RunError(f"{pattern}: matches nothing; expected run directories such as 'results/2*'")
    found: dict[Path, Run] = {}
    for path in sorted(paths, key=lambda path: (path.is_symlink(), path)):  # a run goes by its own name
        run = load_run(path)
        found.setdefault(run.path.resolve(), run)
    return sorted(found.values(), key=lambda run: run.path)


def columns_of(table: str) -> pd.DataFrame:
    """Return what the columns of a frame mean: one row per column with ``column, type, unit, meaning``.

    For every frame of a ``Run``. Raises ``RunError`` for another name.
    """
    if table not in EVERY_TABLE:
        raise RunError(f"no table {table}; expected one of {', '.join(EVERY_TABLE)}")
    rows = [(each.name, each.type, each.unit, each.meaning) for each in EVERY_TABLE[table]]
    return pd.DataFrame(rows, columns=["column", "type", "unit", "meaning"])


def _reason(path: Path, error: RunError) -> str:
    """Say 'is missing' for a missing file, else what is wrong with it."""
    return f"{path.name} is missing" if not path.exists() else f"{error}"
