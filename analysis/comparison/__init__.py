"""Comparing runs: is the candidate faster or slower than the baseline, route by route and percentile by percentile?"""

from analysis.comparison.result import Comparison
from analysis.comparison.sides import compare

__all__ = ["Comparison", "compare"]
