"""Layer 2: the reference target and its simulated model backends. Importing this package imports neither."""
