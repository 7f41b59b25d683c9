"""The files of a run directory, and Locust's own, as typed documents and frames."""
