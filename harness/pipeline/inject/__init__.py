"""The faults of a plan, put around the calls of any target without changing it, and undone."""
