"""A run directory as typed frames, read when first asked for."""

from __future__ import annotations

import io
import os
from functools import cached_property
from pathlib import Path

import pandas as pd

from analysis.documents import Manifest, Verdict, read_document
from harness.measure import vitals
from harness.measure.series import COLUMNS
from harness.words.errors import RunError

HISTOGRAMS = tuple(column for column in COLUMNS if column.endswith("hdr"))
"""Histograms of the four clocks, as text; ``hdr`` and ``lag_hdr`` are never empty."""
LABELS = ("user_class", "expected_route", "route", "outcome", *HISTOGRAMS)
"""Text columns of the series; empty text where there is no value, never NaN."""
INTEGERS = ("second", "priority", "tier", "count")
NUMBERS = tuple(column for column in COLUMNS if column.endswith("_ms") or column == "users")
"""Milliseconds, and users; NaN where there is no value."""

MAX_DAYS = 31
"""Longest run read: gaps between seconds are filled, so one wrong second would fill the memory."""

_TEXT_TYPE = "str"
_FILES = ("manifest.json", "series.csv", "verdict.json")


class Run:
    """One run directory. Nothing is read before it is asked for; what is not there is in ``missing``."""

    def __init__(self, path: Path) -> None:
        """Use ``load_run``: it says in one line when ``path`` is no run directory."""
        self.path = path

    @property
    def name(self) -> str:
        """The run's id: as in its manifest, else the folder's name."""
        return self.manifest.run_id or self.path.resolve().name

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

    @property
    def missing(self) -> tuple[str, ...]:
        """What a whole run has and this one lacks, one sentence each; empty for a whole run."""
        return (*self._document_faults, *self._series[1])

    @cached_property
    def _series(self) -> tuple[pd.DataFrame, tuple[str, ...]]:
        return read_series(self.path / "series.csv")

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


def load_run(path: str | os.PathLike[str]) -> Run:
    """Return the run in the directory ``path``; its frames are read when first used.

    A run that was cut off loads with what it has. Raises ``RunError`` where ``path`` is no run directory.
    """
    folder = Path(path)
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


def read_series(path: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the series frame (see ``Run.series``) and what it lacks, one sentence each.

    An absent file gives an empty frame; a last row without its line end was cut off and is left out.
    Raises ``RunError`` where the file has other columns or values that are no numbers.
    """
    if not path.is_file():
        return _empty_series(), ("series.csv is missing: there are no numbers over time.",)
    data = path.read_bytes()
    whole = _whole_rows(data)
    faults = ["series.csv ends in the middle of a row: that row is left out."] if whole != data else []
    frame = _parse(whole, path) if whole else _empty_series()
    if frame.empty:
        recorded = any((path.parent / "history").glob("operations-*.parquet"))
        faults.append(
            "series.csv has no rows: the run was cut off in its first seconds; its operations are in history/."
            if recorded
            else "series.csv has no rows: no operation was recorded."
        )
    return frame, tuple(faults)


def read_vitals(path: Path) -> pd.DataFrame:
    """Return the vitals frame (see ``Run.vitals``); raises ``RunError`` where the file holds something else."""
    data = _whole_rows(path.read_bytes()) if path.is_file() else b""
    kinds = {name: _TEXT_TYPE if name.endswith("_hdr") else "float64" for name in vitals.COLUMNS}
    kinds |= dict.fromkeys(("second", "worker", "gc_count"), "int64")
    if not data:
        return pd.DataFrame(columns=list(vitals.COLUMNS), dtype=_TEXT_TYPE).astype(kinds)
    try:
        frame = pd.read_csv(io.BytesIO(data), dtype=kinds, lineterminator="\n")
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error
    if tuple(frame.columns) != vitals.COLUMNS:
        raise RunError(f"{path}: columns {list(frame.columns)}, expected {list(vitals.COLUMNS)}")
    return frame


def _whole_rows(data: bytes) -> bytes:
    """Return ``data`` up to its last row's end. A line end inside quotes is part of a value."""
    end = data.rfind(b"\n") + 1
    while end and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return data[:end]


def _parse(data: bytes, path: Path) -> pd.DataFrame:
    types = dict.fromkeys(LABELS, _TEXT_TYPE) | dict.fromkeys(NUMBERS, "float64")
    empty = {column: [""] for column in (*INTEGERS, *NUMBERS)}
    try:
        frame = pd.read_csv(
            io.BytesIO(data), dtype=types, keep_default_na=False, na_values=empty, low_memory=False, lineterminator="\n"
        )
        absent = [column for column in COLUMNS if column not in frame.columns]
        if absent:
            raise RunError(f"{path}: no column {', '.join(absent)}; expected a RouteSwarm series")
        short = (frame[["hdr", COLUMNS[-1]]].fillna("") == "").any(axis=1)  # no row is without these
        if short.any():
            raise RunError(f"{path}: row {short.idxmax()} (0 is the first) has too few values")
        frame = frame.astype(dict.fromkeys(INTEGERS, "int64"))
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise RunError(f"{path}: {' '.join(str(error).split())}") from error
    if len(frame) and (days := (frame["second"].max() - frame["second"].min()) / 86_400) > MAX_DAYS:
        raise RunError(f"{path}: column second spans {days:.0f} days, expected at most {MAX_DAYS}")
    return frame


def _empty_series() -> pd.DataFrame:
    kinds = dict.fromkeys(INTEGERS, "int64") | dict.fromkeys(NUMBERS, "float64")
    return pd.DataFrame(columns=list(COLUMNS), dtype=_TEXT_TYPE).astype(kinds)


def _reason(path: Path, error: RunError) -> str:
    """Say 'is missing' for a missing file, else what is wrong with it."""
    return f"{path.name} is missing" if not path.exists() else f"{error}"
