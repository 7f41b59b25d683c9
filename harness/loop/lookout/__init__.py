"""Noticing that a step holds the thread, or that the target has forked."""
