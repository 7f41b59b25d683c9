"""Whether the run itself can be trusted: a row for each thing that could make its numbers wrong."""
