"""A run directory as frames, statistics, plots and report.

Needs neither Locust, gevent nor Stageflow, so that a notebook is not monkey-patched.
"""

from analysis.comparison import Comparison, compare
from analysis.run import Run, columns_of, load_run, load_runs

__all__ = ["Comparison", "Run", "columns_of", "compare", "load_run", "load_runs"]
