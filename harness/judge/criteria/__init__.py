"""Criteria: thresholds on numbers folded from the series, and the stretches of a run they are asked of."""
