"""Checkers of the way down a fallback chain: what was tried, in which order, with which context and breakers."""
