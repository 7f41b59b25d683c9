"""The load side of a run in one process: what its users share, from its start to what it hands over."""
