"""A run directory as frames, statistics, plots and report.

Needs neither Locust, gevent nor Stageflow, so that a notebook is not monkey-patched.
"""

from analysis.run import Run, load_run

__all__ = ["Run", "load_run"]
