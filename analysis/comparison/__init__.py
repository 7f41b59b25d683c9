"""Comparing runs: is the candidate faster or slower than the baseline, route by route and percentile by percentile?"""

from analysis.comparison.compare import compare
from analysis.comparison.result import Comparison

__all__ = ["Comparison", "compare"]
