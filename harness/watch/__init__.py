"""Watching a process from outside: a run ends, and says how, whatever the target does to its process."""
