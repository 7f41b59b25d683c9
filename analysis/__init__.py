"""A run directory as frames, statistics, plots, report and comparison.

Needs neither Locust, gevent nor Stageflow, so that a notebook is not monkey-patched. What is named here is imported
when it is first used: pandas and matplotlib take a second between them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis import plots, statistics
    from analysis.comparison import Comparison, compare
    from analysis.files.history import read_table
    from analysis.run import Run, columns_of, load_run, load_runs
    from analysis.run_statistics import Measured

__all__ = [
    "Comparison",
    "Measured",
    "Run",
    "columns_of",
    "compare",
    "load_run",
    "load_runs",
    "plots",
    "read_table",
    "statistics",
]

_HOME = {
    "Comparison": "analysis.comparison",
    "Measured": "analysis.run_statistics",
    "Run": "analysis.run",
    "columns_of": "analysis.run",
    "compare": "analysis.comparison",
    "load_run": "analysis.run",
    "load_runs": "analysis.run",
    "read_table": "analysis.files.history",
}

_OF_REPORT = frozenset({"fault_rows", "readings", "sentences", "views"})
"""Modules that copies of the notebooks import from here."""


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _OF_REPORT:
        return import_module(f"analysis.report.{name}")
    if name in __all__:
        return import_module(f"analysis.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
