"""The keeping side of a run, in a master or a single process: deltas in, a run directory out."""
