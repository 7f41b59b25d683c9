"""The pipeline under test: how to find it, run it, read its decision, and see its stages without changing it."""
