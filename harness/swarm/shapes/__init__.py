"""Load shapes for Locust: how many users run, and in which steps."""
